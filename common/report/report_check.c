/* SPDX-License-Identifier: Apache-2.0
 *
 * report_check.c
 *	  Are the points of a trace as they must be?
 *
 * A child lies within its parent in time as far as clocks can tell: what one
 * tracer wrote was read from one clock, and is compared exactly; tracers on one
 * host may have set their offsets to the wall clock at different times, which is
 * allowed for; clocks of different hosts are not compared.
 */
#include <stdio.h>

#include "osprofiler/notification.h"
#include "osprofiler/rundir.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

#define TEXT_COLUMNS 128

/* Between tracers of one host: each may be off by a step of the wall clock. */
#define CLOCKS_APART_NS (2 * OSP_CLOCK_STEP_NS)

typedef struct checking
{
	osp_report *report;
	osp_line_fn fn;
	void *ctx;
	osp_buf line;
	osp_buf decoded;
	size_t breaches;
	osp_status status;
} checking;

/* Adds the inside of a JSON string, fit for a terminal. */
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

/* Begins the line of a breach at a node. */
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

static void
check_pair(checking *c, const osp__node *node)
{
	const osp__point *point;

	if (node->stops == 0)
		report_text(c, node, "was started but not stopped");
	if (node->starts == 0)
		report_text(c, node, "was stopped but not started");
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
		if (point->copies == 0)
			continue;
		begin(c, node);
		add_json(c, point->name);
		osp_buf_addf(&c->line, " came %u times", point->copies + 1);
		report_line(c);
	}
	if (node->starts > 0 && node->stops > 0 &&
		node->finished_ns < node->started_ns)
		report_text(c, node, "ends before it begins");
}

/* The part of a name that says which tracer it is: "pg" of "pg.plan". */
static osp_str
tracer_of(const osp__node *node)
{
	const char *dot = memchr(node->name.ptr, '.', node->name.len);

	return osp_str_n(node->name.ptr,
					 dot != NULL ? (size_t) (dot - node->name.ptr)
								 : node->name.len);
}

/* By how much a child may stick out of its parent; less than 0: not compared. */
static int64_t
tolerance_ns(const osp__node *node, const osp__node *parent)
{
	if (!osp_str_eq(node->host, parent->host))
		return -1;
	if (osp_str_eq(tracer_of(node), tracer_of(parent)) &&
		osp_str_eq(node->service, parent->service) &&
		osp_str_eq(node->project, parent->project))
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
	if (parent->stops > 0 && late > tolerance)
		report_outside(c, node, "ends after", late);
}

static void
check_parent(checking *c, const osp__node *node)
{
	if (node->cycle)
		report_text(c, node, "its parents form a ring");
	else if (node->parent != NULL)
		check_times(c, node);
	else if (!osp_str_eq(node->parent_id, c->report->base_id))
	{
		begin(c, node);
		osp_buf_add_str(&c->line, OSP_STR("its parent "));
		add_json(c, osp__report_inside(node->parent_id));
		osp_buf_add_str(&c->line, OSP_STR(" is not in the trace"));
		report_line(c);
	}
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
	for (i = 0; i < report->node_count && c.status == OSP_OK; i++)
	{
		check_pair(&c, report->sorted[i]);
		check_parent(&c, report->sorted[i]);
	}
	if (report->malformed > 0)
	{
		osp_buf_reset(&c.line);
		osp_buf_addf(
			&c.line, "%zu stored points are malformed", report->malformed);
		report_line(&c);
	}
	osp_buf_term(&c.line);
	osp_buf_term(&c.decoded);
	*breaches = c.breaches;
	return c.status;
}
