// SPDX-License-Identifier: GPL-2.0-only
// A server that gives io_uring two buffers to receive into, and receives three times without
// giving any back.
#include "refusals.h"
#include <linux/io_uring.h>

static int fd;
static unsigned *tail, *mask, *array, *chead, *ctail, *cmask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static int run(struct io_uring_sqe *s)
{
	unsigned i = *tail & *mask;
	int res;
	sqes[i] = *s;
	array[i] = i;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, 0,
		    0) < 0)
		die("enter");
	res = cqes[*chead & *cmask].res;
	__atomic_store_n(chead, *chead + 1, __ATOMIC_RELEASE);
	return res;
}

int main(void)
{
	static char pool[2][512];
	struct io_uring_params p = { 0 };
	int sv[2], got = 0, res = 0;
	char *m;
	if ((fd = syscall(__NR_io_uring_setup, 8, &p)) < 0)
		die("setup");
	m = mmap(0, p.cq_off.cqes + p.cq_entries * 16, PROT_READ | PROT_WRITE,
		 MAP_SHARED, fd, IORING_OFF_SQ_RING);
	sqes = mmap(0, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, IORING_OFF_SQES);
	tail = (void *)(m + p.sq_off.tail);
	mask = (void *)(m + p.sq_off.ring_mask);
	array = (void *)(m + p.sq_off.array);
	chead = (void *)(m + p.cq_off.head);
	ctail = (void *)(m + p.cq_off.tail);
	cmask = (void *)(m + p.cq_off.ring_mask);
	cqes = (void *)(m + p.cq_off.cqes);
	struct io_uring_sqe give = { .opcode = IORING_OP_PROVIDE_BUFFERS,
				     .fd = 2,
				     .addr = (unsigned long)pool,
				     .len = 512,
				     .buf_group = 7 };
	if (run(&give) < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, sv))
		die("buffers");
	for (int i = 0; i < 4; i++) {
		struct io_uring_sqe take = { .opcode = IORING_OP_RECV,
					     .fd = sv[1],
					     .flags = IOSQE_BUFFER_SELECT,
					     .buf_group = 7 };
		if (send(sv[0], "hello", 5, 0) != 5)
			die("send");
		if ((res = run(&take)) < 0)
			break;
		got++;
	}
	printf("served %d\n", got);
	if (res < 0)
		fprintf(stderr, "recv completion failed: %s\n", strerror(-res));
	return res < 0;
}
