// SPDX-License-Identifier: GPL-2.0-only
/*
 * btf: check that this kernel can parse its own BTF. It does so when the first program that refers
 * to a type is loaded; before that, it has no BTF to show.
 *
 * Exit: 0 it does; 1 it does not, with the errno on stderr.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = BPF_TRACE_RAW_TP,
		.insns = (unsigned long)insns,
		.insn_cnt = 2,
		.license = (unsigned long)"GPL",
		.attach_btf_id = 1, /* not a tracepoint: refused after the BTF was parsed */
	};
	union bpf_attr next = { .start_id = 0 };

	syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (syscall(SYS_bpf, BPF_BTF_GET_NEXT_ID, &next, sizeof(next))) {
		fprintf(stderr, "btf: BPF_BTF_GET_NEXT_ID: %s\n", strerror(errno));
		return 1;
	}
	puts("the kernel has parsed its BTF");
	return 0;
}
