# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: two devices, as the kernel releases a queue some time after close(). libxdp locks a folder of the BPF file system.

up() {
	ip -batch - <<-EOF
		link add first type dummy
		link add second type dummy
		link set first up
		link set second up
	EOF
	ip -json link show first
	ip -json link show second
}

run() {
	"$@" /case/program first second /sys/fs/bpf/xdp
}
