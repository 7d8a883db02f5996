# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: set up devices and namespaces, then run the program.

up() {
	ip link set lo up
}

# Keep "$@" before the program: it is empty in the first run, and strace in the second.
run() {
	"$@" /case/program
}
