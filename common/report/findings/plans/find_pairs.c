/* SPDX-License-Identifier: Apache-2.0
 *
 * find_pairs.c
 *	  Finds joins that must combine each row of one side with each row of the other:
 *	  they have no condition, or one without an equality by which PostgreSQL could hash,
 *	  merge or use an index.
 */
#include "report/findings/plans/plans.h"

#include <string.h>

/* If a side has fewer rows, the join is taken for an intended loop, such as over
 * generate_series(1, 6). */
#define SIDE_MIN 100

/* May the condition, or one of its parts that must all hold, be an equality? If it is
 * not understood, the answer is yes. */
static bool
has_equality(const osp__expr *condition)
{
	const osp__expr *part;

	if (condition == NULL)
		return true;
	if (condition->kind == OSP__EXPR_OPERATOR)
		return strcmp(condition->symbol, "=") == 0;
	if (condition->kind != OSP__EXPR_AND)
		return false;
	for (part = condition->first; part != NULL; part = part->next)
		if (has_equality(part))
			return true;
	return false;
}

/* Is the inner side of a join the same for each outer row, and kept in memory? If it is
 * read again each time, a wrong estimate may be to blame instead. */
static bool
inner_is_kept(const osp__findings *f, const osp__op *join)
{
	const osp__op *child = osp__op_child(f, join);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE &&
			osp__op_fact(child, OSP__LOOPS) > 1 &&
			(child->node_kind == OSP__NODE_MATERIALIZE ||
			 child->node_kind == OSP__NODE_CTE_SCAN ||
			 child->node_kind == OSP__NODE_FUNCTION_SCAN))
			return true;
	return false;
}

static bool
sides_are_large(const osp__findings *f, const osp__op *join)
{
	const osp__op *child = osp__op_child(f, join);

	for (; child != NULL; child = osp__op_sibling(f, child))
	{
		int64_t loops = osp__op_fact(child, OSP__LOOPS);

		if (child->kind == OSP__OP_NODE &&
			osp__op_fact(child, OSP__ROWS) < SIDE_MIN * (loops > 0 ? loops : 1))
			return false;
	}
	return true;
}

bool
osp__joins_all(osp__findings *f, const osp__op *op)
{
	osp__expr_tree tree;

	if (op->node_kind != OSP__NODE_NESTED_LOOP || !inner_is_kept(f, op) ||
		!sides_are_large(f, op))
		return false;
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "node", "join_filter", &f->scratch);
	return f->scratch.len == 0 ||
		   !has_equality(osp__expr_read(&tree, osp_buf_str(&f->scratch)));
}
