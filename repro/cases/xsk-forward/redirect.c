// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The XDP program of a device: it redirects each packet to the socket on its queue.
 */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include "forward.h"

static int load(int map)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,
		  .off = offsetof(struct xdp_md, rx_queue_index) },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "to_socket", "GPL", program,
			     sizeof(program) / sizeof(*program), NULL);
}

/* Call both functions in the device's namespace. */
void redirect_to(const int *sockets, unsigned int n, const char *device)
{
	int map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "sockets", sizeof(int), sizeof(int), n, NULL);
	int program = load(map), err;

	if (map < 0 || program < 0)
		fail("XDP program", errno);
	for (unsigned int queue = 0; queue < n; queue++)
		if (bpf_map_update_elem(map, &queue, &sockets[queue], 0))
			fail("XSKMAP", errno);
	err = bpf_xdp_attach(if_nametoindex(device), program, XDP_FLAGS_SKB_MODE, NULL);
	if (err)
		fail("bpf_xdp_attach", err);
	close(program);
	close(map);
}

void redirect_no_more(const char *device)
{
	int err = bpf_xdp_detach(if_nametoindex(device), XDP_FLAGS_SKB_MODE, NULL);

	if (err)
		fail("bpf_xdp_detach", err);
}
