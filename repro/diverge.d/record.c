// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's emulator: record which blocks of code a program executes in
 * ring 3, task by task.
 *
 * usage: -plugin FILE,switch=ADDRESS,exec=ADDRESS,dead=ADDRESS,begin=ADDRESS
 *   switch  the kernel's __switch_to_asm
 *   exec    the kernel's begin_new_exec
 *   dead    the kernel's do_task_dead
 *   begin   where the code of begin.c begins; the task that runs it is the program's first
 * Output: record.run, 32-bit words in order of time: the number of a block, or SWITCH
 *   with the number of the task that runs from here; record.blocks, a line for each block:
 *   "start last end target kind image", addresses in hex, where last is its last instruction,
 *   the one that decides where it goes on, and target is 0 where that is not in the code;
 *   image counts the programs that were executed, in order of time, and is the first one
 *   that ran the block. Block n is line n + 1. If they cannot be written in full, QEMU ends with
 *   1, and a line on stderr says why.
 *
 * Registers cannot be read before QEMU 9. But the first thing that __switch_to_asm loads
 * is the stack pointer of the next task, and the address of that stands for the task. A
 * new task is the program's if the first code that it runs in ring 3 is behind a system call
 * that a task of the program has made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../vm/plugin.h"

#define RUN "record.run"
#define BLOCKS "record.blocks"
#define SWITCH 0x80000000u
#define BEGIN_SIZE 0x200000
#define MAX_CALLS 4096
#define NOT_THE_PROGRAMS -1

struct block {
	uint64_t start, last, end, target;
	const char *kind;
	int64_t number; /* -1 until the program has run it */
	int image;	/* of a system call: which made it last */
};

struct task {
	struct task *next;
	uint64_t address;
	bool began; /* it has run in ring 3 */
	int number, image;
};

static uint64_t address_of_switch, address_of_exec, address_of_dead, address_of_begin;
static struct task *tasks, *current, *recorded;
static bool switching;
static int n_tasks, n_images;
static uint32_t n_blocks;
static const struct block *calls[MAX_CALLS]; /* the program's system calls */
static int n_calls;
static uint32_t words[1 << 16], n_words; /* for run, not yet written */
static FILE *run, *blocks;

/* A record without its end looks like one of a program that did less: end QEMU. */
static void check(bool is_written, const char *file)
{
	if (is_written)
		return;
	fprintf(stderr, "record: cannot write %s: %m\n", file);
	_exit(1);
}

static void flush(void)
{
	check(fwrite(words, sizeof(*words), n_words, run) == n_words, RUN);
	n_words = 0;
}

static void put(uint32_t word)
{
	words[n_words++] = word;
	if (n_words == sizeof(words) / sizeof(*words))
		flush();
}

static void switches(unsigned int cpu, void *data)
{
	(void)cpu, (void)data;
	switching = true;
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	struct task *task;

	(void)cpu, (void)data;
	if (!switching || qemu_plugin_mem_is_store(info))
		return;
	switching = false;
	for (task = tasks; task && task->address != address; task = task->next)
		;
	if (!task) {
		task = calloc(1, sizeof(*task));
		task->address = address;
		task->number = NOT_THE_PROGRAMS;
		task->next = tasks;
		tasks = task;
	}
	current = task;
}

/* The kernel will give its memory to another task. */
static void died(unsigned int cpu, void *data)
{
	(void)cpu, (void)data;
	if (current)
		current->address = 0;
}

/* It has made room for another program. */
static void executes(unsigned int cpu, void *data)
{
	(void)cpu, (void)data;
	if (current && current->number != NOT_THE_PROGRAMS)
		current->image = n_images++;
}

/* A task begins to run: is it a child of the program's? */
static void begin(struct task *task, uint64_t address)
{
	task->began = true;
	for (int i = 0; i < n_calls && task->number == NOT_THE_PROGRAMS; i++) {
		if (calls[i]->end == address) {
			task->number = n_tasks++;
			task->image = calls[i]->image;
		}
	}
}

static void ran(unsigned int cpu, void *data)
{
	struct block *block = data;
	struct task *task = current;

	(void)cpu;
	if (!task)
		return;
	if (block->start - address_of_begin < BEGIN_SIZE) {
		if (task->number == NOT_THE_PROGRAMS)
			task->number = n_tasks++;
		return;
	}
	if (!task->began)
		begin(task, block->start);
	if (task->number == NOT_THE_PROGRAMS)
		return;
	if (block->number < 0) {
		block->number = n_blocks++;
		check(fprintf(blocks, "%lx %lx %lx %lx %s %d\n", block->start, block->last, block->end, block->target,
			      block->kind, task->image) > 0, BLOCKS);
		if (block->kind[0] == 's' && n_calls < MAX_CALLS)
			calls[n_calls++] = block;
	}
	if (block->kind[0] == 's')
		block->image = task->image;
	if (task != recorded) {
		recorded = task;
		put(SWITCH | task->number);
	}
	put(block->number);
}

/* What the last instruction does to the flow of control. */
static void classify(struct block *block, const uint8_t *code, size_t size)
{
	const uint8_t *end = code + size;
	unsigned int reg;

	while (end - code > 1 && (*code == 0xf2 || *code == 0xf3 || *code == 0x3e || *code == 0x2e || *code >> 4 == 4))
		code++; /* prefixes, as of "bnd jmp" and "notrack jmp" */
	reg = end - code > 1 ? code[1] >> 3 & 7 : 0;
	block->kind = "none";
	if (*code == 0xe8)
		block->kind = "call";
	else if (*code == 0xff && (reg == 2 || reg == 4))
		block->kind = reg == 2 ? "call" : "jump"; /* through a register or memory */
	else if (*code == 0xc3 || *code == 0xc2)
		block->kind = "return";
	else if (*code == 0xeb || *code == 0xe9)
		block->kind = "goto";
	else if (*code >> 4 == 7 || *code >> 2 == 0xe0 >> 2 || (*code == 0x0f && code[1] >> 4 == 8))
		block->kind = "branch";
	else if (*code == 0x0f && code[1] == 5)
		block->kind = "system";
	if (*code == 0xe8 || *code == 0xe9 || *code == 0x0f) {
		int32_t displacement;

		memcpy(&displacement, end - sizeof(displacement), sizeof(displacement));
		block->target = block->end + displacement;
	} else if (*code == 0xeb || block->kind[0] == 'b') {
		block->target = block->end + (int8_t)end[-1];
	}
	if (block->kind[0] == 's' || block->kind[0] == 'n')
		block->target = 0;
}

static void translated(struct qemu_plugin_tb *tb)
{
	uint64_t start = qemu_plugin_tb_vaddr(tb);
	size_t count = qemu_plugin_tb_n_insns(tb), size;
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
	struct block *block;

	if (start == address_of_switch) {
		qemu_plugin_register_vcpu_tb_exec_cb(tb, switches, NO_REGISTERS, NULL);
		for (size_t i = 0; i < count; i++)
			qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), accessed, NO_REGISTERS, READS_AND_WRITES, NULL);
	} else if (start == address_of_exec) {
		qemu_plugin_register_vcpu_tb_exec_cb(tb, executes, NO_REGISTERS, NULL);
	} else if (start == address_of_dead) {
		qemu_plugin_register_vcpu_tb_exec_cb(tb, died, NO_REGISTERS, NULL);
	} else if (!(start >> 47)) {
		uint8_t code[16] = { 0 };

		block = calloc(1, sizeof(*block)); /* as long as QEMU may run it, that is for ever */
		block->start = start;
		block->last = qemu_plugin_insn_vaddr(last);
		size = qemu_plugin_insn_size(last);
		block->end = block->last + size;
		block->number = -1;
		copy_code(last, code, size);
		classify(block, code, size);
		qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, NO_REGISTERS, block);
	}
}

static __attribute__((destructor)) void ended(void)
{
	if (!run || !blocks)
		return;
	flush();
	check(!fclose(run), RUN);
	check(!fclose(blocks), BLOCKS);
}

EXPORTED int
qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return -1;
		*value++ = '\0';
		if (!strcmp(argv[i], "switch"))
			address_of_switch = strtoull(value, NULL, 16);
		else if (!strcmp(argv[i], "exec"))
			address_of_exec = strtoull(value, NULL, 16);
		else if (!strcmp(argv[i], "dead"))
			address_of_dead = strtoull(value, NULL, 16);
		else if (!strcmp(argv[i], "begin"))
			address_of_begin = strtoull(value, NULL, 16);
		else
			return -1;
	}
	run = fopen(RUN, "we");
	check(run, RUN);
	blocks = fopen(BLOCKS, "we");
	check(blocks, BLOCKS);
	if (!address_of_switch || !address_of_exec || !address_of_dead || !address_of_begin)
		return -1;
	register_translated(id);
	return 0;
}
