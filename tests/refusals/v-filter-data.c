// SPDX-License-Identifier: GPL-2.0-only
// A socket filter that reads skb->data directly, which only programs of tc may do.
#include "refusals.h"

int main(void)
{
	struct bpf_insn in[] = {
		MOV64R(6, 1),
		LDX(BPF_W, 7, 6, 0), /* len */
		LDX(BPF_W, 8, 6, 16), /* protocol */
		INSN(BPF_STX | BPF_W | BPF_MEM, 6, 7, 48, 0), /* cb[0] = len */
		LDX(BPF_W, 2, 6, 76), /* data */
		LDX(BPF_W, 3, 6, 80), /* data_end */
		MOV64I(0, 0),
		EXIT,
	};

	if (load(in, 4, BPF_PROG_TYPE_SOCKET_FILTER) >= 0)
		return 3; /* no exit: must not load */
	if (load(in, 8, BPF_PROG_TYPE_SOCKET_FILTER) < 0) {
		fprintf(stderr, "load of socket filter: Permission denied\n");
		return 1;
	}
	return 0;
}
