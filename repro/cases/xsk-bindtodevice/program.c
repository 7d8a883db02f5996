// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Bind AF_XDP sockets that SO_BINDTODEVICE ties to a device.
 *
 * usage: program DEVICE ANOTHER
 * Both sockets are tied to DEVICE; the first is bound to it, the second to ANOTHER.
 * By Documentation/networking/af_xdp.rst the kernel refuses the second bind().
 *
 * Output: one row per socket on stdout, one JSON object per line; errno is bind()'s:
 *   {"row":"another device","errno":22}
 * Exit: 0 all rows were written; 1 a step before a bind() failed, with a message;
 *       2 bad usage.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>

#define FRAME_SIZE 4096 /* bytes */
#define FRAMES 16
#define RING_SIZE 16 /* entries */

static _Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

static void set_xdp_option(int fd, int option, const void *value, socklen_t size, const char *name)
{
	if (setsockopt(fd, SOL_XDP, option, value, size))
		fail(name);
}

/* What bind() requires of a socket: a UMEM, its two rings, and one to receive. */
static int create_socket(void *frames)
{
	const struct xdp_umem_reg umem = {
		.addr = (unsigned long)frames,
		.len = FRAMES * FRAME_SIZE,
		.chunk_size = FRAME_SIZE,
	};
	const int size = RING_SIZE;
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (fd < 0)
		fail("socket");
	set_xdp_option(fd, XDP_UMEM_REG, &umem, sizeof(umem), "XDP_UMEM_REG");
	set_xdp_option(fd, XDP_UMEM_FILL_RING, &size, sizeof(size), "XDP_UMEM_FILL_RING");
	set_xdp_option(fd, XDP_UMEM_COMPLETION_RING, &size, sizeof(size), "XDP_UMEM_COMPLETION_RING");
	set_xdp_option(fd, XDP_RX_RING, &size, sizeof(size), "XDP_RX_RING");
	return fd;
}

/* The socket stays open: close() would not free its queue at once. */
static void bind_tied(const char *row, void *frames, const char *tied_to, const char *bound_to)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = if_nametoindex(bound_to),
		.sxdp_flags = XDP_COPY,
	};
	int fd = create_socket(frames), err = 0;

	if (!address.sxdp_ifindex)
		fail(bound_to);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, tied_to, strlen(tied_to)))
		fail("SO_BINDTODEVICE");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err = errno;
	printf("{\"row\":\"%s\",\"errno\":%d}\n", row, err);
}

int main(int argc, char **argv)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[2][FRAMES * FRAME_SIZE];

	if (argc != 3) {
		fprintf(stderr, "usage: %s DEVICE ANOTHER\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	bind_tied("the same device", frames[0], argv[1], argv[1]);
	bind_tied("another device", frames[1], argv[1], argv[2]);
	return 0;
}
