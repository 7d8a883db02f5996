# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a veth pair, two devices with two queues each. They send nothing unless asked to.

up() {
	ip -batch - <<-EOF
		link add left numrxqueues 2 numtxqueues 2 type veth peer name right numrxqueues 2 numtxqueues 2
		link set left addrgenmode none
		link set right addrgenmode none
		link set left up
		link set right up
	EOF
	ip -json link show left
	ip -json link show right
}

run() {
	"$@" /case/program left right
}
