# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: lo has one queue, 0.

up() {
	ip link set lo up
}

run() {
	"$@" /case/program lo
}
