# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: run a case's program once plain and once under strace.
#
# Inputs: /case/guest.sh, which defines up (sets up the scene) and run (runs the program,
#   with "$@" before it); COLUMN; the case's knobs; SNAPSHOT, set in a guest to be saved:
#   column and program then come from vm/guest/save-here.
# Outputs: JSON lines on stdout, strace's log on fd 3, the rest on stderr.
# Exit: 0 everything ran, whatever its result; else the lab failed.
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
times >/dev/null # gdbscripts/guest.py waits for it
status=0
run >/tmp/rows || status=$?
cat /tmp/rows
echo "{\"exit\":$status}"

# The kernel releases some resources only some time after close(), so the second run may not
# get what the first one held. Repeat it until it ends like the first, up to 50 times.
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
