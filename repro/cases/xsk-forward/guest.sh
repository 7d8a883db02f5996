# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: client -- outer (the forwarder) inner -- server, each end of the two veth pairs
# in a namespace of its own:
#
#   client-ns | root          inner-ns | server-ns
#   client ---- outer          inner ---- server
#
# Knobs: LAYOUT, whether outer and inner have the same ifindex; QUEUES of each device;
#   NEED_WAKEUP; PACKETS. Under strace, where each call takes long, one packet a flow has to do.

up() {
	case $LAYOUT in
	colliding) inner_index=4242 ;;
	*) inner_index=4243 ;;
	esac
	each="numrxqueues $QUEUES numtxqueues $QUEUES"
	ip -batch - <<-EOF
		netns add client-ns
		netns add inner-ns
		netns add server-ns
		link add outer index 4242 $each type veth peer name client netns client-ns $each
		link set outer addrgenmode none
		link set outer up
	EOF
	ip -n inner-ns -batch - <<-EOF
		link add inner index $inner_index $each type veth peer name server netns server-ns $each
	EOF
	for device in client inner server; do
		ip -n $device-ns -batch - <<-EOF
			link set $device addrgenmode none
			link set $device up
		EOF
	done
	ip -json -details addr show dev outer
	for device in client inner server; do
		ip -json -details -n $device-ns addr show dev $device
	done
}

run() {
	count=$PACKETS
	[ $# = 0 ] || count=8
	"$@" /case/program "$count" "$QUEUES" "$NEED_WAKEUP"
}
