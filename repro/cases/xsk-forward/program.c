// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Forward packets between two devices in different network namespaces, with AF_XDP.
 *
 * usage: program PACKETS QUEUES on|off
 * PACKETS is 1000000 at most, QUEUES 4. The third argument says whether the sockets use XDP_USE_NEED_WAKEUP. The packets go from
 * device client (in client-ns) in at outer and out at inner (in inner-ns), to server (in
 * server-ns), which returns them the same way. Two designs do that: an older one, with a UMEM
 * for each device and a copy from one to the other; and one UMEM for both, without copies.
 *
 * Output: a row for each design and one for their speed, one JSON object per line:
 *   {"row":"one UMEM","sent":20000,"arrived":"all","returned":"all","altered":0,
 *    "out_of_order":0,"dropped":0,"frames":"all","frames_lost":0,"frames_twice":0,
 *    "packets_per_second":31415,"errno":0}
 *   {"row":"one UMEM against two","ratio":1.31}
 * arrived and returned are a number if it was not all packets; dropped is what the kernel counts
 * in XDP_STATISTICS; frames are those of the UMEMs that were seen in one place at the end, or their
 * number if that was not all; packets_per_second is of the fastest stretch of 960 packets, there
 * and back. If a design's sockets cannot be created, it sends 0 packets, and what it did not see
 * is null, as is ratio.
 * Exit: 0 all rows were written; 1 another step failed, with a message; 2 bad usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "forward.h"

#define BIND_DEADLINE 5 /* seconds until the kernel has released a closed socket's queue */

_Noreturn void fail(const char *step, int err)
{
	fprintf(stderr, "%s: %s\n", step, strerror(abs(err)));
	exit(1);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Enters a namespace of ip-netns(8), or the program's first one for NULL. */
int enter_netns(const char *name)
{
	static int first = -1;
	char path[64];
	int fd, err;

	if (first < 0)
		first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!name)
		return setns(first, CLONE_NEWNET) ? -errno : 0;
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return err;
}

static int open_when_free(struct forwarder **f, const struct options *o, bool one_umem)
{
	const double deadline = now() + BIND_DEADLINE;
	int err;

	while ((err = forwarder_open(f, o, one_umem)) == -EBUSY && now() < deadline)
		usleep(10000);
	return err;
}

struct text {
	char is[16];
};

/* "all", or the number if it is not all or there were none. */
static struct text number_or_all(unsigned int n, unsigned int all)
{
	struct text text = { "\"all\"" };

	if (!n || n != all)
		snprintf(text.is, sizeof(text.is), "%u", n);
	return text;
}

static void print_row(const char *row, const struct traffic *t, const struct frames *frames)
{
	printf("{\"row\":\"%s\",\"sent\":%u,\"arrived\":%s,\"returned\":%s,\"altered\":%u,"
	       "\"out_of_order\":%u,\"dropped\":%u,\"frames\":%s,\"frames_lost\":%u,"
	       "\"frames_twice\":%u,\"packets_per_second\":%u,\"errno\":0}\n", row, t->sent,
	       number_or_all(t->arrived, t->sent).is, number_or_all(t->returned, t->sent).is,
	       t->altered, t->out_of_order, frames->dropped,
	       number_or_all(frames->once, frames->all).is, frames->lost, frames->twice,
	       t->per_second);
}

/* Prints a row, and returns the packets per second, or 0. */
static unsigned int try_design(const char *row, const struct options *o, bool one_umem)
{
	struct traffic traffic = {};
	struct frames frames = {};
	struct forwarder *f;
	int err;

	err = open_when_free(&f, o, one_umem);
	if (err) {
		printf("{\"row\":\"%s\",\"sent\":0,\"arrived\":null,\"returned\":null,\"altered\":null,"
		       "\"out_of_order\":null,\"dropped\":null,\"frames\":null,\"frames_lost\":null,"
		       "\"frames_twice\":null,\"packets_per_second\":null,\"errno\":%d}\n", row, -err);
		return 0;
	}
	err = traffic_run(&traffic, o->packets, f);
	if (err)
		fail("traffic", err);
	err = forwarder_count(f, &frames);
	if (err)
		fail("XDP_STATISTICS", err);
	forwarder_close(f);
	print_row(row, &traffic, &frames);
	return traffic.per_second;
}

/* Returns the number, or 0 if the text is anything else, or more than most. */
static unsigned long read_number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *end || n > most ? 0 : n;
}

static int parse_arguments(int argc, char **argv, struct options *o)
{
	if (argc != 4)
		return -EINVAL;
	o->packets = read_number(argv[1], MAX_PACKETS);
	o->queues = read_number(argv[2], MAX_QUEUES);
	o->need_wakeup = !strcmp(argv[3], "on");
	return o->packets && o->queues && (o->need_wakeup || !strcmp(argv[3], "off")) ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	unsigned int two, one;
	struct options o;
	int err;

	if (parse_arguments(argc, argv, &o)) {
		fprintf(stderr, "usage: %s PACKETS QUEUES on|off\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	err = traffic_open();
	if (err)
		fail("client and server", err);
	two = try_design("a UMEM for each device", &o, false);
	one = try_design("one UMEM", &o, true);
	if (one && two)
		printf("{\"row\":\"one UMEM against two\",\"ratio\":%.2f}\n", (double)one / two);
	else
		printf("{\"row\":\"one UMEM against two\",\"ratio\":null}\n");
	return 0;
}
