/* SPDX-License-Identifier: GPL-2.0-only */
/* Two runs, and the task of both that is looked at: see align.c. */
#include "run.h"

#define RESYNC 400 /* places or calls ahead, where the two runs have different ones */

extern struct run runs[2];
extern struct task *both[2];
extern const char *const names[2];

#define STEP(side, i) (&both[side]->steps[i])
#define SITE(side, i) (runs[side].blocks[STEP(side, i)->block].site)

/*
 * A difference of a frame of each run. from: the step that decided, or NONE where this run
 * has none; to: the first step after which both are together again, or NONE for the end of
 * the frame, or of the task. kind: see align.c, or OTHER where the two make different calls.
 */
#define OTHER "other"
struct difference {
	const char *kind;
	uint32_t frames[2], from[2], to[2];
	bool leaves;
};

void add_difference(struct difference);
void print_differences(uint32_t task); /* and forget them */

/* Finds the first two keys that are the same: those with the fewest keys before them. */
bool find_same(uint32_t *const keys[2], const uint32_t n[2], uint32_t found[2]);

/* Compares a call with one of the other run: the kind of difference, or NULL. */
const char *compare_calls(const struct call *a, const struct call *b);

/* Pairs two calls at the same place: the kind of difference, or NULL. */
const char *pair_calls(uint32_t a, uint32_t b);

/* Pairs calls that stand where the other run makes another one, and adds their differences. */
void pair_displaced(void);
