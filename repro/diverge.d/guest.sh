# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: run a program once, recorded, under strace.
#
# Inputs: /case/guest.sh, the case's up() and run(); /case/command, instead of run(): the
#   program and its arguments as shell words; /case/setup, instead of up(): a script;
#   SECONDS_MAX, the program's deadline; RECORD, 1 to trace it; the case's knobs.
# Outputs: on stdout {"exit"}, or {"setup"} if that failed; strace's log on fd 3, the rest on stderr.
# Exit: 0 the program ran, whatever its result; else the lab failed.
set -eu

cd /case
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ldconfig
busybox --install -s /bin
[ ! -d over ] || cp -r over/. /
# shellcheck source=/dev/null
. ./guest.sh
if [ -e command ]; then
	run() {
		eval "set -- \"\$@\" $(cat /case/command)"
		timeout -s KILL "$SECONDS_MAX" "$@" </dev/null
	}
fi
if [ -e setup ]; then
	sh ./setup >&2 || {
		echo "{\"setup\":$?}"
		exit 0
	}
else
	up >&2
fi
times >/dev/null # gdbscripts/guest.py waits for it
set --
if [ "$RECORD" = 1 ]; then
	set -- strace -f -n -s 256 -o /tmp/strace
	[ ! -d lib ] || set -- "$@" -E LD_LIBRARY_PATH=/case/lib
	set -- "$@" begin
elif [ -d lib ]; then
	set -- env LD_LIBRARY_PATH=/case/lib
fi
status=0
# Into a file: on a terminal or a pipe, an ioctl of the program could fail.
run "$@" >/tmp/output 2>&1 3>&- || status=$?
cat /tmp/output >&2
[ ! -e /tmp/strace ] || cat /tmp/strace >&3
echo "{\"exit\":$status}"
