// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Close an AF_XDP socket, and bind another one to its queue: how often is the queue busy, and for
 * how long?
 *
 * usage: program DEVICE [WAIT]
 *   DEVICE  has 21 queues
 *   WAIT    ms to wait after each close(), in addition; at most 1000
 *
 * Output: one row for each way to do it on stdout, one JSON object per line:
 *   {"row":"at once","rounds":20,"free":0,"busy":20,"longest_ms":25}
 * free and busy count the rounds in which the first bind() succeeded, or got EBUSY; longest_ms is
 * the longest time from close() (or from munmap()) until bind() succeeded, asked every millisecond.
 * A socket that is bound to a queue before the last one closes should be able to map that queue's
 * rings:
 *   {"row":"map the FILL ring then","errno":16}
 * Exit: 0 all rows were written; 1 something else failed, with a message; 2 bad usage.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>

#define FRAME_SIZE 4096 /* bytes */
#define FRAMES 16
#define RING_SIZE 16 /* entries */
#define MAPPED 4096 /* bytes of a ring */
#define MAX_WAIT 1000 /* ms */
#define DEADLINE 5000 /* ms until bind() must succeed */

struct way {
	const char *row;
	unsigned int rounds;
	unsigned int wait; /* ms from close() to the first bind() */
	bool other; /* the new socket has another queue in each round; the old one has 0 */
	bool mapped; /* a ring of the old socket is mapped while it is closed */
	bool before; /* bind() to the old one's UMEM and queue comes before close() */
};

static _Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

static unsigned int clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_option(int fd, int option, const void *value, socklen_t size)
{
	if (setsockopt(fd, SOL_XDP, option, value, size))
		fail("socket option");
}

/* A socket with an RX ring and, unless it shares another one's, a UMEM with its rings. */
static int create_socket(bool shares)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[FRAMES * FRAME_SIZE];
	const struct xdp_umem_reg umem = {
		.addr = (unsigned long)frames,
		.len = sizeof(frames),
		.chunk_size = FRAME_SIZE,
	};
	const int size = RING_SIZE;
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (fd < 0)
		fail("socket");
	if (!shares) {
		set_option(fd, XDP_UMEM_REG, &umem, sizeof(umem));
		set_option(fd, XDP_UMEM_FILL_RING, &size, sizeof(size));
		set_option(fd, XDP_UMEM_COMPLETION_RING, &size, sizeof(size));
	}
	set_option(fd, XDP_RX_RING, &size, sizeof(size));
	return fd;
}

/* Maps a ring of a socket. Returns it, or MAP_FAILED and errno. */
static void *map_ring(int fd, off_t ring)
{
	return mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ring);
}

/* Returns 0 or EBUSY. shared is a bound socket with a UMEM, or -1. */
static int try_bind(int fd, unsigned int ifindex, unsigned int queue, int shared)
{
	const struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
		.sxdp_flags = shared >= 0 ? XDP_SHARED_UMEM : XDP_COPY,
		.sxdp_shared_umem_fd = shared >= 0 ? shared : 0,
	};

	if (!bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return 0;
	if (errno != EBUSY)
		fail("bind");
	return EBUSY;
}

/* Binds as soon as the queue is free. */
static void await_bind(int fd, unsigned int ifindex, unsigned int queue)
{
	const unsigned int start = clock_ms();

	while (try_bind(fd, ifindex, queue, -1)) {
		if (clock_ms() - start > DEADLINE)
			fail("the queue stays busy");
		sleep_ms(1);
	}
}

/* One round. Returns whether bind() got EBUSY, and sets ms. */
static bool rebind(const struct way *way, unsigned int ifindex, unsigned int queue, unsigned int wait,
		   unsigned int *ms)
{
	int old = create_socket(false), new = create_socket(way->before), err;
	unsigned int start;
	void *ring = NULL;

	if (way->mapped)
		ring = map_ring(old, XDP_PGOFF_RX_RING);
	if (ring == MAP_FAILED)
		fail("mmap");
	await_bind(old, ifindex, 0);
	if (way->before)
		err = try_bind(new, ifindex, queue, old);
	close(old);
	start = clock_ms();
	sleep_ms(way->wait + wait);
	if (!way->before)
		err = try_bind(new, ifindex, queue, -1);
	if (ring) {
		munmap(ring, MAPPED);
		start = clock_ms();
	}
	if (err)
		await_bind(new, ifindex, queue);
	*ms = err ? clock_ms() - start : 0;
	close(new);
	return err;
}

static void repeat(const struct way *way, unsigned int ifindex, unsigned int wait)
{
	unsigned int free = 0, busy = 0, longest = 0, ms;

	for (unsigned int round = 0; round < way->rounds; round++) {
		if (rebind(way, ifindex, way->other ? 1 + round : 0, wait, &ms))
			busy++;
		else
			free++;
		if (ms > longest)
			longest = ms;
	}
	printf("{\"row\":\"%s\",\"rounds\":%u,\"free\":%u,\"busy\":%u,\"longest_ms\":%u}\n",
	       way->row, way->rounds, free, busy, longest);
}

static void take_over(unsigned int ifindex)
{
	int old = create_socket(false), new = create_socket(true), err = 0;
	void *ring;

	await_bind(old, ifindex, 0);
	if (try_bind(new, ifindex, 0, old))
		fail("bind");
	close(old);
	ring = map_ring(new, XDP_UMEM_PGOFF_FILL_RING);
	if (ring == MAP_FAILED)
		err = errno;
	else
		munmap(ring, MAPPED);
	printf("{\"row\":\"map the FILL ring then\",\"errno\":%d}\n", err);
	close(new);
}

/* Sets the number, which is at most MAX_WAIT. Returns whether the text is one. */
static bool read_wait(unsigned int *wait, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*wait = n;
	return end != text && !*end && n <= MAX_WAIT;
}

int main(int argc, char **argv)
{
	static const struct way ways[] = {
		{ .row = "at once", .rounds = 20 },
		{ .row = "after 500 ms", .rounds = 3, .wait = 500 },
		{ .row = "at once, to another queue", .rounds = 20, .other = true },
		{ .row = "a ring is mapped, after 500 ms", .rounds = 3, .wait = 500, .mapped = true },
		{ .row = "before close(), with its UMEM", .rounds = 20, .before = true },
	};
	unsigned int ifindex, wait = 0;

	if (argc < 2 || argc > 3 || (argc == 3 && !read_wait(&wait, argv[2]))) {
		fprintf(stderr, "usage: %s DEVICE [WAIT]\n", argv[0]);
		return 2;
	}
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex)
		fail(argv[1]);
	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		repeat(&ways[i], ifindex, wait);
	take_over(ifindex);
	return 0;
}
