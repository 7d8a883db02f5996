/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef VETH_XDP_H
#define VETH_XDP_H

/* The kernel's answer to a netlink request: an error number or 0, and perhaps a text. */
struct ack {
	int err;
	char text[160];
};

/* Attach a program to a device, or detach it (-1). */
struct ack set_xdp(unsigned int ifindex, int program, unsigned int flags);
struct ack set_mtu(unsigned int ifindex, unsigned int mtu);

/* Bind AF_XDP sockets to the queues of two devices, and write a row for each. */
void bind_sockets(unsigned int device, unsigned int another);

_Noreturn void fail(const char *step);

#endif
