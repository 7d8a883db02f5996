// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU plugin for TCG: record the addresses of the last blocks of kernel code that ran.
 *
 * Output: the file recent, which gdbscripts/path.py maps, too. Its first words, of 8 bytes each:
 *   0  not 0 while blocks are to be recorded
 *   1  the number of blocks recorded so far
 *   2  the task to record, as the address of its thread.sp; 0 for all tasks
 *   3  the address of the instruction in __switch_to_asm that loads thread.sp, set before
 *      the guest starts
 * From byte 4096 on, it has the addresses of blocks, as a ring buffer.
 *
 * A plugin cannot read registers before QEMU 9, but the address from which __switch_to_asm loads
 * the next task's stack pointer tells which task runs. QEMU's own log (-d exec) is text, ten times
 * as long, and differs between versions.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../vm/plugin.h"

#define HEADER 4096
#define BLOCKS (1 << 24)
#define SIZE (HEADER + 8L * BLOCKS)
#define PAGE 4096

static struct {
	uint64_t on, kept, task, load;
} *header;
static uint64_t *blocks;
static uint64_t current; /* the task that runs: the address of its thread.sp */

static void ran(unsigned int cpu, void *start)
{
	(void)cpu;
	if (header->on && (!header->task || !current || current == header->task))
		blocks[header->kept++ % BLOCKS] = (uintptr_t)start;
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu, (void)info, (void)data;
	current = address;
}

static void translated(struct qemu_plugin_tb *tb)
{
	uint64_t start = qemu_plugin_tb_vaddr(tb);

	if (!(start >> 63)) /* not the kernel's */
		return;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, NO_REGISTERS, (void *)(uintptr_t)start);
	for (size_t i = 0; header->load - start < PAGE && i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_vaddr(insn) == header->load)
			qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGISTERS, READS_AND_WRITES, NULL);
	}
}

EXPORTED int
qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int fd;

	(void)info, (void)argc, (void)argv;
	fd = open("recent", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SIZE)) {
		perror("recent");
		return -1;
	}
	header = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (header == MAP_FAILED) {
		perror("recent: mmap");
		return -1;
	}
	blocks = (uint64_t *)((char *)header + HEADER);
	register_translated(id);
	return 0;
}
