# SPDX-License-Identifier: GPL-2.0-only
#
# In the guest: a veth pair across two network namespaces, and the daemon's sockets.
#
# Knobs: LAYOUT, QUEUES and INDEX of netns/colliding-veth.

up() {
	colliding-veth up
	colliding-veth show
}

run() {
	"$@" /case/program --ingress outer --egress inner --egress-netns inner-ns --queues "$QUEUES"
}
