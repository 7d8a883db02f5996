// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU plugin for TCG: record the addresses of the last blocks of kernel code that ran, and count
 * the system calls of some tasks.
 *
 * Output: the file recent, which gdbscripts/recent.py maps, too: struct header, and from byte 4096
 * on the addresses of blocks, as a ring buffer.
 *
 * A stop of gdb costs 10 to 150 ms, as QEMU then translates all code again. So gdb does not count
 * calls, and is interrupted before the one that it waits for.
 *
 * A plugin cannot read registers before QEMU 9, but the address from which __switch_to_asm loads
 * the next task's stack pointer tells which task runs. QEMU's own log (-d exec) is text, ten times
 * as long, and differs between versions.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../vm/plugin.h"

#define HEADER 4096
#define BLOCKS (1 << 24)
#define SIZE (HEADER + 8L * BLOCKS)
#define PAGE 4096
#define CALLS 64
#define STEP 10000 /* microseconds for a block, while gdb's interrupt is on its way */

/* Tasks stand here as the addresses of their thread.sp. */
static struct header {
	uint64_t on; /* not 0 while blocks are to be recorded */
	uint64_t kept; /* the number of blocks recorded so far */
	uint64_t task; /* the task to record; 0 for all tasks */
	uint64_t load; /* the instruction in __switch_to_asm that loads thread.sp; set before the guest starts */
	uint64_t current; /* the task that runs */
	uint64_t debugger; /* gdb's process */
	uint64_t is_due; /* not 0 after an alarm, until gdb has stopped the guest */
	uint64_t handlers; /* bit N is set if a handler's address, divided by 16, is N modulo 64 */
	struct {
		uint64_t task, handler, count;
		uint64_t alarm; /* the count at which to interrupt gdb */
	} calls[CALLS];
} *header;
static uint64_t *blocks;

static void count(uint64_t start)
{
	for (unsigned int i = 0; i < CALLS && header->calls[i].handler; i++)
		if (header->calls[i].handler == start && header->calls[i].task == header->current &&
		    ++header->calls[i].count == header->calls[i].alarm) {
			header->is_due = 1;
			kill(header->debugger, SIGINT);
		}
}

static void ran(unsigned int cpu, void *data)
{
	uint64_t start = (uintptr_t)data;

	(void)cpu;
	if (header->on && (!header->task || !header->current || header->current == header->task))
		blocks[header->kept++ % BLOCKS] = start;
	if (header->is_due)
		usleep(STEP);
	if (header->handlers >> (start / 16 % 64) & 1)
		count(start);
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu, (void)info, (void)data;
	header->current = address;
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
