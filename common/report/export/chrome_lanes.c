/* SPDX-License-Identifier: Apache-2.0
 *
 * chrome_lanes.c
 *	  Operations in lanes.
 */
#include "report/export/chrome_lanes.h"

#include <stdlib.h>

/* Lanes of a process that are tried; where so many run at once, further ones get a
 * lane each. */
#define LANES_TRIED 256

/* What begins first, then what ends last, then what is drawn first. */
static int
compare_bars(const void *a, const void *b)
{
	const osp__bar *x = *(osp__bar *const *) a;
	const osp__bar *y = *(osp__bar *const *) b;

	if (x->op->begin_ns != y->op->begin_ns)
		return x->op->begin_ns < y->op->begin_ns ? -1 : 1;
	if (x->op->end_ns != y->op->end_ns)
		return x->op->end_ns > y->op->end_ns ? -1 : 1;
	return (x > y) - (x < y);
}

static osp__chrome_process *
make_process(osp__lanes *lanes, const osp__node *node)
{
	osp__chrome_process *process =
		osp__arena_alloc(&lanes->arena, sizeof(*process));

	if (process == NULL)
		return NULL;
	memset(process, 0, sizeof(*process));
	process->service = node->service;
	process->host = node->host;
	if (lanes->last_process != NULL)
	{
		process->number = lanes->last_process->number + 1;
		lanes->last_process->next = process;
	}
	else
	{
		process->number = 1;
		lanes->processes = process;
	}
	lanes->last_process = process;
	return process;
}

/* The process of a node; NULL: no memory. A trace has a few of them. */
static osp__chrome_process *
find_process(osp__lanes *lanes, const osp__node *node)
{
	osp__chrome_process *process = lanes->processes;

	while (process != NULL && !(osp_str_eq(process->service, node->service) &&
								osp_str_eq(process->host, node->host)))
		process = process->next;
	return process != NULL ? process : make_process(lanes, node);
}

/* Is there room in the lane? What has ended makes room. */
static bool
fits(osp__lane *lane, const osp__bar *bar)
{
	while (lane->innermost != NULL &&
		   lane->innermost->op->end_ns <= bar->op->begin_ns)
		lane->innermost = lane->innermost->outer;
	return lane->innermost == NULL ||
		   lane->innermost->op->end_ns >= bar->op->end_ns;
}

static osp__lane *
make_lane(osp__lanes *lanes, osp__chrome_process *process)
{
	osp__lane *lane = osp__arena_alloc(&lanes->arena, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	memset(lane, 0, sizeof(*lane));
	lane->number =
		process->last_lane != NULL ? process->last_lane->number + 1 : 1;
	if (process->last_lane != NULL)
		process->last_lane->next = lane;
	else
		process->lanes = lane;
	process->last_lane = lane;
	return lane;
}

/* A lane for a bar; NULL: no memory. */
static osp__lane *
find_lane(osp__lanes *lanes, osp__chrome_process *process, const osp__bar *bar)
{
	osp__lane *lane = process->lanes;
	int tried = 0;

	for (; lane != NULL && tried < LANES_TRIED; lane = lane->next, tried++)
		if (fits(lane, bar))
			return lane;
	return make_lane(lanes, process);
}

static osp_status
place_bar(osp__lanes *lanes, osp__bar *bar)
{
	osp__chrome_process *process = find_process(lanes, bar->op->node);
	osp__lane *lane = process != NULL ? find_lane(lanes, process, bar) : NULL;

	if (lane == NULL)
		return OSP_ENOMEM;
	bar->process = process->number;
	bar->lane = lane->number;
	bar->outer = lane->innermost;
	lane->innermost = bar;
	return OSP_OK;
}

osp_status
osp__lanes_fill(osp__lanes *lanes, const osp__findings *f)
{
	osp_status status = OSP_OK;
	size_t count = f->op_count;
	osp__bar *bars;
	size_t i;

	memset(lanes, 0, sizeof(*lanes));
	osp__arena_init(&lanes->arena, f->report->alc);
	if (count == 0)
		return OSP_OK;
	bars = osp__arena_alloc(&lanes->arena, count * sizeof(*bars));
	lanes->bars = osp__arena_alloc(&lanes->arena, count * sizeof(void *));
	if (bars == NULL || lanes->bars == NULL)
		return OSP_ENOMEM;
	for (i = 0; i < count; i++)
	{
		osp__bar *bar = &bars[lanes->count];

		memset(bar, 0, sizeof(*bar));
		bar->op = f->walk[i];
		if (bar->op->node != NULL && !bar->op->node->loss)
			lanes->bars[lanes->count++] = bar;
	}
	qsort(lanes->bars, lanes->count, sizeof(void *), compare_bars);
	for (i = 0; i < lanes->count && status == OSP_OK; i++)
		status = place_bar(lanes, lanes->bars[i]);
	return status;
}

void
osp__lanes_term(osp__lanes *lanes)
{
	osp__arena_term(&lanes->arena);
}
