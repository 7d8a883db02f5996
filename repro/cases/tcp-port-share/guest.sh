# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: leave one port, on lo. ARGS=first: no owner comes between the connections.

up() {
	ip link set lo up
	echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range
}

run() {
	# shellcheck disable=SC2086 # words
	"$@" /case/program 40000 ${ARGS-}
}
