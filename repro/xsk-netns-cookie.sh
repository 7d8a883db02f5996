# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: the daemon's sockets once as they are and once under strace.
#
# Inputs: VARIANT (before or after), and those of netns/colliding-veth.
# Outputs: JSON lines on stdout, strace's log on fd 3, the rest on stderr.
# Exit: 0 everything was run, whatever came out of it; else the lab failed.
set -eu

phase() { echo "{\"phase\":\"$1\"}"; }

daemon() {
	"$@" "/case/$CASE.$VARIANT" --ingress outer --egress inner \
		--egress-netns inner-ns --queues "$QUEUES"
}

# A socket's queue is released some time after close(), so the second run gets
# a pair of its own.
phase set-up
colliding-veth up
phase topology
colliding-veth show
phase run
status=0
daemon || status=$?
echo "{\"exit\":$status}"
phase strace
colliding-veth up
status=0
daemon strace -f -o '|cat >&3' || status=$?
echo "{\"exit\":$status}"
