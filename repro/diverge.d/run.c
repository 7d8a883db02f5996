// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read a recorded run, and make of each task's blocks a tree of function calls. What a page
 * fault has cut is put together again, and a signal's handler stands apart from what it
 * interrupted. The files are described in align.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "run.h"

#define SWITCH 0x80000000u
#define STACK_SEARCH 4096 /* frames that a return may skip */

static _Noreturn void give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("align: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* Makes room for one more in an array whose size doubles. */
void *grow(void *array, uint32_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	array = realloc(array, (n ? 2 * (size_t)n : 1) * size);
	if (!array)
		give_up("no memory for %u more", n);
	return array;
}

/* Keys: numbers for texts. */
uint32_t n_keys;
static char **keys;
static uint32_t *key_table, table_size;

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * 16777619u;
	return hash;
}

static uint32_t key_of(const char *text)
{
	uint32_t at;

	if (2 * n_keys >= table_size) {
		table_size = table_size ? 2 * table_size : 1 << 12;
		free(key_table);
		key_table = calloc(table_size, sizeof(*key_table));
		for (uint32_t i = 0; i < n_keys; i++) {
			for (at = hash_of(keys[i]) % table_size; key_table[at]; at = (at + 1) % table_size)
				;
			key_table[at] = i + 1;
		}
	}
	for (at = hash_of(text) % table_size; key_table[at]; at = (at + 1) % table_size)
		if (!strcmp(keys[key_table[at] - 1], text))
			return key_table[at] - 1;
	*ADD(keys, n_keys) = strdup(text);
	key_table[at] = n_keys;
	return n_keys - 1;
}

static FILE *open_in(const char *folder, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		give_up("cannot open %s", path);
	return file;
}

void read_blocks(struct run *run, const char *folder)
{
	FILE *blocks = open_in(folder, "record.blocks"), *places = open_in(folder, "places");
	char kind[16], *line = NULL, *tab;
	size_t size = 0;
	struct block b = { 0 };

	while (fscanf(blocks, "%lx %lx %lx %lx %15s%*[^\n]", &b.start, &b.last, &b.end, &b.target, kind) == 5) {
		if (getline(&line, &size, places) < 0 || !(tab = strchr(line, '\t')))
			give_up("%s/places ends before record.blocks", folder);
		*tab++ = '\0';
		tab[strcspn(tab, "\n")] = '\0';
		b.kind = kind[0];
		b.is_named = strchr(line, '|');
		b.site = key_of(line);
		b.entry = key_of(tab);
		*ADD(run->blocks, run->n_blocks) = b;
	}
	free(line);
	fclose(blocks);
	fclose(places);
}

void measure_blocks(struct run *run)
{
	run->longest = calloc(n_keys, sizeof(*run->longest));
	for (const struct block *b = run->blocks; b < run->blocks + run->n_blocks; b++)
		if (run->longest[b->site] < b->end - b->start)
			run->longest[b->site] = b->end - b->start;
}

static struct task *task_of(struct run *run, uint32_t number)
{
	while (run->n_tasks <= number)
		memset(ADD(run->tasks, run->n_tasks), 0, sizeof(struct task));
	return &run->tasks[number];
}

static void read_calls(struct run *run, const char *folder)
{
	FILE *file = open_in(folder, "calls");
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		char *rest = strdup(line), *kind, *task, *naming, what[256];

		rest[strcspn(rest, "\n")] = '\0';
		kind = strsep(&rest, "\t");
		if (!strcmp(kind, "handler")) {
			*ADD(run->handlers, run->n_handlers) = strtoull(rest, NULL, 16);
		} else if (!strcmp(kind, "call")) {
			struct task *t;
			struct call c = { .pair = NONE };

			task = strsep(&rest, "\t");
			c.name = strsep(&rest, "\t");
			strsep(&rest, "\t");
			naming = strsep(&rest, "\t");
			c.error = strsep(&rest, "\t");
			c.result = strsep(&rest, "\t");
			c.arguments = rest;
			if (!rest)
				give_up("%s/calls: %s", folder, line);
			snprintf(what, sizeof(what), "%s %s", c.name, naming);
			c.what = key_of(what);
			t = task_of(run, strtoul(task, NULL, 10));
			*ADD(t->calls, t->n_calls) = c;
		}
	}
	free(line);
	fclose(file);
}

static bool is_handler(const struct run *run, uint64_t address)
{
	for (uint32_t i = 0; i < run->n_handlers; i++)
		if (run->handlers[i] == address)
			return true;
	return false;
}

static void enter(struct task *task, uint32_t caller, uint32_t function, uint64_t returns, uint32_t interrupted)
{
	uint32_t parent = task->n_frames ? task->frame : NONE;

	*ADD(task->frames, task->n_frames) = (struct frame){ .first = NONE, .last = NONE, .function = function,
		.caller = caller, .parent = parent, .returns = returns, .interrupted = interrupted, .number = NONE, .seen = NONE };
	task->frame = task->n_frames - 1;
}

/* What was executed of a task: the block before, now that it is known where it went. */
static void append(struct run *run, struct task *task, uint32_t number, uint32_t after)
{
	struct block *block = &run->blocks[number];
	const struct block *next = &run->blocks[after];
	struct step *step;
	uint32_t at;

	if (block->kind == 'n' || block->kind == 'g')
		return; /* it decides nothing */
	step = ADD(task->steps, task->n_steps);
	at = task->n_steps - 1;
	*step = (struct step){ .block = number, .next = NONE, .callee = NONE, .after = after,
		.nth = ++task->arrivals[block->site], .when = run->now, .taken = next->start != block->end };
	if (task->frames[task->frame].last == NONE)
		task->frames[task->frame].first = at;
	else
		task->steps[task->frames[task->frame].last].next = at;
	task->frames[task->frame].last = at;
	if (block->kind == 's') {
		step->callee = task->n_made;
		*ADD(task->call_steps, task->n_made) = at;
		if (step->callee < task->n_calls) {
			struct call *call = &task->calls[step->callee];

			call->frame = task->frame;
			if (!strncmp(call->name, "execve", 6) && !*call->error)
				task->frame = NONE; /* another program begins */
		}
	} else if (block->kind == 'c' && next->start != block->end) {
		step->callee = task->n_frames;
		enter(task, at, next->entry, block->end, NONE);
	} else if (block->kind == 'r') {
		uint32_t frame = task->frame;

		for (int i = 0; i < STACK_SEARCH && task->frames[frame].parent != NONE; i++) {
			if (task->frames[frame].interrupted != NONE)
				break;
			if (task->frames[frame].returns == next->start) {
				task->frame = task->frames[frame].parent;
				break;
			}
			frame = task->frames[frame].parent;
		}
	}
}

/* A block that did not come to its end: a page fault in it, and it was begun again. */
static bool was_cut(const struct block *block, const struct block *next)
{
	if (block->kind == 'r' || (block->kind != 's' && !block->target && block->kind != 'n'))
		return false;
	if (block->kind == 's')
		return next->start >= block->start && next->start < block->last;
	return next->start >= block->start && next->start <= block->last && next->start != block->target;
}

static void execute(struct run *run, struct task *task, uint32_t number)
{
	struct block *block = &run->blocks[number];

	if (!task->n_frames) {
		enter(task, NONE, block->entry, 0, NONE);
		task->pending = NONE;
		task->arrivals = calloc(n_keys, sizeof(*task->arrivals));
	}
	if (task->pending != NONE) {
		const struct block *before = &run->blocks[task->pending];
		uint32_t frame = task->frame;

		if (is_handler(run, block->start) && !(before->kind == 'c' && before->target == block->start)) {
			bool is_call = before->kind == 's';

			if (is_call)
				append(run, task, task->pending, task->pending);
			enter(task, NONE, block->entry, 0, is_call ? NONE - 1 : task->pending);
			task->pending = number;
			return;
		}
		if (before->kind == 's' && block->start != before->end && block->start != before->last &&
		    !was_cut(before, block)) {
			while (frame != NONE && task->frames[frame].interrupted == NONE)
				frame = task->frames[frame].parent;
			append(run, task, task->pending, number);
			if (frame != NONE && task->frame != NONE) { /* back from a signal's handler */
				task->frame = task->frames[frame].parent;
				task->pending = task->frames[frame].interrupted;
				if (task->pending != NONE - 1 && !was_cut(&run->blocks[task->pending], block))
					append(run, task, task->pending, number);
			}
		} else if (!was_cut(before, block)) {
			append(run, task, task->pending, number);
		}
		if (task->frame == NONE)
			enter(task, NONE, block->entry, 0, NONE);
	}
	task->pending = number;
}

void read_run(struct run *run, const char *folder)
{
	FILE *file = open_in(folder, "record.run");
	static uint32_t words[1 << 16];
	uint32_t number = 0;
	size_t n;

	read_calls(run, folder);
	while ((n = fread(words, sizeof(*words), sizeof(words) / sizeof(*words), file))) {
		for (size_t i = 0; i < n; i++, run->now++) {
			if (words[i] & SWITCH) {
				number = words[i] & ~SWITCH;
				task_of(run, number);
			} else if (words[i] < run->n_blocks && run->n_tasks) {
				execute(run, &run->tasks[number], words[i]);
			} else {
				give_up("%s/record.run has block %u of %u", folder, words[i], run->n_blocks);
			}
		}
	}
	fclose(file);
	/* The last one is the exit, which nothing follows. */
	for (uint32_t i = 0; i < run->n_tasks; i++) {
		struct task *task = &run->tasks[i];

		if (task->n_frames && task->pending != NONE)
			append(run, task, task->pending, task->pending);
	}
}
