# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a veth pair with two queues at each end.

up() {
	ip link add left numtxqueues 2 numrxqueues 2 type veth peer name right numtxqueues 2 numrxqueues 2
	ip link set left up
	ip link set right up
	ip -json link show left
	ip -json link show right
}

run() {
	"$@" /case/program left right
}
