// SPDX-License-Identifier: GPL-2.0-only
/*
 * Align two recorded runs of a program by structure, and print where they part.
 *
 * usage: align WORKS FAILS
 *   each a folder with
 *   record.run, record.blocks  see record.c
 *   places   a line for each block: the key of its last instruction and the key of its
 *            first one, separated by a tab; what has the same key in both runs is the same
 *   calls    "call TASK NAME NUMBER ERROR RESULT ARGUMENTS", separated by tabs, in each
 *            task's order of time; "handler ADDRESS", of a signal, in hex
 * Output: a JSON object a line. {"task", ...} for each task and run, then for each difference,
 *   in the order of time of its task:
 *   kind    branch (another way at the same place), callee, code (another place, as where
 *           one program has code that the other has not), call (a system call that was
 *           answered otherwise), value (another result or arguments), end
 *   task, frame, parents   frame is one invocation of a function in both runs, parents are
 *           those around it; a frame is a number
 *   results frames that were called last in this one, whose results may have decided
 *   around  these, and those that were called last in the frames around, for the arguments
 *   leaves  the way of one run leads to the end of the function
 *   works, fails  {block, nth, taken, when, end, ways, steps, functions, fresh, calls,
 *           stack}, null where that run has none: the block that decided, the nth arrival at its end in
 *           this task; its place in time; the block in which both runs are together again,
 *           or -1; the blocks that came next in this function; how many decisions, the first
 *           blocks of the functions that were called, those that the other run never comes
 *           to, and the system calls, until then; the blocks that called the function, the
 *           innermost first
 * Exit: 0; 2 bad usage; 1 the files are not what record.c and the others write.
 *
 * Two runs are walked side by side, a function's invocation with the other run's: as both
 * are at the same place, they part only where a branch, a jump, or a call goes another way.
 * They are together again at the branch's immediate postdominator, the first place that
 * every way to the end of the function comes to; it is computed from what both runs did
 * (execution indexing: Xin, Sumner, Zhang, PLDI 2008). So a loop that runs more often in one
 * run is one difference, and a callee does not disturb its caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "postdominators.h"
#include "run.h"

#define RESYNC 400 /* places ahead, where there is other code */
#define BEFORE 2   /* callees whose results may have decided */
#define AROUND 4   /* functions whose arguments may have decided */
#define WAYS 6     /* places that follow */
#define FRESH 8    /* places that only one run comes to */
#define LISTED 40  /* functions and calls of a difference */

static struct run runs[2];
static const char *const names[2] = { "works", "fails" };

/* Where an alignment is: a frame of each run, and a step of it. */
static struct task *both[2];
static uint32_t n_pairs, n_differences;

#define STEP(side, i) (&both[side]->steps[i])
#define SITE(side, i) (runs[side].blocks[STEP(side, i)->block].site)

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
	for (last = first; last < task->n_made && task->call_steps[last] < to && last - first < LISTED; last++)
		printf("%s%u", last > first ? "," : "", last);
	printf("]");
}

/* The frames that a function has called last before a step, whose results may have decided. */
static void print_before(const char *name, uint32_t frame, uint32_t step, uint32_t levels)
{
	const struct task *task = both[1];
	const char *separator = "";

	printf("\"%s\":[", name);
	for (; levels-- && frame != NONE; step = task->frames[frame].caller, frame = task->frames[frame].parent) {
		uint32_t found[BEFORE], n = 0;

		for (uint32_t i = task->frames[frame].first; i != NONE && i != step; i = task->steps[i].next)
			if (runs[1].blocks[task->steps[i].block].kind == 'c' && task->steps[i].callee != NONE)
				found[n++ % BEFORE] = task->frames[task->steps[i].callee].number;
		for (uint32_t i = 0; i < n && i < BEFORE; i++, separator = ",")
			printf("%s%d", separator, (int)found[i]);
	}
	printf("],");
}

/*
 * A difference of a frame of each run. from: the step that decided, or NONE where this run
 * has none; to: the first step after which both are together again, or NONE for the end of
 * the frame, or of the task.
 */
static void print_difference(const char *kind, uint32_t number, const uint32_t frames[2], const uint32_t from[2], const uint32_t to[2], bool leaves)
{
	printf("{\"kind\":\"%s\",\"task\":%u,\"number\":%u,\"frame\":%u,\"parents\":[", kind, number, n_differences++,
		both[1]->frames[frames[1]].number);
	for (uint32_t f = both[1]->frames[frames[1]].parent, i = 0; f != NONE; f = both[1]->frames[f].parent, i++)
		printf("%s%u", i ? "," : "", both[1]->frames[f].number);
	printf("],\"leaves\":%s,", leaves ? "true" : "false");
	print_before("results", frames[1], from[1], 1);
	print_before("around", frames[1], from[1], AROUND);
	for (int side = 0; side < 2; side++) {
		const struct task *task = both[side];
		uint32_t end = to[side], frame = frames[side];

		if (from[side] == NONE) {
			printf("%s\"%s\":null", side ? "," : "", names[side]);
			continue;
		}
		/* The end of a frame: before the next step of the innermost caller that has one. */
		while (end == NONE && task->frames[frame].parent != NONE) {
			uint32_t caller = task->frames[frame].caller;

			end = caller == NONE ? NONE : task->steps[caller].next;
			frame = task->frames[frame].parent;
		}
		if (end == NONE)
			end = task->n_steps;
		printf("%s\"%s\":{\"block\":%u,\"nth\":%u,\"taken\":%s,\"when\":%u,\"end\":%d,\"ways\":[", side ? "," : "", names[side],
			STEP(side, from[side])->block, STEP(side, from[side])->nth,
			STEP(side, from[side])->taken ? "true" : "false", STEP(side, from[side])->when,
			end < task->n_steps ? (int)STEP(side, end)->block : -1);
		for (uint32_t i = from[side], n = 0; i != NONE && n < WAYS; i = STEP(side, i)->next, n++)
			printf("%s%u", n ? "," : "", STEP(side, i)->after);
		printf("],");
		print_way(side, from[side], end, frames[side]);
		printf(",\"stack\":[");
		frame = frames[side];
		for (uint32_t i = 0; task->frames[frame].caller != NONE; i++) {
			printf("%s%u", i ? "," : "", STEP(side, task->frames[frame].caller)->block);
			frame = task->frames[frame].parent;
		}
		printf("]}");
	}
	printf("}\n");
}

static uint32_t find(int side, uint32_t step, uint32_t site)
{
	while (step != NONE && SITE(side, step) != site)
		step = STEP(side, step)->next;
	return step;
}

/* The nearest place that both come to, where one has code that the other has not. */
static void resynchronise(uint32_t at[2])
{
	uint32_t ahead[2][RESYNC], n[2] = { 0, 0 };

	for (int side = 0; side < 2; side++)
		for (uint32_t i = at[side]; i != NONE && n[side] < RESYNC; i = STEP(side, i)->next)
			ahead[side][n[side]++] = i;
	for (uint32_t sum = 1; sum < n[0] + n[1]; sum++) {
		for (uint32_t i = sum >= n[1] ? sum - n[1] + 1 : 0; i <= sum && i < n[0]; i++) {
			if (SITE(0, ahead[0][i]) == SITE(1, ahead[1][sum - i])) {
				at[0] = ahead[0][i];
				at[1] = ahead[1][sum - i];
				return;
			}
		}
	}
	at[0] = at[1] = NONE;
}

/* Compares two answers of the kernel: NULL where they are the same. */
static const char *compare_calls(uint32_t a, uint32_t b)
{
	const struct call *one, *other;

	if (a >= both[0]->n_calls || b >= both[1]->n_calls)
		return NULL;
	one = &both[0]->calls[a];
	other = &both[1]->calls[b];
	if (strcmp(one->name, other->name) || strcmp(one->error, other->error))
		return "call";
	if (strcmp(one->result, other->result) || strcmp(one->arguments, other->arguments))
		return "value";
	return NULL;
}

/* Returns whether both frames came to their ends, so that their callers go on alike. */
static bool align(uint32_t number, uint32_t a, uint32_t b)
{
	const uint32_t frames[2] = { a, b };
	uint32_t at[2] = { both[0]->frames[a].first, both[1]->frames[b].first };
	uint32_t last[2] = { NONE, NONE };

	both[0]->frames[a].number = both[1]->frames[b].number = n_pairs++;
	while (at[0] != NONE && at[1] != NONE) {
		const struct step *x = STEP(0, at[0]), *y = STEP(1, at[1]);
		uint32_t from[2] = { at[0], at[1] }, site = SITE(0, at[0]);
		char kind = runs[0].blocks[x->block].kind;
		const char *difference = NULL;
		bool leaves = false;

		if (site != SITE(1, at[1])) {
			resynchronise(at);
			difference = "code";
			leaves = at[0] == NONE;
		} else if ((kind == 'b' && x->taken != y->taken) ||
			   (kind == 'j' && runs[0].blocks[x->after].entry != runs[1].blocks[y->after].entry)) {
			uint32_t together = postdominator(both[1]->frames[b].function, site);

			difference = "branch";
			leaves = together == NONE;
			at[0] = together == NONE ? NONE : find(0, x->next, together);
			at[1] = together == NONE ? NONE : find(1, y->next, together);
		} else {
			if (kind == 's')
				difference = compare_calls(x->callee, y->callee);
			else if (kind == 'c' && x->callee != NONE && y->callee != NONE) {
				if (both[0]->frames[x->callee].function != both[1]->frames[y->callee].function)
					difference = "callee";
				else if (!align(number, x->callee, y->callee))
					return false;
			}
			at[0] = x->next;
			at[1] = y->next;
		}
		if (difference)
			print_difference(difference, number, frames, from, at, leaves);
		last[0] = from[0];
		last[1] = from[1];
		if (difference && (at[0] == NONE) != (at[1] == NONE) && x->next != NONE && y->next != NONE)
			return false; /* one of them never came there: it has ended */
	}
	if (at[0] != at[1]) {
		uint32_t none[2] = { NONE, NONE };

		print_difference("end", number, frames, last, none, true);
		return false;
	}
	return true;
}

/* The frame in which the next program begins. */
static uint32_t next_root(const struct task *task, uint32_t frame)
{
	while (++frame < task->n_frames && task->frames[frame].parent != NONE)
		;
	return frame < task->n_frames ? frame : NONE;
}

static void align_tasks(uint32_t number)
{
	for (int side = 0; side < 2; side++)
		both[side] = number < runs[side].n_tasks ? &runs[side].tasks[number] : NULL;
	for (int side = 0; side < 2; side++)
		printf("{\"task\":%u,\"run\":\"%s\",\"steps\":%u,\"made\":%u,\"traced\":%u}\n", number, names[side],
			both[side] ? both[side]->n_steps : 0, both[side] ? both[side]->n_made : 0, both[side] ? both[side]->n_calls : 0);
	if (!both[0] || !both[1] || !both[0]->n_frames || !both[1]->n_frames)
		return;
	read_ways(runs, both);
	/* Of each program that the task executed, one after the other. */
	for (uint32_t at[2] = { 0, 0 }; at[0] != NONE && at[1] != NONE && align(number, at[0], at[1]);)
		for (int side = 0; side < 2; side++)
			at[side] = next_root(both[side], at[side]);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: align WORKS FAILS\n", stderr);
		return 2;
	}
	for (int side = 0; side < 2; side++)
		read_blocks(&runs[side], argv[side + 1]);
	for (int side = 0; side < 2; side++) {
		measure_blocks(&runs[side]);
		read_run(&runs[side], argv[side + 1]);
	}
	for (uint32_t i = 0; i < runs[0].n_tasks || i < runs[1].n_tasks; i++)
		align_tasks(i);
	return 0;
}
