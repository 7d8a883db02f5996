# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a case's program once as it is and once under strace.
#
# Inputs: /case/guest.sh, which defines up (the scene) and run (the program, behind what
#   "$@" says); COLUMN; the case's knobs; SNAPSHOT, where this is a guest to be saved:
#   column and program are then vm/guest/save-here's.
# Outputs: JSON lines on stdout, strace's log on fd 3, the rest on stderr.
# Exit: 0 everything was run, whatever came out of it; else the lab failed.
set -eu

# shellcheck source=/dev/null
. /case/guest.sh

phase() { echo "{\"phase\":\"$1\"}"; }

errors() { grep -o '"errno": *[0-9]*' "$1" || true; }

phase set-up
up
if [ -n "${SNAPSHOT-}" ]; then
	COLUMN=$(save-here)
	echo "{\"restored\":\"$COLUMN\"}"
fi
phase run
status=0
run >/tmp/rows || status=$?
cat /tmp/rows
echo "{\"exit\":$status}"

# The kernel releases some things some time after close(): what the first run held may
# be refused to the second, which is made until it ends as the first did, 50 times at most.
phase strace
try=0
first=$(errors /tmp/rows)
while
	status=0
	run strace -f -n -s 128 -o /tmp/strace >/tmp/again || status=$?
	[ "$(errors /tmp/again)" != "$first" ] && [ $((try += 1)) -lt 50 ]
do
	sleep 0.1
done
cat /tmp/again
[ ! -e /tmp/strace ] || cat /tmp/strace >&3
echo "{\"exit\":$status}"
