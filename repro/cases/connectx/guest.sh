# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: leave a range of four ports, and give lo addresses of IPv6.

up() {
	ip link set lo up
	ip addr add fd00::1/128 dev lo nodad
	ip route add local fd01::/64 dev lo
	echo 40000 40003 >/proc/sys/net/ipv4/ip_local_port_range
	ip -json addr show lo
}

# Under strace, which would log 300,000 lines, 4 rounds will do.
run() {
	"$@" /case/program 40000 40003 $(($# ? 1 : ROUNDS))
}
