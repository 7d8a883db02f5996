// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Share a UMEM whose first socket was bound with XDP_USE_NEED_WAKEUP.
 *
 * usage: program DEVICE ANOTHER
 * The UMEM's socket is on queue 0 of DEVICE, the others are on queue 1 and on ANOTHER.
 * bind() takes no flag but XDP_SHARED_UMEM from those; they inherit the first socket's.
 *
 * Output: one row per socket on stdout, one JSON object per line:
 *   {"row":"another device","poll_sends":true,"errno":0}
 * poll_sends says whether poll() sent the packet in the TX ring; errno is bind()'s.
 * Exit: 0 all rows were written; 1 another step failed, with a message; 2 bad usage.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>

#define FRAME_SIZE 4096 /* bytes */
#define FRAMES 4
#define RING_SIZE 16 /* entries */
#define PACKET_SIZE 64 /* bytes */

struct place {
	const char *row, *device;
	unsigned int queue;
};

struct ring {
	uint32_t *producer, *consumer;
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

static void register_umem(int fd, void *frames)
{
	const struct xdp_umem_reg umem = {
		.addr = (uintptr_t)frames,
		.len = FRAMES * FRAME_SIZE,
		.chunk_size = FRAME_SIZE,
	};

	set_xdp_option(fd, XDP_UMEM_REG, &umem, sizeof(umem), "XDP_UMEM_REG");
}

static int create_socket(void)
{
	const int size = RING_SIZE;
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (fd < 0)
		fail("socket");
	set_xdp_option(fd, XDP_UMEM_FILL_RING, &size, sizeof(size), "XDP_UMEM_FILL_RING");
	set_xdp_option(fd, XDP_UMEM_COMPLETION_RING, &size, sizeof(size), "XDP_UMEM_COMPLETION_RING");
	set_xdp_option(fd, XDP_TX_RING, &size, sizeof(size), "XDP_TX_RING");
	return fd;
}

/* Older kernels, as 6.1, refuse that for a socket that is bound. */
static void map_ring(struct ring *ring, int fd)
{
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	char *at;

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		fail("XDP_MMAP_OFFSETS");
	at = mmap(NULL, offsets.tx.desc + RING_SIZE * sizeof(struct xdp_desc), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, fd, XDP_PGOFF_TX_RING);
	if (at == MAP_FAILED)
		fail("mmap");
	*ring = (struct ring){
		.producer = (uint32_t *)(at + offsets.tx.producer),
		.consumer = (uint32_t *)(at + offsets.tx.consumer),
		.descriptors = (struct xdp_desc *)(at + offsets.tx.desc),
	};
}

/* Puts the UMEM's first frame into the TX ring; does poll() make the kernel take it? */
static bool poll_sends(int fd, const struct ring *ring)
{
	struct pollfd polled = { .fd = fd, .events = POLLOUT };

	ring->descriptors[0] = (struct xdp_desc){ .addr = 0, .len = PACKET_SIZE };
	__atomic_store_n(ring->producer, 1, __ATOMIC_RELEASE);
	if (poll(&polled, 1, 0) < 0)
		fail("poll");
	return __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE) == 1;
}

/* Returns 0, or the errno of bind(). */
static int bind_to(int fd, const struct place *place, int umem)
{
	const struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = if_nametoindex(place->device),
		.sxdp_queue_id = place->queue,
		.sxdp_flags = fd == umem ? XDP_COPY | XDP_USE_NEED_WAKEUP : XDP_SHARED_UMEM,
		.sxdp_shared_umem_fd = fd == umem ? 0 : umem,
	};

	if (!address.sxdp_ifindex)
		fail(place->device);
	return bind(fd, (const struct sockaddr *)&address, sizeof(address)) ? errno : 0;
}

/* The socket stays open: close() would not free its queue at once. */
static void report(int fd, const struct place *place, int umem)
{
	struct ring ring;
	int err;

	map_ring(&ring, fd);
	err = bind_to(fd, place, umem);
	printf("{\"row\":\"%s\",\"poll_sends\":%s,\"errno\":%d}\n", place->row,
	       !err && poll_sends(fd, &ring) ? "true" : "false", err);
}

int main(int argc, char **argv)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[FRAMES * FRAME_SIZE];
	int umem;

	if (argc != 3) {
		fprintf(stderr, "usage: %s DEVICE ANOTHER\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	umem = create_socket();
	register_umem(umem, frames);
	report(umem, &(struct place){ "the UMEM's socket", argv[1], 0 }, umem);
	report(create_socket(), &(struct place){ "another queue", argv[1], 1 }, umem);
	report(create_socket(), &(struct place){ "another device", argv[2], 0 }, umem);
	return 0;
}
