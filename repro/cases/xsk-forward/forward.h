/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The parts of the program: the forwarder (forward.c), the XDP programs that give it the
 * packets (redirect.c), client and server (traffic.c), and the two designs (program.c). A
 * function that returns int returns 0 or a negative errno.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdbool.h>

#define MAX_PACKETS 1000000
#define MAX_QUEUES 4
#define BATCH 48 /* packets: each flow's six sizes */

/*
 * What became of the packets; arrived and returned count those that came unaltered, once, and
 * in the order of their flow; per_second is that of the fastest stretch.
 */
struct traffic {
	unsigned int sent, arrived, returned, altered, out_of_order, per_second;
};

/*
 * At the end, each frame has to be in one place: free, or in one ring. These are the UMEMs' frames
 * that were seen once, not at all, and more than once; and what XDP_STATISTICS counted as dropped.
 */
struct frames {
	unsigned int all, once, lost, twice, dropped;
};

struct options {
	unsigned int packets, queues;
	bool need_wakeup;
};

struct forwarder;

int forwarder_open(struct forwarder **forwarder, const struct options *o, bool one_umem);
void forwarder_step(struct forwarder *f);
int forwarder_count(struct forwarder *f, struct frames *frames);
void forwarder_close(struct forwarder *f);

void redirect_to(const int *sockets, unsigned int n, const char *device);
void redirect_no_more(const char *device);

int traffic_open(void);
int traffic_run(struct traffic *traffic, unsigned int packets, struct forwarder *f);

int enter_netns(const char *name);
_Noreturn void fail(const char *step, int err);
double now(void);

#endif
