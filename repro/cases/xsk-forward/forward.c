// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The forwarder: a socket on each queue of outer and inner. What it receives on a queue of one
 * it sends on the same queue of the other.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>
#include "forward.h"

#define FRAME_SIZE 2048 /* bytes */
#define RING_SIZE 256 /* entries */
/* For each socket a full FILL ring, and as many again on their way. */
#define MAX_FRAMES (2 * MAX_QUEUES * 2 * RING_SIZE)

struct umem {
	struct xsk_umem *umem;
	struct xsk_ring_prod fill; /* libxdp hands them to the first socket */
	struct xsk_ring_cons completion;
	char *area;
	unsigned int n_frames, n_free;
	uint64_t free[MAX_FRAMES];
	unsigned int seen[MAX_FRAMES];
};

struct port {
	struct umem *umem;
	struct xsk_socket *xsk;
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod tx, fill;
};

struct forwarder {
	unsigned int queues;
	bool need_wakeup;
	struct umem umems[2];
	struct port ports[2][MAX_QUEUES]; /* of outer and inner */
};

static const char *const devices[] = { "outer", "inner" };
static const char *const namespaces[] = { NULL, "inner-ns" };

static int open_umem(struct umem *u, unsigned int n_frames)
{
	const struct xsk_umem_config config = {
		.fill_size = RING_SIZE, .comp_size = RING_SIZE, .frame_size = FRAME_SIZE,
	};
	const size_t size = (size_t)n_frames * FRAME_SIZE;

	u->area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (u->area == MAP_FAILED)
		fail("mmap", errno);
	for (u->n_frames = n_frames; u->n_free < n_frames; u->n_free++)
		u->free[u->n_free] = (uint64_t)u->n_free * FRAME_SIZE;
	return -abs(xsk_umem__create(&u->umem, u->area, size, &u->fill, &u->completion, &config));
}

static int open_port(struct port *p, const char *device, unsigned int queue, bool need_wakeup)
{
	const struct xsk_socket_config config = {
		.rx_size = RING_SIZE, .tx_size = RING_SIZE,
		.libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY | (need_wakeup ? XDP_USE_NEED_WAKEUP : 0),
	};

	/* libxdp before 1.5.3 returns some errors positive. */
	return -abs(xsk_socket__create_shared(&p->xsk, device, queue, p->umem->umem, &p->rx,
					      &p->tx, &p->fill, &p->completion, &config));
}

static void refill(struct port *p)
{
	struct umem *u = p->umem;
	uint32_t n = xsk_prod_nb_free(&p->fill, RING_SIZE), at;

	n = n < u->n_free ? n : u->n_free;
	if (xsk_ring_prod__reserve(&p->fill, n, &at) != n)
		return;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&p->fill, at + i) = u->free[--u->n_free];
	xsk_ring_prod__submit(&p->fill, n);
}

static void complete(struct port *p)
{
	uint32_t at, n = xsk_ring_cons__peek(&p->completion, RING_SIZE, &at);

	for (uint32_t i = 0; i < n; i++)
		p->umem->free[p->umem->n_free++] =
			*xsk_ring_cons__comp_addr(&p->completion, at + i) / FRAME_SIZE * FRAME_SIZE;
	xsk_ring_cons__release(&p->completion, n);
}

/* Puts what was received into the ring of the other UMEM, if it is another. */
static struct xdp_desc pass_on(const struct xdp_desc *desc, struct port *from, struct port *to)
{
	struct xdp_desc passed = *desc;

	if (from->umem == to->umem)
		return passed;
	passed.addr = to->umem->free[--to->umem->n_free];
	memcpy(to->umem->area + passed.addr, from->umem->area + desc->addr, desc->len);
	from->umem->free[from->umem->n_free++] = desc->addr / FRAME_SIZE * FRAME_SIZE;
	return passed;
}

/*
 * Lets the kernel send what is in the TX ring. A call sends a batch of the kernel's, and returns
 * EAGAIN if there is more: the next step sends that.
 */
static void send_tx(struct port *p, bool need_wakeup)
{
	if (__atomic_load_n(p->tx.consumer, __ATOMIC_ACQUIRE) == *p->tx.producer ||
	    (need_wakeup && !xsk_ring_prod__needs_wakeup(&p->tx)))
		return;
	if (sendto(xsk_socket__fd(p->xsk), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
	    errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
		fail("sendto", errno);
}

/* Moves what was received on one port into the TX ring of the other. */
static void forward(struct port *from, struct port *to)
{
	uint32_t at, out, n = xsk_ring_cons__peek(&from->rx, BATCH, &at);

	if (n && xsk_ring_prod__reserve(&to->tx, n, &out) != n)
		fail("TX ring", ENOBUFS);
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__tx_desc(&to->tx, out + i) =
			pass_on(xsk_ring_cons__rx_desc(&from->rx, at + i), from, to);
	if (n) {
		xsk_ring_prod__submit(&to->tx, n);
		xsk_ring_cons__release(&from->rx, n);
	}
}

void forwarder_step(struct forwarder *f)
{
	for (unsigned int queue = 0; queue < f->queues; queue++) {
		forward(&f->ports[0][queue], &f->ports[1][queue]);
		forward(&f->ports[1][queue], &f->ports[0][queue]);
	}
	for (unsigned int i = 0; i < 2 * f->queues; i++) {
		struct port *p = &f->ports[i % 2][i / 2];

		send_tx(p, f->need_wakeup);
		complete(p);
		refill(p);
	}
}

static void see(struct umem *u, uint64_t address)
{
	u->seen[address / FRAME_SIZE]++;
}

/* Notes the frames in a port's rings, which are those between the two ends of each ring. */
static void see_port(struct port *p)
{
	for (uint32_t i = *p->fill.consumer; i != *p->fill.producer; i++)
		see(p->umem, *xsk_ring_prod__fill_addr(&p->fill, i));
	for (uint32_t i = *p->tx.consumer; i != *p->tx.producer; i++)
		see(p->umem, xsk_ring_prod__tx_desc(&p->tx, i)->addr);
	for (uint32_t i = *p->rx.consumer; i != *p->rx.producer; i++)
		see(p->umem, xsk_ring_cons__rx_desc(&p->rx, i)->addr);
	for (uint32_t i = *p->completion.consumer; i != *p->completion.producer; i++)
		see(p->umem, *xsk_ring_cons__comp_addr(&p->completion, i));
}

/* tx_ring_empty_descs is left out: it counts how often the kernel had sent all there was. */
static int count_drops(struct port *p, struct frames *frames)
{
	struct xdp_statistics s;
	socklen_t size = sizeof(s);

	if (getsockopt(xsk_socket__fd(p->xsk), SOL_XDP, XDP_STATISTICS, &s, &size))
		return -errno;
	frames->dropped += s.rx_dropped + s.rx_invalid_descs + s.tx_invalid_descs + s.rx_ring_full +
			   s.rx_fill_ring_empty_descs;
	return 0;
}

int forwarder_count(struct forwarder *f, struct frames *frames)
{
	int err = 0;

	for (unsigned int i = 0; i < 2 * f->queues && !err; i++) {
		see_port(&f->ports[i % 2][i / 2]);
		err = count_drops(&f->ports[i % 2][i / 2], frames);
	}
	for (struct umem *u = f->umems; u < f->umems + 2; u++) {
		for (unsigned int i = 0; i < u->n_free; i++)
			see(u, u->free[i]);
		frames->all += u->n_frames;
		for (unsigned int i = 0; i < u->n_frames; i++) {
			frames->once += u->seen[i] == 1;
			frames->lost += !u->seen[i];
			frames->twice += u->seen[i] > 1;
		}
	}
	return err;
}

/* xsk_umem__create() also creates the first socket, so call it in the device's namespace, too. */
static int open_device(struct forwarder *f, unsigned int device, struct umem *umem, unsigned int n_frames)
{
	int sockets[MAX_QUEUES], err = enter_netns(namespaces[device]);

	if (err)
		fail("setns", err);
	if (!umem->umem)
		err = open_umem(umem, n_frames);
	for (unsigned int queue = 0; queue < f->queues && !err; queue++) {
		f->ports[device][queue].umem = umem;
		err = open_port(&f->ports[device][queue], devices[device], queue, f->need_wakeup);
	}
	for (unsigned int queue = 0; queue < f->queues && !err; queue++)
		sockets[queue] = xsk_socket__fd(f->ports[device][queue].xsk);
	if (!err)
		redirect_to(sockets, f->queues, devices[device]);
	if (enter_netns(NULL))
		fail("setns", errno);
	return err;
}

int forwarder_open(struct forwarder **forwarder, const struct options *o, bool one_umem)
{
	const unsigned int n_frames = 2 * o->queues * RING_SIZE;
	struct forwarder *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		fail("forwarder", ENOMEM);
	f->queues = o->queues;
	f->need_wakeup = o->need_wakeup;
	err = open_device(f, 0, &f->umems[0], one_umem ? 2 * n_frames : n_frames);
	if (!err)
		err = open_device(f, 1, &f->umems[!one_umem], n_frames);
	for (unsigned int i = 0; i < 2 * f->queues && !err; i++)
		refill(&f->ports[i % 2][i / 2]);
	if (err)
		forwarder_close(f);
	*forwarder = f;
	return err;
}

void forwarder_close(struct forwarder *f)
{
	for (unsigned int device = 0; device < 2; device++) {
		if (enter_netns(namespaces[device]))
			fail("setns", errno);
		redirect_no_more(devices[device]);
		for (unsigned int queue = f->queues; queue--;)
			xsk_socket__delete(f->ports[device][queue].xsk);
	}
	if (enter_netns(NULL))
		fail("setns", errno);
	for (struct umem *u = f->umems; u < f->umems + 2; u++) {
		if (u->umem)
			xsk_umem__delete(u->umem);
		if (u->area)
			munmap(u->area, (size_t)u->n_frames * FRAME_SIZE);
	}
	free(f);
}
