// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the differences of a task, with what decided them and what each run did until both were
 * together again. The format is described in align.c.
 */
#include <stdio.h>
#include <string.h>
#include "align.h"

#define AROUND 4  /* functions whose arguments may have decided */
#define WAYS 6    /* places that follow */
#define FRESH 8   /* places that only one run comes to */
#define LISTED 40 /* functions and calls of a difference */

static struct difference *differences;
static uint32_t n_differences;

void add_difference(struct difference difference)
{
	*ADD(differences, n_differences) = difference;
}

/* Does the other run never come to where a block begins? */
static bool is_fresh(int side, uint32_t number)
{
	const struct block *block = &runs[side].blocks[number];

	return runs[!side].longest[block->site] < (block->is_named ? 1 : block->end - block->start);
}

/* The system calls and functions from a step to before another one, in order of time. */
static void print_way(int side, uint32_t from, uint32_t to, uint32_t frame)
{
	const struct task *task = both[side];
	uint32_t listed = 0, first = 0, last = task->n_made;
	const char *separator = "";

	printf("\"steps\":%u,\"functions\":[", to - from);
	for (uint32_t i = from; i < to && listed < LISTED; i++) {
		if (runs[side].blocks[task->steps[i].block].kind != 'c' || task->steps[i].callee == NONE)
			continue;
		/* Those that the function itself calls. */
		if (task->frames[task->steps[i].callee].parent != frame)
			continue;
		printf("%s%u", separator, task->steps[i].after);
		separator = ",";
		listed++;
	}
	printf("],\"fresh\":[");
	listed = 0;
	for (uint32_t i = from; i < to && listed < FRESH; i++)
		if (is_fresh(side, task->steps[i].after))
			printf("%s%u", listed++ ? "," : "", task->steps[i].after);
	while (first < last) {
		uint32_t middle = (first + last) / 2;

		if (task->call_steps[middle] < from)
			first = middle + 1;
		else
			last = middle;
	}
	printf("],\"calls\":[");
	for (listed = 0; first < task->n_made && task->call_steps[first] < to && listed < LISTED; first++)
		if (first >= task->n_calls || task->calls[first].pair == NONE || from == task->call_steps[first])
			printf("%s%u", listed++ ? "," : "", first);
	printf("]");
}

/* Differences are in order of time, so most of a frame has been seen for the one before. */
static void see(struct frame *frame, uint32_t step)
{
	const struct task *task = both[1];

	if (frame->seen > step) {
		frame->seen = frame->first;
		frame->n_called = 0;
	}
	for (; frame->seen != NONE && frame->seen != step; frame->seen = task->steps[frame->seen].next) {
		uint32_t callee = task->steps[frame->seen].callee;

		if (runs[1].blocks[task->steps[frame->seen].block].kind == 'c' && callee != NONE)
			frame->called[frame->n_called++ % BEFORE] = task->frames[callee].number;
	}
}

/* The frames that a function has called last before a step, whose results may have decided. */
static void print_before(const char *name, uint32_t frame, uint32_t step, uint32_t levels)
{
	const struct task *task = both[1];
	const char *separator = "";

	printf("\"%s\":[", name);
	for (; levels-- && frame != NONE; step = task->frames[frame].caller, frame = task->frames[frame].parent) {
		see(&task->frames[frame], step);
		for (uint32_t i = 0; i < task->frames[frame].n_called && i < BEFORE; i++, separator = ",")
			printf("%s%d", separator, (int)task->frames[frame].called[i]);
	}
	printf("],");
}

static void print_side(const struct difference *d, int side)
{
	const struct task *task = both[side];
	uint32_t end = d->to[side], frame = d->frames[side], from = d->from[side];

	/* The end of a frame: before the next step of the innermost caller that has one. */
	while (end == NONE && task->frames[frame].parent != NONE) {
		uint32_t caller = task->frames[frame].caller;

		end = caller == NONE ? NONE : task->steps[caller].next;
		frame = task->frames[frame].parent;
	}
	if (end == NONE)
		end = task->n_steps;
	printf("{\"block\":%u,\"nth\":%u,\"taken\":%s,\"end\":%d,\"ways\":[", STEP(side, from)->block,
		STEP(side, from)->nth, STEP(side, from)->taken ? "true" : "false",
		end < task->n_steps ? (int)STEP(side, end)->block : -1);
	for (uint32_t i = from, n = 0; i != NONE && n < WAYS; i = STEP(side, i)->next, n++)
		printf("%s%u", n ? "," : "", STEP(side, i)->after);
	printf("],");
	print_way(side, from, end, d->frames[side]);
	printf(",\"stack\":[");
	frame = d->frames[side];
	for (uint32_t i = 0; task->frames[frame].caller != NONE; i++) {
		printf("%s%u", i ? "," : "", STEP(side, task->frames[frame].caller)->block);
		frame = task->frames[frame].parent;
	}
	printf("]}");
}

/* sides: a bit for each run that has it. */
static void print_difference(const struct difference *d, const char *kind, uint32_t task, int sides)
{
	int side = d->from[1] != NONE;

	printf("{\"kind\":\"%s\",\"task\":%u,\"when\":%u,\"frame\":%u,\"parents\":[", kind, task, STEP(side, d->from[side])->when,
		both[1]->frames[d->frames[1]].number);
	for (uint32_t f = both[1]->frames[d->frames[1]].parent, i = 0; f != NONE; f = both[1]->frames[f].parent, i++)
		printf("%s%u", i ? "," : "", both[1]->frames[f].number);
	printf("],\"leaves\":%s,", d->leaves ? "true" : "false");
	print_before("results", d->frames[1], d->from[1], 1);
	print_before("around", d->frames[1], d->from[1], AROUND);
	for (side = 0; side < 2; side++) {
		printf("%s\"%s\":", side ? "," : "", names[side]);
		if (d->from[side] == NONE || !(sides & 1 << side))
			printf("null");
		else
			print_side(d, side);
	}
	printf("}\n");
}

void print_differences(uint32_t task)
{
	for (const struct difference *d = differences; d < differences + n_differences; d++) {
		const char *kind = d->kind;
		int sides = 3;

		if (!strcmp(kind, OTHER)) {
			const struct call *x = &both[0]->calls[STEP(0, d->from[0])->callee];
			const struct call *y = &both[1]->calls[STEP(1, d->from[1])->callee];

			sides = (x->pair == NONE) | (y->pair == NONE) << 1;
			kind = sides == 3 ? compare_calls(x, y) : "call";
		}
		if (sides)
			print_difference(d, kind, task, sides);
	}
	n_differences = 0;
}
