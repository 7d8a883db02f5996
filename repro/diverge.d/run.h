/* SPDX-License-Identifier: GPL-2.0-only */
/* What align.c knows of a recorded run: see run.c. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NONE UINT32_MAX
#define BEFORE 2 /* callees whose results may have decided */

struct block {
	uint64_t start, last, end, target;
	char kind;
	bool is_named; /* the keys are names, not addresses */
	uint32_t site, entry; /* keys */
};

/* A block whose last instruction decides something. */
struct step {
	uint32_t block, next; /* next: the frame's next step */
	uint32_t callee; /* of a call: a frame; of a system call: its number in calls */
	uint32_t after; /* the block that was executed next */
	uint32_t nth, when; /* when: among all tasks */
	bool taken;
};

struct frame {
	uint32_t first, last, function, caller; /* caller: a step, or NONE */
	uint32_t parent, same; /* same: the next frame of this function */
	uint64_t returns;
	uint32_t interrupted; /* of a signal's handler: the block that went before, or NONE */
	uint32_t number; /* of the pair that it is aligned with */
	uint32_t seen, n_called, called[BEFORE]; /* the numbers of those called last before the step seen */
};

struct call {
	char *name, *error, *result, *arguments;
	uint32_t what; /* a key: its name, and the arguments that say what it does */
	uint32_t frame; /* that made it */
	uint32_t pair; /* the other run's call, or NONE */
	bool displaced; /* the other run makes another call at the same place */
};

struct task {
	struct step *steps;
	struct frame *frames;
	struct call *calls;
	uint32_t *call_steps, *arrivals; /* arrivals: by site; at a block's end */
	uint32_t n_steps, n_frames, n_calls, n_made, frame, pending;
};

struct run {
	struct block *blocks;
	struct task *tasks;
	uint64_t *handlers, *longest; /* longest: by site; the size of a block */
	uint32_t n_blocks, n_tasks, n_handlers, now;
};

extern uint32_t n_keys;

void read_blocks(struct run *run, const char *folder);
void measure_blocks(struct run *run); /* all blocks have been read before */
void read_run(struct run *run, const char *folder);

void *grow(void *array, uint32_t n, size_t size);
#define ADD(array, n) ((array) = grow((array), (n), sizeof(*(array))), &(array)[(n)++])
