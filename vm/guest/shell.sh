# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a shell with the case's scene up, for repro/shell.
#
# Inputs: /case/guest.sh and the case's knobs; /case/commands, what the shell is to do,
#   or else a terminal on /dev/hvc0 of ROWS and COLS.
# Outputs: the commands' on stdout and fd 3, and at last {"exit":STATUS} on stdout;
#   or all of it on the terminal.
# Exit: 0 the shell has ended; else the lab failed.
set -eu

# shellcheck source=/dev/null
. /case/guest.sh
up >&2
busybox --install -s /bin 2>/dev/null || true # those that are not there
cd /case
if [ -e commands ]; then
	status=0
	sh <commands 2>&3 || status=$?
	kill -KILL -1 2>/dev/null || true # nobody prints after this:
	printf '\n{"exit":%d}\n' "$status"
	exit
fi
# The session's leader opens it: it becomes the controlling terminal.
exec <>/dev/hvc0 >&0 2>&1
stty rows "$ROWS" cols "$COLS"
echo 'alias ip=/bin/ip' >/tmp/ashrc # busybox's shell would take its own
# Not dash: an interactive shell wants a line that can be edited.
ENV=/tmp/ashrc PS1='xsklab:\w# ' busybox sh -i || true
