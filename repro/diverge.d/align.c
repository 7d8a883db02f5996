// SPDX-License-Identifier: GPL-2.0-only
/*
 * Align two recorded runs of a program by structure, and print where they part.
 *
 * usage: align WORKS FAILS
 *   each a folder with
 *   record.run, record.blocks  see record.c
 *   places   a line for each block: the key of its last instruction and the key of its
 *            first one, separated by a tab; what has the same key in both runs is the same
 *   calls    see calls.jq
 * Output: a JSON object a line. {"task", ...} for each task and run, then for each difference:
 *   kind    branch (another way at the same place), callee, code (another place, as where
 *           one program has code that the other has not), call (a system call that was
 *           answered otherwise, or that one run makes), value (another result or arguments), end
 *   when    its place in time in the run that fails
 *   task, frame, parents   frame is one invocation of a function in both runs, parents are
 *           those around it; a frame is a number
 *   results frames that were called last in this one, whose results may have decided
 *   around  these, and those that were called last in the frames around, for the arguments
 *   leaves  the way of one run leads to the end of the function
 *   works, fails  {block, nth, taken, end, ways, steps, functions, fresh, calls, stack}, null
 *           where that run has none: the block that decided, the nth arrival at its end in
 *           this task; the block in which both runs are together again, or -1; the blocks
 *           that came next in this function; how many decisions, the first
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
#include "align.h"
#include "postdominators.h"

struct run runs[2];
struct task *both[2];
const char *const names[2] = { "works", "fails" };
static uint32_t n_pairs;

static uint32_t find(int side, uint32_t step, uint32_t site)
{
	while (step != NONE && SITE(side, step) != site)
		step = STEP(side, step)->next;
	return step;
}

/* The nearest place that both come to, where one has code that the other has not. */
static void resynchronise(uint32_t at[2])
{
	static uint32_t ahead[2][RESYNC], sites[2][RESYNC];
	uint32_t n[2] = { 0, 0 }, found[2];

	for (int side = 0; side < 2; side++) {
		for (uint32_t i = at[side]; i != NONE && n[side] < RESYNC; i = STEP(side, i)->next) {
			sites[side][n[side]] = SITE(side, i);
			ahead[side][n[side]++] = i;
		}
		at[side] = NONE;
	}
	if (find_same((uint32_t *[]){ sites[0], sites[1] }, n, found))
		for (int side = 0; side < 2; side++)
			at[side] = ahead[side][found[side]];
}

/* Returns whether both frames came to their ends, so that their callers go on alike. */
static bool align(uint32_t a, uint32_t b)
{
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
				difference = pair_calls(x->callee, y->callee);
			else if (kind == 'c' && x->callee != NONE && y->callee != NONE) {
				if (both[0]->frames[x->callee].function != both[1]->frames[y->callee].function)
					difference = "callee";
				else if (!align(x->callee, y->callee))
					return false;
			}
			at[0] = x->next;
			at[1] = y->next;
		}
		if (difference)
			add_difference((struct difference){ difference, { a, b }, { from[0], from[1] }, { at[0], at[1] }, leaves });
		last[0] = from[0];
		last[1] = from[1];
		if (difference && (at[0] == NONE) != (at[1] == NONE) && x->next != NONE && y->next != NONE)
			return false; /* one of them never came there: it has ended */
	}
	if (at[0] != at[1]) {
		add_difference((struct difference){ "end", { a, b }, { last[0], last[1] }, { NONE, NONE }, true });
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
	for (uint32_t at[2] = { 0, 0 }; at[0] != NONE && at[1] != NONE && align(at[0], at[1]);)
		for (int side = 0; side < 2; side++)
			at[side] = next_root(both[side], at[side]);
	pair_displaced();
	print_differences(number);
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
