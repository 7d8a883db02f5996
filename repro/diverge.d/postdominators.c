// SPDX-License-Identifier: GPL-2.0-only
/*
 * The immediate postdominators of functions, from the ways that both runs took through them in
 * one task: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", on the reversed
 * graph. A function's are computed when they are asked for. Node 0 is its end.
 */
#include <stdlib.h>
#include "postdominators.h"
#include "run.h"

struct node {
	uint32_t site, order, post;
	uint32_t *from, *to, n_from, n_to;
};

struct function {
	uint32_t frames[2]; /* its last frame in each run */
	struct node *nodes;
	uint32_t n_nodes;
};

static const struct run *runs;
static struct task *const *tasks;
static struct function *functions; /* by key */
static uint32_t *node_of_site;     /* of the function that was looked at last */

static uint32_t node_of(struct function *f, uint32_t site)
{
	uint32_t node = node_of_site[site];

	if (node && node < f->n_nodes && f->nodes[node].site == site)
		return node;
	for (node = 1; node < f->n_nodes && f->nodes[node].site != site; node++)
		; /* another function was computed in between */
	node_of_site[site] = node;
	if (node < f->n_nodes)
		return node;
	*ADD(f->nodes, f->n_nodes) = (struct node){ .site = site, .order = NONE, .post = NONE };
	return f->n_nodes - 1;
}

static void add_edge(struct function *f, uint32_t from, uint32_t to)
{
	struct node *a = &f->nodes[from], *b = &f->nodes[to];

	for (uint32_t i = 0; i < a->n_to; i++)
		if (a->to[i] == to)
			return;
	*ADD(a->to, a->n_to) = to;
	*ADD(b->from, b->n_from) = from;
}

/* Numbers the nodes from the end backwards, in postorder. */
static void visit(struct function *f, uint32_t node, uint32_t *order, uint32_t *count)
{
	f->nodes[node].order = 0;
	for (uint32_t i = 0; i < f->nodes[node].n_from; i++)
		if (f->nodes[f->nodes[node].from[i]].order == NONE)
			visit(f, f->nodes[node].from[i], order, count);
	order[*count] = node;
	f->nodes[node].order = (*count)++;
}

static uint32_t meet(const struct node *nodes, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (nodes[a].order < nodes[b].order)
			a = nodes[a].post;
		else
			b = nodes[b].post;
	}
	return a;
}

static void compute(struct function *f)
{
	uint32_t *order, count = 0;
	bool changed = true;

	*ADD(f->nodes, f->n_nodes) = (struct node){ .site = NONE, .order = NONE, .post = NONE };
	for (int side = 0; side < 2; side++) {
		const struct task *task = tasks[side];

		for (uint32_t frame = f->frames[side]; frame != NONE; frame = task->frames[frame].same) {
			uint32_t before = NONE;

			for (uint32_t i = task->frames[frame].first; i != NONE; i = task->steps[i].next) {
				uint32_t node = node_of(f, runs[side].blocks[task->steps[i].block].site);

				if (before != NONE)
					add_edge(f, before, node);
				before = node;
			}
			if (before != NONE)
				add_edge(f, before, 0);
		}
	}
	order = malloc(f->n_nodes * sizeof(*order));
	visit(f, 0, order, &count);
	f->nodes[0].post = 0;
	while (changed) {
		changed = false;
		for (uint32_t o = count - 1; o-- > 0;) {
			struct node *node = &f->nodes[order[o]];
			uint32_t post = NONE;

			for (uint32_t i = 0; i < node->n_to; i++)
				if (f->nodes[node->to[i]].post != NONE)
					post = post == NONE ? node->to[i] : meet(f->nodes, post, node->to[i]);
			changed |= node->post != post;
			node->post = post;
		}
	}
	free(order);
}

uint32_t postdominator(uint32_t function, uint32_t site)
{
	struct function *f = &functions[function];

	if (!f->n_nodes)
		compute(f);
	return f->nodes[f->nodes[node_of(f, site)].post].site;
}

void read_ways(const struct run *both, struct task *const *of_both)
{
	runs = both;
	tasks = of_both;
	free(functions);
	free(node_of_site);
	functions = calloc(n_keys, sizeof(*functions));
	node_of_site = calloc(n_keys, sizeof(*node_of_site));
	for (uint32_t i = 0; i < n_keys; i++)
		functions[i].frames[0] = functions[i].frames[1] = NONE;
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < tasks[side]->n_frames; i++) {
			struct frame *frame = &tasks[side]->frames[i];

			frame->same = functions[frame->function].frames[side];
			functions[frame->function].frames[side] = i;
		}
	}
}
