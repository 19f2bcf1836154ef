/* SPDX-License-Identifier: Apache-2.0
 *
 * find_offset.c
 *	  Rule: time for rows that OFFSET leaves out, all of which are read first.
 */
#include "report/findings/rules.h"

/* The rule applies if OFFSET leaves out at least SKIPPED_MIN rows, and at least
 * SKIPPED_EACH rows for each row that is returned. */
#define SKIPPED_MIN  1000
#define SKIPPED_EACH 9

enum
{
	SUM_SKIPPED,
	SUM_ROWS
};

/* Does a node pass rows on as it gets them? Other nodes must read all rows first,
 * whatever OFFSET is. */
static bool
hands_on(const osp__op *op)
{
	switch (op->node_kind)
	{
		case OSP__NODE_SEQ_SCAN:
		case OSP__NODE_INDEX_SCAN:
		case OSP__NODE_INDEX_ONLY_SCAN:
		case OSP__NODE_BITMAP_HEAP_SCAN:
		case OSP__NODE_NESTED_LOOP:
		case OSP__NODE_NESTED_LOOP_LEFT:
		case OSP__NODE_APPEND:
		case OSP__NODE_MERGE_APPEND:
		case OSP__NODE_SUBQUERY_SCAN:
		case OSP__NODE_INCREMENTAL_SORT:
		case OSP__NODE_LOCK_ROWS:
			return true;
		default:
			return false;
	}
}

static osp__op *
child_node(const osp__findings *f, const osp__op *op)
{
	osp__op *child = osp__op_child(f, op);

	while (child != NULL && child->kind != OSP__OP_NODE)
		child = osp__op_sibling(f, child);
	return child;
}

/* Claims the work of the nodes that produced the rows which were left out. */
static void
claim_work(osp__findings *f, osp__group *group, osp__op *top)
{
	osp__op *op = top;

	while (op != NULL)
		if (op->kind == OSP__OP_NODE && hands_on(op))
		{
			osp__claim_node(f, group, op, op == top);
			op = osp__op_below(f, op, top);
		}
		else
			op = osp__op_beside(f, op, top);
}

void
osp__look_offsets(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t rows = osp__op_fact(op, OSP__ROWS);
		int64_t skipped;
		osp__op *child;
		osp__group *group;

		if (op->kind != OSP__OP_NODE)
			continue;
		child = child_node(f, op);
		skipped = child != NULL ? osp__op_fact(child, OSP__ROWS) - rows : 0;
		if (skipped < SKIPPED_MIN || skipped / SKIPPED_EACH < rows ||
			op->node_kind != OSP__NODE_LIMIT || !hands_on(child))
			continue;
		group = osp__group_of(f, child->shape);
		claim_work(f, group, child);
		osp__claim_node(f, group, op, false);
		if (group == NULL)
			continue;
		group->sums[SUM_SKIPPED] += skipped;
		group->sums[SUM_ROWS] += rows;
	}
}

void
osp__tell_offsets(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause, OSP_STR("OFFSET left out "));
	osp__say_number(&finding->cause, group->sums[SUM_SKIPPED], "row");
	osp_buf_add_str(&finding->cause, OSP_STR(", which "));
	osp__say_op(f, group->largest, &finding->cause);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" had to return first, before the "));
	osp__say_number(&finding->cause, group->sums[SUM_ROWS], "row");
	osp_buf_add_str(&finding->cause, OSP_STR(" that were wanted."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_node_time(group, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Let a page begin behind the last row of the one before: WHERE "
				"key > … ORDER BY key LIMIT n, with an index on the key. It "
				"takes the same time for each page; OFFSET takes longer for "
				"each one."));
	osp__add_figure(
		finding, "rows_left_out", (double) group->sums[SUM_SKIPPED]);
	osp__add_figure(finding, "rows_returned", (double) group->sums[SUM_ROWS]);
}
