// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* AF_XDP sockets of one UMEM on the queues of two devices: see veth-xdp.h. */
#include "veth-xdp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>

#define FRAME_SIZE 4096 /* bytes */
#define FRAMES 16

struct xsk {
	const char *row;
	bool another; /* the other device */
	bool shares; /* the UMEM of a socket that is bound */
	unsigned int of; /* that socket's number */
	bool rings; /* a FILL and a COMPLETION ring of its own */
	unsigned int flags;
};

static void set_option(int fd, int option, const void *value, socklen_t size)
{
	if (setsockopt(fd, SOL_XDP, option, value, size))
		fail("socket option");
}

static int create_socket(const struct xsk *xsk)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[FRAMES * FRAME_SIZE];
	const struct xdp_umem_reg umem = {
		.addr = (unsigned long)frames,
		.len = sizeof(frames),
		.chunk_size = FRAME_SIZE,
	};
	const int size = FRAMES;
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (fd < 0)
		fail("socket");
	if (!xsk->shares)
		set_option(fd, XDP_UMEM_REG, &umem, sizeof(umem));
	if (xsk->rings) {
		set_option(fd, XDP_UMEM_FILL_RING, &size, sizeof(size));
		set_option(fd, XDP_UMEM_COMPLETION_RING, &size, sizeof(size));
	}
	set_option(fd, XDP_RX_RING, &size, sizeof(size));
	return fd;
}

void bind_sockets(unsigned int device, unsigned int another)
{
	static const struct xsk all[] = {
		{ .row = "xsk with zero-copy", .rings = true, .flags = XDP_ZEROCOPY },
		{ .row = "xsk 1, on a device", .rings = true, .flags = XDP_COPY },
		{ .row = "xsk 2, on its peer, shares 1's UMEM", .another = true, .shares = true, .of = 1,
		  .rings = true },
		{ .row = "xsk 3, on the peer, shares 1's UMEM", .another = true, .shares = true, .of = 1,
		  .rings = true },
		{ .row = "xsk 4, the same without rings", .another = true, .shares = true, .of = 1 },
		{ .row = "xsk 5, on the peer, shares 2's queue", .another = true, .shares = true, .of = 2 },
	};
	enum { N = sizeof(all) / sizeof(*all) };
	int fds[N];

	for (unsigned int i = 0; i < N; i++) {
		const struct xsk *xsk = &all[i];
		struct sockaddr_xdp address = {
			.sxdp_family = AF_XDP,
			.sxdp_ifindex = xsk->another ? another : device,
			.sxdp_flags = xsk->shares ? XDP_SHARED_UMEM : xsk->flags,
			.sxdp_shared_umem_fd = xsk->shares ? fds[xsk->of] : 0,
		};

		fds[i] = create_socket(xsk);
		printf("{\"row\":\"%s\",\"errno\":%d}\n", xsk->row,
		       bind(fds[i], (struct sockaddr *)&address, sizeof(address)) ? errno : 0);
	}
	for (unsigned int i = 0; i < N; i++)
		close(fds[i]);
}
