# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: the daemon's sockets once as they are and once under strace.
#
# Inputs: VARIANT (before or after), and those of netns/colliding-veth; or SNAPSHOT,
#   where this is a guest to be saved: VARIANT and program are then vm/guest/restored's.
# Outputs: JSON lines on stdout, strace's log on fd 3, the rest on stderr.
# Exit: 0 everything was run, whatever came out of it; else the lab failed.
set -eu

phase() { echo "{\"phase\":\"$1\"}"; }

daemon() {
	"$@" "/case/$CASE.$VARIANT" --ingress outer --egress inner \
		--egress-netns inner-ns --queues "$QUEUES"
}

phase set-up
colliding-veth up
phase topology
colliding-veth show
if [ -n "${SNAPSHOT-}" ]; then
	VARIANT=$(restored)
	echo "{\"restored\":\"$VARIANT\"}"
fi
phase run
status=0
daemon || status=$?
echo "{\"exit\":$status}"

# The kernel releases a socket's queue some time after close(): strace is tried
# until the first run's is, 50 times at most.
phase strace
try=0
status=0
while daemon strace -f -n -o /tmp/strace >/tmp/sockets || status=$?
	[ "$status" != 0 ] && grep -q EBUSY /tmp/strace && [ $((try += 1)) -lt 50 ]; do
	sleep 0.1
	status=0
done
cat /tmp/sockets
cat /tmp/strace >&3
echo "{\"exit\":$status}"
