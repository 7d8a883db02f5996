// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Bind AF_XDP sockets that a privileged process tied to a device, as an unprivileged user.
 *
 * usage: program DEVICE ANOTHER
 * Creating a socket and tying it with SO_BINDTODEVICE takes CAP_NET_RAW, bind() takes no
 * privilege. The program creates all sockets, becomes nobody, and binds them. By
 * Documentation/networking/af_xdp.rst the kernel refuses a bind() to a device other than that
 * of SO_BINDTODEVICE.
 *
 * Output: one row per socket on stdout, one JSON object per line:
 *   {"row":"another device","uid":65534,"sends":false,"errno":22}
 * sends says whether a frame left the device; errno is bind()'s, or setsockopt()'s for the socket
 * that should be tied anew.
 * Exit: 0 all rows were written; 1 another step failed, with a message; 2 bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/if_xdp.h>

#define FRAME_SIZE 4096 /* bytes */
#define FRAMES 16
#define RING_SIZE 16 /* entries */
#define PACKET_SIZE 64 /* bytes */
#define NOBODY 65534

struct try {
	const char *row, *tied_to, *bound_to;
	unsigned int queue; /* a queue takes one socket with a UMEM of its own */
	bool tie_anew;
	int fd;
	uint32_t *producer; /* of the TX ring */
	struct xdp_desc *descriptors;
};

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

/* What bind() requires of a socket: a UMEM, its two rings, and one to send. */
static int create_socket(void *frames)
{
	const struct xdp_umem_reg umem = {
		.addr = (uintptr_t)frames,
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
	set_xdp_option(fd, XDP_TX_RING, &size, sizeof(size), "XDP_TX_RING");
	return fd;
}

static int tie(int fd, const char *device)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device));
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		fail("setresuid");
}

static unsigned long packets_sent(const char *device)
{
	unsigned long n;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_packets", device);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%lu", &n) != 1)
		fail(path);
	fclose(file);
	return n;
}

/* Older kernels, as 6.1, refuse that for a socket that is bound. */
static void map_ring(struct try *try)
{
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	char *ring;

	if (getsockopt(try->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		fail("XDP_MMAP_OFFSETS");
	ring = mmap(NULL, offsets.tx.desc + RING_SIZE * sizeof(struct xdp_desc), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, try->fd, XDP_PGOFF_TX_RING);
	if (ring == MAP_FAILED)
		fail("mmap");
	try->producer = (uint32_t *)(ring + offsets.tx.producer);
	try->descriptors = (struct xdp_desc *)(ring + offsets.tx.desc);
}

/* Puts the UMEM's first frame into the TX ring; does it leave the device? */
static bool sends(const struct try *try)
{
	const unsigned long before = packets_sent(try->bound_to);

	try->descriptors[0] = (struct xdp_desc){ .len = PACKET_SIZE };
	__atomic_store_n(try->producer, 1, __ATOMIC_RELEASE);
	if (sendto(try->fd, NULL, 0, MSG_DONTWAIT, NULL, 0))
		fail("sendto");
	return packets_sent(try->bound_to) == before + 1;
}

/* Returns 0, or the errno of the refused call. */
static int bind_socket(const struct try *try)
{
	const struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = if_nametoindex(try->bound_to),
		.sxdp_queue_id = try->queue,
		.sxdp_flags = XDP_COPY,
	};

	if (!address.sxdp_ifindex)
		fail(try->bound_to);
	if (try->tie_anew && tie(try->fd, try->bound_to))
		return errno;
	return bind(try->fd, (const struct sockaddr *)&address, sizeof(address)) ? errno : 0;
}

static void try_all(const char *device, const char *another)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[4][FRAMES * FRAME_SIZE];
	struct try tries[] = {
		{ .row = "the same device", .tied_to = device, .bound_to = device },
		{ .row = "another device", .tied_to = device, .bound_to = another },
		{ .row = "another device, tied anew", .tied_to = device, .bound_to = another, .tie_anew = true },
		{ .row = "another device, not tied", .bound_to = another, .queue = 1 },
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		tries[i].fd = create_socket(frames[i]);
		if (tries[i].tied_to && tie(tries[i].fd, tries[i].tied_to))
			fail("SO_BINDTODEVICE");
		map_ring(&tries[i]);
	}
	become_nobody();
	/* The sockets stay open: close() would not free their queues at once. */
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		int err = bind_socket(&tries[i]);

		printf("{\"row\":\"%s\",\"uid\":%u,\"sends\":%s,\"errno\":%d}\n", tries[i].row, getuid(),
		       !err && sends(&tries[i]) ? "true" : "false", err);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s DEVICE ANOTHER\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	try_all(argv[1], argv[2]);
	return 0;
}
