// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Create AF_XDP sockets on devices that have libxdp's default XDP program.
 *
 * usage: program DEVICE ANOTHER LOCK
 * The XDP program counts its users, as libxdp's own does: it has the name, the version and
 * the maps by which libxdp knows that one, and one user that stays. LOCK is the folder that libxdp
 * locks to count; for the last row, on ANOTHER, it is removed.
 *
 * Output: one row per step on stdout, one JSON object per line:
 *   {"row":"a socket","users":2,"kept_memory":false,"errno":0}
 * users is what the program has counted; kept_memory says whether the step left as much
 * allocated as the program's data has; errno is that of libxdp's function.
 * Exit: 0 all rows were written; 1 another step failed, with a message; 2 bad usage.
 */
#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#define FRAME_SIZE 4096 /* bytes */
#define FRAMES 16
#define DATA_SIZE 65536 /* bytes: more than libxdp allocates otherwise */

struct socket {
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion, rx;
};

static _Noreturn void fail(const char *step, int err)
{
	fprintf(stderr, "%s: %s\n", step, strerror(abs(err)));
	exit(1);
}

/* __uint(xsk_prog_version, 1) SEC("xdp_metadata"), and the function. Returns the function's id. */
static int describe(struct btf *btf)
{
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int version = btf__add_ptr(btf, btf__add_array(btf, number, number, 1));
	int variable = btf__add_var(btf, "xsk_prog_version", BTF_VAR_GLOBAL_ALLOCATED, version);

	btf__add_datasec(btf, "xdp_metadata", sizeof(void *));
	btf__add_datasec_var_info(btf, variable, 0, sizeof(void *));
	return btf__add_func(btf, "xsk_def_prog", BTF_FUNC_STATIC, btf__add_func_proto(btf, number));
}

static int load_program(int sockets, int data)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = sockets },
		{},
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = data },
		{},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct btf *btf = btf__new_empty();
	struct bpf_func_info function = { .type_id = describe(btf) };
	int err = btf__load_into_kernel(btf);
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_btf_fd = btf__fd(btf), .func_info = &function,
		    .func_info_cnt = 1, .func_info_rec_size = sizeof(function));

	if (err)
		fail("BTF", err);
	return bpf_prog_load(BPF_PROG_TYPE_XDP, "xsk_def_prog", "GPL", program,
			     sizeof(program) / sizeof(*program), &options);
}

/* Sets a program for the devices, or none if it is -1. */
static void attach(int program, char **devices)
{
	for (unsigned int i = 0; i < 2; i++) {
		int err = bpf_xdp_attach(if_nametoindex(devices[i]), program, XDP_FLAGS_SKB_MODE, NULL);

		if (err)
			fail("bpf_xdp_attach", err);
	}
}

/* Attaches the program, and returns the map of its data, which begins with the number of users. */
static int attach_default(char **devices)
{
	int sockets = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks_map", sizeof(int), sizeof(int), 1, NULL);
	int data = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xsk_def_.data", sizeof(int), DATA_SIZE, 1, NULL);
	static int initial[DATA_SIZE / sizeof(int)] = { 1 };
	int first = 0, program = load_program(sockets, data);

	if (sockets < 0 || data < 0 || program < 0 || bpf_map_update_elem(data, &first, initial, 0))
		fail("XDP program", errno);
	attach(program, devices);
	return data;
}

static void create_umem(struct socket *s)
{
	static _Alignas(FRAME_SIZE) unsigned char frames[FRAMES * FRAME_SIZE];
	int err = xsk_umem__create(&s->umem, frames, sizeof(frames), &s->fill, &s->completion, NULL);

	if (err)
		fail("xsk_umem__create", err);
}

static int create_socket(struct socket *s, const char *device)
{
	const struct xsk_socket_config config = {
		.rx_size = FRAMES, .tx_size = FRAMES,
		.bind_flags = XDP_COPY,
		.xdp_flags = XDP_FLAGS_SKB_MODE,
	};

	return xsk_socket__create(&s->xsk, device, 0, s->umem, &s->rx, &s->tx, &config);
}

static size_t allocated(void)
{
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* before is what was allocated before the step. */
static void report(const char *row, int data, size_t before, int err)
{
	static int users[DATA_SIZE / sizeof(int)];
	const bool kept = allocated() >= before + DATA_SIZE;
	int first = 0;

	if (bpf_map_lookup_elem(data, &first, users))
		fail("number of users", errno);
	printf("{\"row\":\"%s\",\"users\":%d,\"kept_memory\":%s,\"errno\":%d}\n", row, users[0],
	       kept ? "true" : "false", abs(err));
}

int main(int argc, char **argv)
{
	static struct socket s[2];
	size_t before;
	int data, err;

	if (argc != 4) {
		fprintf(stderr, "usage: %s DEVICE ANOTHER LOCK\n", argv[0]);
		return 2;
	}
	setlinebuf(stdout);
	data = attach_default(argv + 1);
	create_umem(&s[0]);
	create_umem(&s[1]);

	before = allocated();
	err = create_socket(&s[0], argv[1]);
	report("a socket", data, before, err);
	before = allocated();
	xsk_socket__delete(s[0].xsk);
	report("its end", data, before, 0);

	if (rmdir(argv[3]))
		fail(argv[3], errno);
	before = allocated();
	err = create_socket(&s[1], argv[2]);
	report("a socket without a lock", data, before, err);
	attach(-1, argv + 1);
	return 0;
}
