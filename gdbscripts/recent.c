// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's emulator: keep the addresses of the blocks of code that ran last.
 *
 * usage: -plugin FILE,ring=RING
 *   RING  a file that both sides map, of words of 8 bytes: not 0 while blocks are to be kept;
 *         the number of blocks that were kept so far; the address of the task's thread.sp
 *         whose blocks are to be kept, or 0 for all; and the address of the instruction that
 *         loads it in __switch_to_asm, which is set before the guest starts. From byte 4096 on the addresses of blocks,
 *         the nth at place n modulo what fits
 * gdbscripts/path.py reads RING, and repro/why.d/refused-in makes it. Registers cannot be
 * read before QEMU 9, but where __switch_to_asm finds the next task's stack pointer tells the
 * task. QEMU's own log (-d exec) has the same in text,
 * ten times as long, for each version of QEMU in another way, and all of it or nothing.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is used of QEMU's interface, whose header is in no package of Debian 12. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { NO_REGISTERS = 0, READS_AND_WRITES = 3 };
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int cpu, void *data), int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, void (*)(unsigned int cpu, uint32_t info, uint64_t address, void *data),
				      int flags, int rw, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
__attribute__((visibility("default"))) int qemu_plugin_version = INTERFACE;

#define HEADER 4096
#define PAGE 4096

static struct {
	uint64_t on, kept, task, load;
} *header;
static uint64_t *blocks, size;
static uint64_t current; /* the address of its thread.sp */

static void ran(unsigned int cpu, void *start)
{
	(void)cpu;
	if (header->on && (!header->task || !current || current == header->task))
		blocks[header->kept++ % size] = (uintptr_t)start;
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu, (void)info, (void)data;
	current = address;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	uint64_t start = qemu_plugin_tb_vaddr(tb);

	(void)id;
	if (!(start >> 63)) /* not the kernel's */
		return;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, NO_REGISTERS, (void *)(uintptr_t)start);
	for (size_t i = 0; header->load - start < PAGE && i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_vaddr(insn) == header->load)
			qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGISTERS, READS_AND_WRITES, NULL);
	}
}

__attribute__((visibility("default"))) int
qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	struct stat stat;
	int fd;

	(void)info;
	if (argc != 1 || strncmp(argv[0], "ring=", 5)) {
		fprintf(stderr, "recent: ring=FILE is needed\n");
		return -1;
	}
	fd = open(argv[0] + 5, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) || stat.st_size <= HEADER) {
		perror(argv[0] + 5);
		return -1;
	}
	header = mmap(NULL, stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (header == MAP_FAILED) {
		perror("mmap");
		return -1;
	}
	blocks = (uint64_t *)((char *)header + HEADER);
	size = (stat.st_size - HEADER) / sizeof(*blocks);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
