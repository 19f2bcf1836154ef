/* SPDX-License-Identifier: Apache-2.0
 *
 * report_check.c
 *	  Checks whether a trace is complete and consistent.
 *
 * A child must lie within its parent in time. Times of one tracer come from one clock
 * and are compared exactly. Tracers on one host may have set their offsets to the wall
 * clock at different times, so some difference is allowed. Clocks of different hosts
 * are not compared. A server may go on working after its client has given up.
 */
#include <stdio.h>

#include "osprofiler/notification.h"
#include "record/runstat.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

#define TEXT_COLUMNS 128

/* Allowed difference between tracers of one host: the wall-clock offset of each may be
 * wrong by one step. */
#define CLOCKS_APART_NS (2 * OSP_CLOCK_STEP_NS)

typedef struct checking
{
	osp_report *report;
	osp_line_fn fn;
	void *ctx;
	osp_buf line;
	osp_buf decoded;
	osp__description parent;
	size_t breaches;
	osp_status status;
} checking;

/* Adds the inside of a JSON string, in a form that is safe for a terminal. */
static void
add_json(checking *c, osp_str inside)
{
	osp_buf_reset(&c->decoded);
	if (c->status == OSP_OK)
		c->status = osp__report_decode(c->report, inside, &c->decoded);
	if (c->status == OSP_OK)
		(void) osp__terminal_text(
			&c->line, osp_buf_str(&c->decoded), true, TEXT_COLUMNS);
}

static void
add_node(checking *c, const osp__node *node)
{
	add_json(c, node->name);
	osp_buf_add_char(&c->line, ' ');
	add_json(c, osp__report_inside(node->trace_id));
}

/* Begins the line about a breach at a node. */
static void
begin(checking *c, const osp__node *node)
{
	osp_buf_reset(&c->line);
	add_node(c, node);
	osp_buf_add_str(&c->line, OSP_STR(": "));
}

static void
report_line(checking *c)
{
	if (c->status == OSP_OK)
		c->status = osp_buf_status(&c->line);
	if (c->status != OSP_OK)
		return;
	c->breaches++;
	c->fn(c->ctx, c->line.ptr);
}

static void
report_text(checking *c, const osp__node *node, const char *text)
{
	begin(c, node);
	osp_buf_add_str(&c->line, osp_str_of(text));
	report_line(c);
}

/* Names the fault of an operation that lacks its start or its stop. */
static const char *
half_text(osp__state state)
{
	switch (state)
	{
		case OSP__START_LOST:
			return "its start was lost";
		case OSP__END_LOST:
			return "its end was lost";
		case OSP__RUNNING:
			return "is still running";
		case OSP__UNFINISHED:
		case OSP__INTERRUPTED:
		case OSP__ENDED:
			break;
	}
	return "has no end: it is still running, or was interrupted";
}

static void
check_pair(checking *c, const osp__node *node)
{
	const osp__point *point;

	if (node->starts == 0 || node->stops == 0)
		report_text(c, node, half_text(osp__report_state(c->report, node)));
	if (node->starts > 1 || node->stops > 1)
	{
		begin(c, node);
		osp_buf_addf(&c->line,
					 "has %u starts and %u stops of different names",
					 node->starts,
					 node->stops);
		report_line(c);
	}
	for (point = node->first; point != NULL; point = point->next)
	{
		if (!point->differs)
			continue;
		begin(c, node);
		add_json(c, point->name);
		osp_buf_add_str(
			&c->line, OSP_STR(" came more than once, with different contents"));
		report_line(c);
	}
	if (node->starts > 0 && node->stops > 0 &&
		node->finished_ns < node->started_ns)
		report_text(c, node, "ends before it begins");
}

/* By how much a child may begin before its parent or end after it; negative: do not
 * compare. */
static int64_t
tolerance_ns(const osp__node *node, const osp__node *parent)
{
	if (!osp_str_eq(node->host, parent->host))
		return -1;
	if (osp__node_same_tracer(node, parent))
		return 0;
	return CLOCKS_APART_NS;
}

static void
report_outside(checking *c, const osp__node *node, const char *what, int64_t ns)
{
	char time[OSP__DURATION_MAX];

	osp__duration_text(ns, time);
	begin(c, node);
	osp_buf_addf(&c->line, "%s its parent ", what);
	add_node(c, node->parent);
	osp_buf_addf(&c->line, " by %s", time);
	report_line(c);
}

/*
 * Did the caller end without waiting for node, which another tracer recorded? That
 * happens when a client is interrupted, or fails by itself, while the server works.
 */
static bool
was_left(checking *c, const osp__node *node)
{
	osp__description *what = &c->parent;

	if (osp__node_same_tracer(node, node->parent))
		return false;
	if (c->status == OSP_OK)
		c->status = osp__report_describe(c->report, node->parent, what);
	return what->state == OSP__INTERRUPTED || what->unread != NULL ||
		   what->error.len > 0;
}

static void
check_times(checking *c, const osp__node *node)
{
	const osp__node *parent = node->parent;
	int64_t tolerance = tolerance_ns(node, parent);
	int64_t early =
		osp__ns_between(osp__node_start_ns(node), osp__node_start_ns(parent));
	int64_t late =
		osp__ns_between(osp__node_end_ns(parent), osp__node_end_ns(node));

	if (tolerance < 0)
		return;
	if (parent->starts > 0 && node->starts > 0 && early > tolerance)
		report_outside(c, node, "begins before", early);
	if (parent->stops > 0 && late > tolerance && !was_left(c, node))
		report_outside(c, node, "ends after", late);
}

static void
check_parent(checking *c, const osp__node *node)
{
	if (node->cycle)
		report_text(c, node, "its parents form a ring");
	else if (node->parent != NULL)
		check_times(c, node);
	else if (osp__node_lost_parent(c->report, node))
	{
		begin(c, node);
		osp_buf_add_str(&c->line, OSP_STR("its parent "));
		add_json(c, osp__report_inside(node->parent_id));
		osp_buf_add_str(&c->line, OSP_STR(" is not in the trace"));
		report_line(c);
	}
}

/* Adds a line about the whole trace, with a number of bad points. */
static void
report_count(checking *c, uint64_t count, const char *what)
{
	if (count == 0)
		return;
	osp_buf_reset(&c->line);
	osp_buf_addf(&c->line,
				 "%llu point%s %s",
				 (unsigned long long) count,
				 count == 1 ? "" : "s",
				 what);
	report_line(c);
}

osp_status
osp_report_check(osp_report *report, osp_line_fn fn, void *ctx,
				 size_t *breaches)
{
	checking c;
	size_t i;

	memset(&c, 0, sizeof(c));
	*breaches = 0;
	c.status = osp__report_build(report);
	if (c.status != OSP_OK)
		return c.status;
	c.report = report;
	c.fn = fn;
	c.ctx = ctx;
	osp_buf_init(&c.line, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&c.decoded, report->alc, OSP_NOTIFICATION_MAX);
	osp__description_init(&c.parent, report->alc);
	for (i = 0; i < report->node_count && c.status == OSP_OK; i++)
	{
		check_pair(&c, report->sorted[i]);
		check_parent(&c, report->sorted[i]);
	}
	report_count(&c, report->lost_points, "lost");
	report_count(&c, report->malformed, "malformed");
	osp_buf_term(&c.line);
	osp_buf_term(&c.decoded);
	osp__description_term(&c.parent);
	*breaches = c.breaches;
	return c.status;
}
