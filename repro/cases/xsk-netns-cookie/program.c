// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * One UMEM shared by AF_XDP sockets on two devices, the second in another network
 * namespace.
 *
 * Every socket has its own RX, TX, FILL and COMPLETION ring, so every bind()
 * should succeed. libxdp before commit 7c457b5ba90e ("libxdp: make shared xsk
 * creation network namespace aware") takes two devices with the same ifindex for
 * one, and the sockets of the second device fail with EINVAL.
 *
 * Output: one row per socket on stdout, one JSON object per line:
 *   {"row":"outer 0","ifindex":4242,"queue":0,"netns_cookie":1,"errno":0}
 * for the socket on queue 0 of outer. netns_cookie is null if the kernel has no
 * SO_NETNS_COOKIE (before 5.14); errno is 0 if the socket was created.
 * Exit: 0 all sockets were created; 1 a step failed, with a message; 2 bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define FRAME_SIZE 2048 /* bytes */
#define FRAMES 4096
#define RING_SIZE 2048 /* entries */
#define MAX_QUEUES 64

struct options {
	const char *ingress;
	const char *egress;
	const char *egress_netns; /* a name of ip-netns(8) or a path */
	unsigned long queues;
};

struct socket {
	struct xsk_socket *xsk;
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod tx, fill;
};

/* libxdp keeps pointers into this until the sockets are deleted. */
struct daemon {
	void *frames;
	struct xsk_umem *umem;
	struct xsk_ring_prod fill; /* the UMEM's rings; the first socket takes them over */
	struct xsk_ring_cons completion;
	struct socket sockets[2 * MAX_QUEUES];
	unsigned int n_sockets;
};

static int failed(const char *step, int err)
{
	err = abs(err); /* libxdp before 1.5.3 returns some errors positive */
	fprintf(stderr, "%s: %s\n", step, strerror(err));
	return -err;
}

static int create_umem(struct daemon *d)
{
	const struct xsk_umem_config config = {
		.fill_size = RING_SIZE,
		.comp_size = RING_SIZE,
		.frame_size = FRAME_SIZE,
	};
	const size_t size = (size_t)FRAMES * FRAME_SIZE;
	int err;

	d->frames = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d->frames == MAP_FAILED) {
		d->frames = NULL;
		return failed("mmap", errno);
	}
	err = xsk_umem__create(&d->umem, d->frames, size, &d->fill,
			       &d->completion, &config);
	if (err)
		return failed("xsk_umem__create", err);
	return 0;
}

static void free_all(struct daemon *d)
{
	while (d->n_sockets)
		xsk_socket__delete(d->sockets[--d->n_sockets].xsk);
	if (d->umem)
		xsk_umem__delete(d->umem);
	if (d->frames)
		munmap(d->frames, (size_t)FRAMES * FRAME_SIZE);
}

/* The cookie of this network namespace as text: a number or "null". */
static int read_netns_cookie(char *text, size_t size)
{
	unsigned long long cookie;
	socklen_t length = sizeof(cookie);
	int fd, err = 0;

	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return failed("socket", errno);
	if (!getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		snprintf(text, size, "%llu", cookie);
	else if (errno == ENOPROTOOPT)
		snprintf(text, size, "null");
	else
		err = failed("getsockopt SO_NETNS_COOKIE", errno);
	close(fd);
	return err;
}

static int create_socket(struct daemon *d, const char *device, unsigned int queue)
{
	const struct xsk_socket_config config = {
		.rx_size = RING_SIZE,
		.tx_size = RING_SIZE,
		/* The test is bind(); no packet needs an XDP program. */
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP,
	};
	struct socket *s = &d->sockets[d->n_sockets];
	int err;

	err = xsk_socket__create_shared(&s->xsk, device, queue, d->umem, &s->rx,
					&s->tx, &s->fill, &s->completion, &config);
	if (err)
		return failed("xsk_socket__create_shared", err);
	d->n_sockets++;
	return 0;
}

/* Tries all sockets of a device, even after a failure, and prints a row for each. */
static int create_sockets(struct daemon *d, const char *device, unsigned int queues)
{
	unsigned int ifindex = if_nametoindex(device);
	char cookie[24];
	int err, first_err = 0;

	if (!ifindex)
		return failed(device, errno);
	err = read_netns_cookie(cookie, sizeof(cookie));
	if (err)
		return err;
	for (unsigned int queue = 0; queue < queues; queue++) {
		err = create_socket(d, device, queue);
		printf("{\"row\":\"%s %u\",\"ifindex\":%u,\"queue\":%u,"
		       "\"netns_cookie\":%s,\"errno\":%d}\n",
		       device, queue, ifindex, queue, cookie, -err);
		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

static int enter_netns(const char *netns)
{
	char path[256];
	int fd, err = 0;

	if (snprintf(path, sizeof(path), "%s%s", strchr(netns, '/') ? "" : "/run/netns/",
		     netns) >= (int)sizeof(path))
		return failed("egress-netns", ENAMETOOLONG);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed(path, errno);
	if (setns(fd, CLONE_NEWNET))
		err = failed("setns", errno);
	close(fd);
	return err;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "ingress", required_argument, NULL, 'i' },
		{ "egress", required_argument, NULL, 'e' },
		{ "egress-netns", required_argument, NULL, 'n' },
		{ "queues", required_argument, NULL, 'q' },
		{ 0 },
	};
	char *end = "";
	int option;

	while ((option = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (option) {
		case 'i': o->ingress = optarg; break;
		case 'e': o->egress = optarg; break;
		case 'n': o->egress_netns = optarg; break;
		case 'q': o->queues = strtoul(optarg, &end, 10); break;
		default: return -EINVAL;
		}
	}
	if (!o->ingress || !o->egress || !o->egress_netns || optind != argc ||
	    *end || o->queues < 1 || o->queues > MAX_QUEUES)
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct options o = { .queues = 1 };
	int err;

	if (parse_options(argc, argv, &o)) {
		fprintf(stderr, "usage: %s --ingress DEVICE --egress DEVICE "
			"--egress-netns NAME [--queues 1..%d]\n", argv[0], MAX_QUEUES);
		return 2;
	}
	setlinebuf(stdout);
	err = create_umem(&d);
	if (!err)
		err = create_sockets(&d, o.ingress, o.queues);
	if (!err)
		err = enter_netns(o.egress_netns);
	if (!err)
		err = create_sockets(&d, o.egress, o.queues);
	free_all(&d);
	return err ? 1 : 0;
}
