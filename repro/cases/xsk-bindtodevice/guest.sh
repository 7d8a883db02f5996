# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a veth pair, whose ends are the two devices.

up() {
	ip link add left type veth peer name right
	ip link set left up
	ip link set right up
	ip -json link show left
	ip -json link show right
}

run() {
	"$@" /case/program left right
}
