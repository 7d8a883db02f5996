# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: leave a range of six ports, on lo.

up() {
	ip link set lo up
	echo 40000 40005 >/proc/sys/net/ipv4/ip_local_port_range
	ip -json addr show lo
}

run() {
	"$@" /case/program
}
