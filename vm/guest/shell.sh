# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a shell with the case's scene up, for repro/shell.
#
# Inputs: /case/guest.sh and the case's knobs; /case/commands for the shell, or else a
#   terminal of ROWS and COLS on /dev/hvc0.
# Outputs: the commands' on stdout and fd 3, then {"exit":STATUS} on stdout; or everything
#   on the terminal.
# Exit: 0 the shell has ended; else the lab failed.
set -eu

# shellcheck source=/dev/null
. /case/guest.sh
up >&2
busybox --install -s /bin 2>/dev/null || true # only missing ones
cd /case
if [ -e commands ]; then
	status=0
	sh <commands 2>&3 || status=$?
	kill -KILL -1 2>/dev/null || true # so that nothing follows this line:
	printf '\n{"exit":%d}\n' "$status"
	exit
fi
# The session leader opens it, so it becomes the controlling terminal.
exec <>/dev/hvc0 >&0 2>&1
stty rows "$ROWS" cols "$COLS"
echo 'alias ip=/bin/ip' >/tmp/ashrc # busybox's shell prefers its own
# Not dash: an interactive shell needs line editing.
ENV=/tmp/ashrc PS1='xsklab:\w# ' busybox sh -i || true
