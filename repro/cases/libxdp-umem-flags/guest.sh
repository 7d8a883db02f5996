# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a UMEM needs no device.

up() {
	:
}

run() {
	"$@" /case/program
}
