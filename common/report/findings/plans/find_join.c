/* SPDX-License-Identifier: Apache-2.0
 *
 * find_join.c
 *	  Rules: a wrong estimate that made a nested loop expensive, and parallel
 *	  workers that did not start.
 */
#include "report/findings/plans/plans.h"

/* An estimate is wrong if this many times more rows came; loops matter from this number
 * on. */
#define WRONG_TIMES 20
#define LOOPS_MIN   100

/* Statistics are stale if the table has this many times more rows. */
#define STALE_TIMES 5

enum
{
	SUM_PLANNED,
	SUM_LAUNCHED
};

/* How many times more rows a node returned per loop than were expected. */
static int64_t
wrong_times(const osp__op *op)
{
	int64_t loops = osp__op_fact(op, OSP__LOOPS);
	int64_t planned = osp__op_fact(op, OSP__PLAN_ROWS);

	if (loops == 0)
		return 0;
	return osp__op_fact(op, OSP__ROWS) / loops / (planned > 0 ? planned : 1);
}

osp__op *
osp__join_inner(const osp__findings *f, const osp__op *join)
{
	osp__op *child = osp__op_child(f, join);
	osp__op *inner = NULL;

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE &&
			(inner == NULL ||
			 osp__op_fact(child, OSP__LOOPS) > osp__op_fact(inner, OSP__LOOPS)))
			inner = child;
	return inner;
}

static osp__op *
outer_side(const osp__findings *f, const osp__op *join, const osp__op *inner)
{
	osp__op *child = osp__op_child(f, join);

	while (child != NULL && (child->kind != OSP__OP_NODE || child == inner))
		child = osp__op_sibling(f, child);
	return child;
}

/* The deepest node below op whose estimate is also wrong: the error began there. */
static osp__op *
deepest_wrong(const osp__findings *f, osp__op *op)
{
	osp__op *at = op;
	osp__op *deepest = op;

	while ((at = osp__op_below(f, at, op)) != NULL)
		if (at->kind == OSP__OP_NODE && at->parent == deepest &&
			wrong_times(at) >= WRONG_TIMES)
			deepest = at;
	return deepest;
}

void
osp__look_estimates(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *join = &f->ops[i];
		osp__op *inner;
		osp__op *outer;
		osp__op *at;
		osp__group *group;

		if (join->kind != OSP__OP_NODE)
			continue;
		inner = osp__join_inner(f, join);
		if (inner == NULL || osp__op_fact(inner, OSP__LOOPS) < LOOPS_MIN ||
			osp__op_fact(inner, OSP__LOOPS) <=
				osp__op_fact(join, OSP__LOOPS) * WRONG_TIMES)
			continue;
		outer = outer_side(f, join, inner);
		if (outer == NULL || wrong_times(outer) < WRONG_TIMES ||
			osp__joins_all(f, join))
			continue;
		outer = deepest_wrong(f, outer);
		group = osp__group_of(f, outer->shape);
		osp__claim_node(f, group, join, true);
		for (at = inner; at != NULL; at = osp__op_below(f, at, inner))
			if (at->kind == OSP__OP_NODE)
				osp__claim_node(f, group, at, false);
		if (group != NULL && group->count == 1)
			group->first = outer;
	}
}

/* How many rows a scan of the whole table read; 0: it is another kind of node. */
static int64_t
table_rows(const osp__op *op)
{
	int64_t loops = osp__op_fact(op, OSP__LOOPS);

	if (loops == 0 || op->node_kind != OSP__NODE_SEQ_SCAN || op->parallel)
		return 0;
	return (osp__op_fact(op, OSP__ROWS) + osp__op_fact(op, OSP__REMOVED)) /
		   loops;
}

/* If the table has grown since its statistics were made, names that as the reason. */
static void
say_stale_statistics(osp__finding *finding, const osp__op *wrong)
{
	int64_t known = osp__op_fact(wrong, OSP__RELATION_ROWS);
	int64_t rows = known > 0 ? table_rows(wrong) : 0;

	if (known == 0 || rows / STALE_TIMES < known)
		return;
	osp_buf_add_str(&finding->cause,
					OSP_STR(" Its statistics are stale: they know "));
	osp__say_number(&finding->cause, known, "row");
	osp_buf_add_str(&finding->cause, OSP_STR(" of the table, which has "));
	osp__say_count(&finding->cause, rows);
	osp_buf_add_char(&finding->cause, '.');
	osp__add_figure(finding, "rows_in_statistics", (double) known);
}

/* How many rows a node returned each time; if several processes share it, all rows
 * together. */
static int64_t
rows_returned(const osp__op *op)
{
	int64_t loops = osp__op_fact(op, OSP__LOOPS);

	return osp__op_fact(op, OSP__ROWS) /
		   (loops > 0 && !op->parallel ? loops : 1);
}

/* Does a node select its rows by several conditions, or by one that is not understood?
 * A join is judged by its own conditions. */
static bool
has_several_conditions(osp__findings *f, const osp__op *op)
{
	osp__scan scan;
	bool several;

	osp__scan_init(f, &scan, op);
	several = !scan.understood || scan.filter.count + scan.held.count != 1;
	osp__scan_term(&scan);
	return several;
}

void
osp__tell_estimates(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *wrong = group->first;
	const osp__op *inner = osp__join_inner(f, group->largest);
	int64_t planned = osp__op_fact(wrong, OSP__PLAN_ROWS);
	int64_t came = rows_returned(wrong);

	osp_buf_add_str(&finding->cause, OSP_STR("PostgreSQL expected "));
	osp__say_number(&finding->cause, planned, "row");
	osp_buf_add_str(&finding->cause, OSP_STR(" from "));
	osp__say_op(f, wrong, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" and got "));
	osp__say_count(&finding->cause, came);
	osp_buf_add_str(&finding->cause,
					OSP_STR(", so it chose a nested loop that ran "));
	osp__say_op(f, inner, &finding->cause);
	osp_buf_add_char(&finding->cause, ' ');
	osp__say_number(&finding->cause, osp__op_fact(inner, OSP__LOOPS), "time");
	osp_buf_add_char(&finding->cause, '.');
	say_stale_statistics(finding, wrong);
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_node_time(group, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(" in the nested loop"));
	osp_buf_add_str(&finding->step, OSP_STR("ANALYZE "));
	osp_buf_reset(&f->scratch);
	osp__op_member(f, wrong, "node", "relation", &f->scratch);
	osp_buf_add_str(&finding->step,
					f->scratch.len > 0 ? osp_buf_str(&f->scratch)
									   : OSP_STR("the tables"));
	osp_buf_add_str(&finding->step,
					OSP_STR(", and see whether EXPLAIN expects more rows "
							"then."));
	if (has_several_conditions(f, wrong))
		osp_buf_add_str(&finding->step,
						OSP_STR(" If its conditions depend on each other, "
								"CREATE STATISTICS on their columns."));
	osp__add_figure(finding, "rows_expected", (double) planned);
	osp__add_figure(finding, "rows_returned", (double) came);
	osp__add_figure(finding, "loops", (double) osp__op_fact(inner, OSP__LOOPS));
}

/* Why workers did not start; a key of a group. */
enum
{
	NONE_FREE,
	RULED_OUT_IN_CODE, /* the statement of a function or procedure */
	RULED_OUT_BY_CLIENT
};

static uint64_t
reason_of(const osp__op *op)
{
	const osp__op *outer = op->statement;

	if (!op->workers_ruled_out)
		return NONE_FREE;
	outer = outer != NULL ? outer->parent : NULL;
	return outer != NULL && (outer->kind == OSP__OP_PG ||
							 outer->kind == OSP__OP_FUNCTION ||
							 outer->kind == OSP__OP_TRIGGER)
			   ? RULED_OUT_IN_CODE
			   : RULED_OUT_BY_CLIENT;
}

void
osp__look_workers(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t planned = osp__op_fact(op, OSP__WORKERS_PLANNED);
		int64_t launched = osp__op_fact(op, OSP__WORKERS_LAUNCHED);
		int64_t total_ns;
		osp__group *group;

		total_ns = osp__op_fact(op, OSP__NODE_TOTAL);
		if (!op->timed->timed_nodes)
			total_ns = op->timed->own_ns;

		/* Nothing is known about a node that did not end, or never ran. */
		if (launched >= planned || total_ns == 0 ||
			osp__op_fact(op, OSP__LOOPS) == 0)
			continue;

		/* Claims the time that the missing workers would have saved. */
		group = osp__group_of(f, reason_of(op));
		osp__claim_time(
			f, group, op, total_ns / (planned + 1) * (planned - launched));
		if (group == NULL)
			continue;
		group->sums[SUM_PLANNED] += planned;
		group->sums[SUM_LAUNCHED] += launched;
	}
}

void
osp__tell_workers(osp__findings *f, osp__finding *finding)
{
	static const char *const steps[] = {
		"No other worker was free: other statements had them, or "
		"max_parallel_workers and max_worker_processes allow fewer. Compare "
		"both with the number of processors.",
		"PostgreSQL starts no workers for a query that is not run to its end "
		"at once, whatever the settings are: the last one of an SQL function, "
		"SELECT INTO or an expression of PL/pgSQL, a cursor. In PL/pgSQL, "
		"EXECUTE … INTO and RETURN QUERY run a query to its end; so does the "
		"client's own query.",
		"PostgreSQL starts no workers for a query whose rows the client asks "
		"for in parts, or up to a maximum (a fetch size or maximum of rows of "
		"the driver, a cursor), whatever the settings are. Fetch all rows at "
		"once, with LIMIT in the query if only some are needed."};
	const osp__group *group = finding->group;

	if (group->sums[SUM_LAUNCHED] == 0)
		osp_buf_add_str(&finding->cause, OSP_STR("None"));
	else
		osp__say_count(&finding->cause, group->sums[SUM_LAUNCHED]);
	osp_buf_add_str(&finding->cause, OSP_STR(" of "));
	osp__say_number(
		&finding->cause, group->sums[SUM_PLANNED], "parallel worker");
	osp_buf_add_str(&finding->cause,
					OSP_STR(" started; with all of them the statement could "
							"have been up to "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" faster."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->step, osp_str_of(steps[group->key]));
	osp__add_figure(
		finding, "workers_planned", (double) group->sums[SUM_PLANNED]);
	osp__add_figure(
		finding, "workers_launched", (double) group->sums[SUM_LAUNCHED]);
}
