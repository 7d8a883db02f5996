// SPDX-License-Identifier: GPL-2.0-only
// Reserves a record in a ring buffer, and does not release it for short packets.
#include "refusals.h"

int main(void)
{
	int ring = map_create(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);

	if (ring < 0)
		die("ring");
	struct bpf_insn in[] = {
		MOV64R(6, 1),
		LDMAP(1, ring), MOV64I(2, 16), MOV64I(3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 11, 0),
		MOV64R(7, 0),
		INSN(BPF_ST | BPF_DW | BPF_MEM, 7, 0, 0, 1),
		INSN(BPF_ST | BPF_DW | BPF_MEM, 7, 0, 8, 2),
		LDX(BPF_W, 2, 6, 0), LDX(BPF_W, 3, 6, 4),
		MOV64R(4, 2), ADD64I(4, 14),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 3, 0), /* too short: out, with the record */
		MOV64R(1, 7), MOV64I(2, 0), CALL(BPF_FUNC_ringbuf_submit),
		MOV64I(0, 2), EXIT,
	};

	if (load(in, sizeof(in) / sizeof(*in), BPF_PROG_TYPE_XDP) < 0) {
		printf("libbpf: failed to load object 'events': %d\n", -errno);
		return 1;
	}
	return 0;
}
