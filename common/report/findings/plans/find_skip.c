/* SPDX-License-Identifier: Apache-2.0
 *
 * find_skip.c
 *	  Rule: time for rows that SKIP LOCKED skips, all of which are read first.
 */
#include "report/findings/rules.h"

#include "sql/sql_text.h"

/* The rule applies if at least SKIPPED_MIN rows are skipped, and at least
 * SKIPPED_EACH rows for each row that is returned. */
#define SKIPPED_MIN  1000
#define SKIPPED_EACH 9

enum
{
	SUM_SKIPPED,
	SUM_ROWS
};

/* How many rows a node could not lock, or found changed. */
static int64_t
skipped_rows(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);

	if (op->kind != OSP__OP_NODE || op->node_kind != OSP__NODE_LOCK_ROWS)
		return 0;
	while (child != NULL && child->kind != OSP__OP_NODE)
		child = osp__op_sibling(f, child);
	return child != NULL
			   ? osp__op_fact(child, OSP__ROWS) - osp__op_fact(op, OSP__ROWS)
			   : 0;
}

/* Does the statement of a node have SKIP LOCKED? Without it, rows that another
 * transaction has changed during the wait are skipped, too. */
static bool
has_skip_locked(osp__findings *f, const osp__op *op)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	bool skip = false;

	if (op->statement == NULL)
		return false;
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op->statement, NULL, "statement", &f->scratch);
	osp_sql_lexer_init(&lexer, osp_buf_str(&f->scratch), OSP_SQL_POSTGRES);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (skip && osp_sql_is(&token, "locked"))
			return true;
		skip = osp_sql_is(&token, "skip");
	}
	return false;
}

void
osp__look_skipped(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t rows = osp__op_fact(op, OSP__ROWS);
		int64_t skipped = skipped_rows(f, op);
		osp__group *group;
		osp__op *at;

		if (skipped < SKIPPED_MIN || skipped / SKIPPED_EACH < rows ||
			!has_skip_locked(f, op))
			continue;
		group = osp__group_of(f, op->statement->shape);
		for (at = op; at != NULL; at = osp__op_next_node(f, at, op))
			osp__claim_node(f, group, at, at == op);
		if (group == NULL)
			continue;
		group->sums[SUM_SKIPPED] += skipped;
		group->sums[SUM_ROWS] += rows;
	}
}

void
osp__tell_skipped(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp__say_number(&finding->cause, group->sums[SUM_SKIPPED], "row");
	osp_buf_add_str(&finding->cause,
					OSP_STR(" were read and passed over, because other "
							"transactions had locked or changed them, to "
							"find "));
	osp__say_count(&finding->cause, group->sums[SUM_ROWS]);
	osp_buf_add_str(&finding->cause, OSP_STR(" that were free."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_node_time(group, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Let each worker lock few rows and commit soon: mark them as "
				"taken in one short transaction, and do the work after it. Or "
				"let the workers begin at different places, as by a condition "
				"on the key."));
	osp__add_figure(finding, "rows_skipped", (double) group->sums[SUM_SKIPPED]);
	osp__add_figure(finding, "rows_locked", (double) group->sums[SUM_ROWS]);
}
