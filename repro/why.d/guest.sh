# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: run the program of repro/why once.
#
# Inputs: /case/command, the program and its arguments as shell words; /case/setup,
#   a script to run first (without it, the case's up() runs); SECONDS_MAX, the
#   program's deadline; STRACE, 1 to trace it; the case's knobs.
# Outputs: on stdout {"exit", "said"}, the program's status and its last line of output, or
#   {"setup", "said"} if the setup failed; strace's log on fd 3, the rest on stderr.
# Exit: 0 the program ran, whatever its result; else the lab failed.
set -eu

# Print the last line of a file that is not empty, for JSON.
last_line() { grep . "$1" | tail -n 1 | tr -cd ' -~' | cut -c1-200 | sed 's/["\\]/\\&/g'; }

cd /case
# Programs may be in any of these folders, as on the host. Applets of busybox come last.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ldconfig
busybox --install -s /bin
[ ! -d over ] || cp -r over/. /
if [ -e setup ]; then
	status=0
	sh ./setup >setup.said 2>&1 || status=$?
	cat setup.said >&2
	[ "$status" = 0 ] || {
		echo "{\"setup\":$status,\"said\":\"$(last_line setup.said)\"}"
		exit 0
	}
else
	# shellcheck source=/dev/null
	. ./guest.sh
	up >&2
fi
times >/dev/null # gdbscripts/guest.py waits for it
eval "set -- $(cat command)"
if [ "$STRACE" = 1 ]; then
	set -- strace -f -n -s 256 -o /tmp/strace "$@"
fi
status=0
# Write to a file: on a terminal or a pipe, the program may try an ioctl that fails.
timeout -s KILL "$SECONDS_MAX" "$@" </dev/null >/tmp/output 2>&1 3>&- || status=$?
cat /tmp/output >&2
if [ "$STRACE" = 1 ]; then
	cat /tmp/strace >&3
fi
echo "{\"exit\":$status,\"said\":\"$(last_line /tmp/output)\"}"
