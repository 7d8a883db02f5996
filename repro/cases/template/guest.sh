# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: make devices and namespaces, then start the program.

up() {
	ip link set lo up
}

# "$@" has to stand before the program: it is empty, or strace.
run() {
	"$@" /case/program
}
