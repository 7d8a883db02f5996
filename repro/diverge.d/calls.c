// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pair the system calls of two runs: those at the same place, if they ask the same of the
 * kernel; and where one run makes another call at a place, as in a loop that it goes around once
 * more, those that are alike nearby. So a call that only one run makes is one difference, and
 * those behind it are none.
 */
#include <string.h>
#include "align.h"

bool find_same(uint32_t *const keys[2], const uint32_t n[2], uint32_t found[2])
{
	for (uint32_t sum = 0; n[0] && n[1] && sum < n[0] + n[1] - 1; sum++) {
		for (uint32_t i = sum >= n[1] ? sum - n[1] + 1 : 0; i <= sum && i < n[0]; i++) {
			if (keys[0][i] == keys[1][sum - i]) {
				found[0] = i;
				found[1] = sum - i;
				return true;
			}
		}
	}
	return false;
}

const char *compare_calls(const struct call *a, const struct call *b)
{
	if (strcmp(a->name, b->name) || strcmp(a->error, b->error))
		return "call";
	if (a->what != b->what || strcmp(a->result, b->result) || strcmp(a->arguments, b->arguments))
		return "value";
	return NULL;
}

const char *pair_calls(uint32_t a, uint32_t b)
{
	struct call *x, *y;

	if (a >= both[0]->n_calls || b >= both[1]->n_calls)
		return NULL;
	x = &both[0]->calls[a];
	y = &both[1]->calls[b];
	if (x->what != y->what) {
		x->displaced = y->displaced = true;
		return OTHER;
	}
	x->pair = b;
	y->pair = a;
	return compare_calls(x, y);
}

static void pair(const uint32_t calls[2])
{
	struct call *x = &both[0]->calls[calls[0]], *y = &both[1]->calls[calls[1]];
	struct difference d = { .frames = { x->frame, y->frame } };

	if (!x->displaced && !y->displaced)
		return;
	x->pair = calls[1];
	y->pair = calls[0];
	d.kind = compare_calls(x, y);
	for (int side = 0; side < 2; side++) {
		d.from[side] = both[side]->call_steps[calls[side]];
		d.to[side] = STEP(side, d.from[side])->next;
	}
	if (d.kind)
		add_difference(d);
}

void pair_displaced(void)
{
	static uint32_t whats[2][RESYNC];
	uint32_t next[2] = { 0, 0 };

	for (;;) {
		uint32_t at[2] = { next[0], next[1] }, n[2] = { 0, 0 }, found[2];
		bool displaced = false, ended = false;

		/* Up to the next two that are paired. */
		for (int side = 0; side < 2; side++) {
			const struct task *task = both[side];

			for (; next[side] < task->n_made && next[side] < task->n_calls; next[side]++) {
				if (task->calls[next[side]].pair != NONE)
					break;
				displaced |= task->calls[next[side]].displaced;
				if (n[side] < RESYNC)
					whats[side][n[side]++] = task->calls[next[side]].what;
			}
			ended |= next[side] >= task->n_made || next[side] >= task->n_calls;
			next[side]++;
		}
		for (uint32_t *keys[2] = { whats[0], whats[1] }; displaced && find_same(keys, n, found);) {
			for (int side = 0; side < 2; side++) {
				at[side] += found[side];
				keys[side] += found[side] + 1;
				n[side] -= found[side] + 1;
			}
			pair(at);
			at[0]++;
			at[1]++;
		}
		if (ended)
			return;
	}
}
