/* SPDX-License-Identifier: Apache-2.0
 *
 * chrome_lanes.c
 *	  Puts operations into lanes.
 */
#include "report/export/chrome_lanes.h"

#include <stdlib.h>

/* How many lanes of a process are searched for room. If more operations run at once,
 * each gets a new lane. */
#define LANES_TRIED 256

/* Sorts bars by their beginning; of those that begin together, the one that
 * ends last comes first; then ancestors come first. */
static int
compare_bars(const void *a, const void *b)
{
	const osp__bar *x = *(osp__bar *const *) a;
	const osp__bar *y = *(osp__bar *const *) b;

	if (x->op->begin_ns != y->op->begin_ns)
		return x->op->begin_ns < y->op->begin_ns ? -1 : 1;
	if (x->op->end_ns != y->op->end_ns)
		return x->op->end_ns > y->op->end_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
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

/* Finds or makes the process of a node; NULL: no memory. */
static osp__chrome_process *
find_process(osp__lanes *lanes, const osp__node *node)
{
	uint64_t hash = osp__name_shape(node->service, node->host);
	osp__chrome_process *process;
	size_t pos = 0;

	while ((process = osp__table_next(&lanes->by_name, hash, &pos)) != NULL)
		if (osp_str_eq(process->service, node->service) &&
			osp_str_eq(process->host, node->host))
			return process;
	if (!osp__table_reserve(&lanes->by_name, 1))
		return NULL;
	process = make_process(lanes, node);
	if (process != NULL)
		osp__table_add(&lanes->by_name, hash, process);
	return process;
}

static bool
is_ancestor(const osp__bar *ancestor, const osp__bar *bar)
{
	return ancestor->order <= bar->order && bar->order <= ancestor->last_below;
}

/* Is there room for the bar in the lane? Bars that have ended are taken out of it. */
static bool
fits(osp__lane *lane, const osp__bar *bar)
{
	while (lane->innermost != NULL &&
		   lane->innermost->op->end_ns <= bar->op->begin_ns)
		lane->innermost = lane->innermost->outer;
	return lane->innermost == NULL ||
		   (lane->innermost->op->end_ns >= bar->op->end_ns &&
			is_ancestor(lane->innermost, bar));
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

/* Finds a lane for a bar: its parent's if there is room; NULL: no memory. */
static osp__lane *
find_lane(osp__lanes *lanes, osp__chrome_process *process, const osp__bar *bar,
		  const osp__bar *parent)
{
	osp__lane *lane = process->lanes;
	int tried = 0;

	if (parent->process == process->number && fits(parent->in, bar))
		return parent->in;
	for (; lane != NULL && tried < LANES_TRIED; lane = lane->next, tried++)
		if (fits(lane, bar))
			return lane;
	return make_lane(lanes, process);
}

static osp_status
place_bar(osp__lanes *lanes, osp__bar *bar, const osp__bar *parent)
{
	osp__chrome_process *process = find_process(lanes, bar->op->node);
	osp__lane *lane =
		process != NULL ? find_lane(lanes, process, bar, parent) : NULL;

	if (lane == NULL)
		return OSP_ENOMEM;
	bar->process = process->number;
	bar->in = lane;
	bar->outer = lane->innermost;
	lane->innermost = bar;
	return OSP_OK;
}

static osp__bar *
bar_of(const osp__lanes *lanes, const osp__findings *f, const osp__op *op)
{
	return &lanes->all[op - f->ops];
}

/* Makes the bars of all operations, in the order in which they are drawn. */
static void
make_bars(osp__lanes *lanes, const osp__findings *f)
{
	size_t i;

	for (i = 0; i < f->op_count; i++)
	{
		osp__bar *bar = bar_of(lanes, f, f->walk[i]);

		bar->op = f->walk[i];
		bar->order = bar->last_below = i;
		if (bar->op->node != NULL && !bar->op->node->loss)
			lanes->bars[lanes->count++] = bar;
	}
	for (i = f->op_count - 1; i > 0; i--)
	{
		const osp__bar *bar = bar_of(lanes, f, f->walk[i]);
		osp__bar *parent = bar_of(lanes, f, bar->op->parent);

		if (bar->last_below > parent->last_below)
			parent->last_below = bar->last_below;
	}
}

osp_status
osp__lanes_fill(osp__lanes *lanes, const osp__findings *f)
{
	osp_status status = OSP_OK;
	size_t count = f->op_count;
	size_t i;

	memset(lanes, 0, sizeof(*lanes));
	osp__arena_init(&lanes->arena, f->report->alc);
	osp__table_init(&lanes->by_name, f->report->alc);
	if (count == 0)
		return OSP_OK;
	lanes->all = osp__arena_alloc(&lanes->arena, count * sizeof(*lanes->all));
	lanes->bars = osp__arena_alloc(&lanes->arena, count * sizeof(void *));
	if (lanes->all == NULL || lanes->bars == NULL)
		return OSP_ENOMEM;
	memset(lanes->all, 0, count * sizeof(*lanes->all));
	make_bars(lanes, f);
	qsort(lanes->bars, lanes->count, sizeof(void *), compare_bars);
	for (i = 0; i < lanes->count && status == OSP_OK; i++)
	{
		osp__bar *bar = lanes->bars[i];

		status = place_bar(lanes, bar, bar_of(lanes, f, bar->op->parent));
	}
	return status;
}

void
osp__lanes_term(osp__lanes *lanes)
{
	osp__table_term(&lanes->by_name);
	osp__arena_term(&lanes->arena);
}
