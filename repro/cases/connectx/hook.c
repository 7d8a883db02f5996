// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A BPF program at INET4_CONNECT: it looks up who receives what the destination sends to the
 * socket, and refuses connect() if that is a connected socket. In C:
 *
 *	tuple.saddr = ctx->user_ip4;	tuple.sport = ctx->user_port;
 *	tuple.daddr = ctx->sk->src_ip4;	tuple.dport = htons(ctx->sk->src_port);
 *	found = bpf_sk_lookup_udp(ctx, &tuple, sizeof(tuple), BPF_F_CURRENT_NETNS, 0);
 *	if (!found)
 *		return 1;
 *	state = found->state;
 *	bpf_sk_release(found);
 *	return state != BPF_TCP_ESTABLISHED;
 */
#include "scene.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/bpf.h>

#define CGROUP "/sys/fs/cgroup"
#define TUPLE (-16) /* on the stack: saddr, daddr, sport, dport */
#define TUPLE_SIZE 12

#define LOAD(to, from, type, member, size) \
	{ BPF_LDX | BPF_MEM | (size), (to), (from), offsetof(struct type, member), 0 }
#define STORE(at, from, size) { BPF_STX | BPF_MEM | (size), BPF_REG_10, (from), (at), 0 }
#define MOVE(to, from) { BPF_ALU64 | BPF_MOV | BPF_X, (to), (from), 0, 0 }
#define SET(to, value) { BPF_ALU64 | BPF_MOV | BPF_K, (to), 0, 0, (value) }
#define ADD(to, value) { BPF_ALU64 | BPF_ADD | BPF_K, (to), 0, 0, (value) }
#define TO_BE16(to) { BPF_ALU | BPF_END | BPF_TO_BE, (to), 0, 0, 16 }
#define SKIP_UNLESS(what, value, n) { BPF_JMP | BPF_JNE | BPF_K, (what), 0, (n), (value) }
#define CALL(function) { BPF_JMP | BPF_CALL, 0, 0, 0, (function) }
#define RETURN { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 }

static const struct bpf_insn program[] = {
	MOVE(BPF_REG_6, BPF_REG_1),
	LOAD(BPF_REG_7, BPF_REG_6, bpf_sock_addr, sk, BPF_DW),
	LOAD(BPF_REG_1, BPF_REG_6, bpf_sock_addr, user_ip4, BPF_W),
	STORE(TUPLE, BPF_REG_1, BPF_W),
	LOAD(BPF_REG_1, BPF_REG_7, bpf_sock, src_ip4, BPF_W),
	STORE(TUPLE + 4, BPF_REG_1, BPF_W),
	LOAD(BPF_REG_1, BPF_REG_6, bpf_sock_addr, user_port, BPF_W),
	STORE(TUPLE + 8, BPF_REG_1, BPF_H),
	LOAD(BPF_REG_1, BPF_REG_7, bpf_sock, src_port, BPF_W),
	TO_BE16(BPF_REG_1),
	STORE(TUPLE + 10, BPF_REG_1, BPF_H),
	MOVE(BPF_REG_1, BPF_REG_6),
	MOVE(BPF_REG_2, BPF_REG_10),
	ADD(BPF_REG_2, TUPLE),
	SET(BPF_REG_3, TUPLE_SIZE),
	SET(BPF_REG_4, BPF_F_CURRENT_NETNS),
	SET(BPF_REG_5, 0),
	CALL(BPF_FUNC_sk_lookup_udp),
	SKIP_UNLESS(BPF_REG_0, 0, 2),
	SET(BPF_REG_0, 1),
	RETURN,
	LOAD(BPF_REG_7, BPF_REG_0, bpf_sock, state, BPF_W),
	MOVE(BPF_REG_1, BPF_REG_0),
	CALL(BPF_FUNC_sk_release),
	SET(BPF_REG_0, 1),
	SKIP_UNLESS(BPF_REG_7, BPF_TCP_ESTABLISHED, 1),
	SET(BPF_REG_0, 0),
	RETURN,
};

static int attached = -1; /* the link */

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Attaches by a link, so that the hook ends with the program, however that ends. */
void attach_hook(void)
{
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		.expected_attach_type = BPF_CGROUP_INET4_CONNECT,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (uintptr_t)"Dual BSD/GPL",
	};
	union bpf_attr attach = { .link_create.attach_type = BPF_CGROUP_INET4_CONNECT };
	int cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC), hook;

	if (cgroup < 0)
		fail(CGROUP);
	hook = bpf(BPF_PROG_LOAD, &load);
	if (hook < 0)
		fail("BPF_PROG_LOAD");
	attach.link_create.prog_fd = hook;
	attach.link_create.target_fd = cgroup;
	attached = bpf(BPF_LINK_CREATE, &attach);
	if (attached < 0)
		fail("BPF_LINK_CREATE");
	close(hook);
	close(cgroup);
}

void detach_hook(void)
{
	close(attached);
}
