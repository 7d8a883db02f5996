// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What veth refuses: XDP programs, a larger MTU, and AF_XDP sockets.
 *
 * usage: program PLAIN LARGE QUEUES
 *   The names of three pairs; their ends are PLAIN0 and PLAIN1 and so on. The MTU of LARGE1 is
 *   9000. QUEUES1 has more tx queues than QUEUES0 has rx queues.
 * A program is attached to end 0, once by netlink, which says why it refuses, and once by
 * BPF_LINK_CREATE.
 *
 * Output: one row for each attempt on stdout, one JSON object per line:
 *   {"row":"generic, native is active","ack_errno":17,"ack":"Native and ...","errno":17}
 * ack_errno and ack are netlink's answer, or null without one; errno is from the system call.
 * AF_XDP sockets have no ack.
 * Exit: 0 all rows were written; 1 something else failed, with a message; 2 bad usage.
 */
#include "veth-xdp.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

#define NATIVE XDP_FLAGS_DRV_MODE
#define GENERIC XDP_FLAGS_SKB_MODE

enum pair { PLAIN, LARGE, QUEUES, PAIRS };

struct attempt {
	const char *row;
	enum pair pair;
	unsigned int flags; /* NATIVE or GENERIC */
	unsigned int active; /* that of a program which is attached already */
	unsigned int mtu; /* for end 1, instead of a program for end 0 */
	bool frags; /* the program accepts packets of several fragments */
};

_Noreturn void fail(const char *step)
{
	perror(step);
	exit(1);
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A program that passes every packet. Returns it, or -1 and errno. */
static int load_program(bool frags)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)pass,
		.insn_cnt = sizeof(pass) / sizeof(*pass),
		.license = (uintptr_t)"Dual BSD/GPL",
		.prog_flags = frags ? BPF_F_XDP_HAS_FRAGS : 0,
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

/* Returns the error of BPF_LINK_CREATE, or 0. */
static int try_link(unsigned int ifindex, int program, unsigned int flags)
{
	union bpf_attr attr = { .link_create.attach_type = BPF_XDP };
	int link;

	attr.link_create.prog_fd = program;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.flags = flags;
	link = bpf(BPF_LINK_CREATE, &attr);
	if (link < 0)
		return errno;
	close(link);
	return 0;
}

/* Returns the error of SIOCSIFMTU, or 0. */
static int try_mtu(const char *device, unsigned int mtu)
{
	struct ifreq request = { .ifr_mtu = mtu };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err = 0;

	if (fd < 0)
		fail("socket");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCSIFMTU, &request))
		err = errno;
	close(fd);
	return err;
}

static unsigned int end_of(const char *pair, int end, char name[IF_NAMESIZE])
{
	unsigned int ifindex;

	snprintf(name, IF_NAMESIZE, "%s%d", pair, end);
	ifindex = if_nametoindex(name);
	if (!ifindex)
		fail(name);
	return ifindex;
}

static void try(const struct attempt *attempt, const char *pair)
{
	char name[IF_NAMESIZE], peer_name[IF_NAMESIZE];
	unsigned int ifindex = end_of(pair, 0, name), peer = end_of(pair, 1, peer_name);
	int other = load_program(false), program = load_program(attempt->frags), err = errno;
	struct ack ack;

	if (other < 0 || (attempt->active && set_xdp(ifindex, other, attempt->active).err))
		fail("the active program");
	if (program < 0) {
		printf("{\"row\":\"%s\",\"ack_errno\":null,\"ack\":null,\"errno\":%d}\n", attempt->row, err);
		close(other);
		return;
	}
	if (attempt->mtu) {
		ack = set_mtu(peer, attempt->mtu);
		err = try_mtu(peer_name, attempt->mtu);
	} else {
		ack = set_xdp(ifindex, program, attempt->flags);
		if (!ack.err)
			set_xdp(ifindex, -1, attempt->flags);
		err = try_link(ifindex, program, attempt->flags);
	}
	printf("{\"row\":\"%s\",\"ack_errno\":%d,\"ack\":%s%s%s,\"errno\":%d}\n", attempt->row, ack.err,
	       *ack.text ? "\"" : "", *ack.text ? ack.text : "null", *ack.text ? "\"" : "", err);
	if (attempt->active && set_xdp(ifindex, -1, attempt->active).err)
		fail("to detach the active program");
	close(program);
	close(other);
}

int main(int argc, char **argv)
{
	static const struct attempt attempts[] = {
		{ .row = "native", .flags = NATIVE },
		{ .row = "generic", .flags = GENERIC },
		{ .row = "generic, native is active", .flags = GENERIC, .active = NATIVE },
		{ .row = "native, generic is active", .flags = NATIVE, .active = GENERIC },
		{ .row = "native, the peer's MTU is 9000", .pair = LARGE, .flags = NATIVE },
		{ .row = "native with frags, the same", .pair = LARGE, .flags = NATIVE, .frags = true },
		{ .row = "generic, the same", .pair = LARGE, .flags = GENERIC },
		{ .row = "MTU 9000 for the peer, native is active", .active = NATIVE, .mtu = 9000 },
		{ .row = "native, fewer rx than the peer's tx queues", .pair = QUEUES, .flags = NATIVE },
		{ .row = "generic, the same queues", .pair = QUEUES, .flags = GENERIC },
	};
	char name[IF_NAMESIZE];

	if (argc != 1 + PAIRS) {
		fprintf(stderr, "usage: %s PLAIN LARGE QUEUES\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++)
		try(&attempts[i], argv[1 + attempts[i].pair]);
	bind_sockets(end_of(argv[1], 0, name), end_of(argv[1], 1, name));
	return 0;
}
