# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: one run of the program that repro/why was given.
#
# Inputs: /case/command, the program and its arguments as shell words; /case/setup,
#   what to run before it (the case's scene, where there is none); SECONDS_MAX, what
#   the program may take; STRACE, 1 to trace it; the case's knobs.
# Outputs: {"exit"}, or {"setup"} where that failed, on stdout; strace's log on fd 3, the rest on stderr.
# Exit: 0 the program was run, whatever came out of it; else the lab failed.
set -eu

cd /case
ldconfig
busybox --install -s /bin
if [ -e setup ]; then
	sh ./setup >&2 || {
		echo "{\"setup\":$?}"
		exit 0
	}
else
	# shellcheck source=/dev/null
	. ./guest.sh
	up >&2
fi
eval "set -- $(cat command)"
if [ "$STRACE" = 1 ]; then
	set -- strace -f -n -s 256 -o /tmp/strace "$@"
fi
status=0
# Into a file: a terminal or a pipe would fail an ioctl of its own.
timeout -s KILL "$SECONDS_MAX" "$@" </dev/null >/tmp/output 2>&1 3>&- || status=$?
cat /tmp/output >&2
if [ "$STRACE" = 1 ]; then
	cat /tmp/strace >&3
fi
echo "{\"exit\":$status}"
