/* SPDX-License-Identifier: GPL-2.0-only */
/* Where two runs that have parted are together again: see postdominators.c. */
#include <stdint.h>

struct run;
struct task;

/* Look at a task of two runs from here on. */
void read_ways(const struct run *both, struct task *const *tasks);

/* The site at which all ways from a site of a function come together, or NONE for its end. */
uint32_t postdominator(uint32_t function, uint32_t site);
