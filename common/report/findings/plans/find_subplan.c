/* SPDX-License-Identifier: Apache-2.0
 *
 * find_subplan.c
 *	  Rule: a subquery that was executed for each row of another node.
 *
 * The inner side of a nested loop is executed as often, but the planner has chosen that
 * among other plans, so it is not reported. For a subquery with values of the outer
 * row, PostgreSQL has no other plan. If another rule has claimed a part of a subquery,
 * nothing is claimed here: a missing index, for example, is then the cause.
 *
 * A subquery without such values is executed once. If its result is too large for a
 * hash table, as for NOT IN, it is searched completely for each outer row, and most of
 * that time is spent in the outer node.
 */
#include "report/findings/plans/plans.h"

#define LOOPS_MIN 1000

/* Searching a list takes longer than most subqueries. */
#define SEARCHES_MIN 100

/* Restarting a node, and descending an index, takes as long as this many rows. */
#define ROWS_OF_LOOP 8

/* A node did little else if it met at most 1/10 as many rows as the list has. */
#define LIST_SHARE 10

#define SUM_LOOPS 0

/* Marks all nodes that have a node below them claimed by another rule. */
static void
mark_claimed(osp__findings *f)
{
	size_t i;

	for (i = 0; i < f->op_count; i++)
		f->walk[i]->handled = false;
	for (i = f->op_count - 1; i > 0; i--)
	{
		const osp__op *op = f->walk[i];

		if (op->kind == OSP__OP_NODE && (op->claimed || op->handled))
			op->parent->handled = true;
	}
}

/* The first node of a subquery that scans a table, or else its top. */
static const osp__op *
scan_of(osp__findings *f, const osp__op *top)
{
	const osp__op *at = top;

	for (; at != NULL; at = osp__op_next_node(f, at, top))
		if (osp__node_scans(at))
			return at;
	return top;
}

/* Is the subquery's result kept in a list that is searched for each row of the node
 * above? */
static bool
is_list(const osp__op *top)
{
	return top->node_kind == OSP__NODE_MATERIALIZE;
}

/* Claims the time that the node above a list spent on searching it, if it did little
 * else. */
static void
claim_comparing(osp__findings *f, osp__group *group, const osp__op *list,
				double part)
{
	osp__op *outer = list->parent;

	if ((double) osp__node_rows_met(outer) * LIST_SHARE >
		(double) osp__op_fact(list, OSP__ROWS))
		return;
	osp__claim_node_ns(f,
					   group,
					   outer,
					   osp__ns_of(part * (double) osp__node_own_ns_with_loops(
											 f, outer, ROWS_OF_LOOP)),
					   false);
}

static void
claim_subplan(osp__findings *f, osp__op *top)
{
	double part = osp__part_of_nodes(top->timed);
	osp__group *group = osp__group_of(
		f,
		(scan_of(f, top)->shape * 31 + top->shape) * 31 + top->parent->shape);
	osp__op *at = top;

	for (; at != NULL; at = osp__op_next_node(f, at, top))
	{
		double ns = (double) osp__node_own_ns_with_loops(f, at, ROWS_OF_LOOP);

		osp__claim_node_ns(f, group, at, osp__ns_of(part * ns), at == top);
	}
	if (is_list(top))
		claim_comparing(f, group, top, part);
	if (group != NULL)
		group->sums[SUM_LOOPS] +=
			osp__bounded_count((double) osp__op_fact(top, OSP__LOOPS));
}

void
osp__look_subplans(osp__findings *f)
{
	size_t i;

	mark_claimed(f);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i];

		if (op->kind == OSP__OP_NODE && op->subplan && !op->claimed &&
			!op->handled && op->parent->kind == OSP__OP_NODE &&
			osp__op_fact(op, OSP__LOOPS) >=
				(is_list(op) ? SEARCHES_MIN : LOOPS_MIN))
			claim_subplan(f, op);
	}
}

void
osp__tell_subplans(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *top = group->largest;
	int64_t loops = group->sums[SUM_LOOPS];
	int64_t ns = group->spent_ns - group->alike_ns; /* time in these loops */

	osp_buf_add_str(&finding->cause,
					is_list(top)
						? OSP_STR("The list that the subquery returned, with ")
						: OSP_STR("The subquery with "));
	osp__say_op(f, scan_of(f, top), &finding->cause);
	osp_buf_add_str(&finding->cause,
					is_list(top) ? OSP_STR(", was gone through ")
								 : OSP_STR(" ran "));
	osp__say_number(&finding->cause, loops, "time");
	osp_buf_add_str(&finding->cause, OSP_STR(", each time for a row of "));
	osp__say_op(f, top->parent, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(", and took "));
	osp__say_time(&finding->cause, ns);
	osp_buf_add_str(&finding->cause, OSP_STR(": "));
	osp__say_time(&finding->cause, ns / loops);
	osp_buf_add_str(&finding->cause, OSP_STR(" each."));
	osp__say_statement(f, top, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_time_judged_by(group, "rows and loops", &finding->evidence);
	if (is_list(top))
		osp_buf_add_str(
			&finding->step,
			OSP_STR(
				"Write NOT EXISTS (SELECT … WHERE inner = outer) instead "
				"of NOT IN, EXISTS instead of IN, or a join: PostgreSQL can "
				"hash both sides then. (NOT IN keeps no row if the "
				"subquery returns a NULL; NOT EXISTS does.) Or try a "
				"work_mem that is large enough for all that the subquery "
				"returns: a list of IN or NOT IN is hashed then."));
	else
		osp_buf_add_str(
			&finding->step,
			OSP_STR(
				"Join with a subquery that groups its rows (SELECT …, max(…) "
				"… GROUP BY …): its table is read once then. If only some rows "
				"are shown, choose these first (LIMIT in a subquery in FROM). "
				"Several subqueries on one table can be one, with LATERAL."));
	osp__add_figure(finding, "loops", (double) loops);
}
