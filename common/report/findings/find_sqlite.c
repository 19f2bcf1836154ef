/* SPDX-License-Identifier: Apache-2.0
 *
 * find_sqlite.c
 *	  Rules about SQLite: reading whole tables, and databases that are locked.
 */
#include "report/findings/findings.h"

#define STEPS_MIN  1000
#define STEPS_EACH 10

enum
{
	SUM_STEPS,
	SUM_ROWS
};

static bool
is_busy(const osp__op *op)
{
	osp_str etype = osp__report_inside(op->node->etype);
	const osp_str busy = OSP_STR("SQLITE_BUSY");
	const osp_str locked = OSP_STR("SQLITE_LOCKED");

	return op->failed && ((etype.len >= busy.len &&
						   memcmp(etype.ptr, busy.ptr, busy.len) == 0) ||
						  (etype.len >= locked.len &&
						   memcmp(etype.ptr, locked.ptr, locked.len) == 0));
}

void
osp__look_sqlite_busy(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		const osp__op *attempt;
		osp__group *group;

		if (op->kind != OSP__OP_SQLITE || !is_busy(op))
			continue;
		group = osp__group_of(f, 0);
		osp__claim_below(f, group, op);

		/* A program that is told to come back later waits by itself. */
		attempt = osp__next_attempt(f, op);
		if (attempt != NULL)
			osp__claim_until(f, group, op, attempt);
	}
}

void
osp__tell_sqlite_busy(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause,
					OSP_STR("The SQLite database was locked by another "
							"connection: "));
	osp__say_number(&finding->cause, (int64_t) group->count, "attempt");
	osp_buf_add_str(&finding->cause, OSP_STR(" failed after "));
	osp__say_time(&finding->cause, group->ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" of waiting."));
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Commit sooner where the database is written. With PRAGMA "
				"journal_mode = WAL readers and a writer do not block each "
				"other; BEGIN IMMEDIATE keeps a reader from having to become "
				"a writer."));
	osp__add_figure(finding, "attempts", (double) group->count);
}

static bool
scans(const osp__op *op)
{
	int64_t steps = osp__op_fact(op, OSP__FULLSCAN_STEPS);

	return steps >= STEPS_MIN &&
		   steps / STEPS_EACH >= osp__op_fact(op, OSP__ROWS);
}

void
osp__look_sqlite_scans(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		bool indexed = osp__op_fact(op, OSP__AUTOINDEX_ROWS) >= STEPS_MIN;
		osp__group *group;

		if (op->kind != OSP__OP_SQLITE || (!indexed && !scans(op)))
			continue;
		group = osp__group_of(f, op->shape);
		osp__claim_time(f, group, op, op->left_ns);
		if (group == NULL)
			continue;
		group->sums[SUM_STEPS] += osp__op_fact(
			op, indexed ? OSP__AUTOINDEX_ROWS : OSP__FULLSCAN_STEPS);
		group->sums[SUM_ROWS] += osp__op_fact(op, OSP__ROWS);
	}
}

void
osp__tell_sqlite_scans(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *op = group->largest;
	bool indexed = osp__op_fact(op, OSP__AUTOINDEX_ROWS) >= STEPS_MIN;

	if (indexed)
		osp_buf_add_str(&finding->cause,
						OSP_STR("SQLite made an index of its own, for the "
								"time of the statement, over "));
	else
		osp_buf_add_str(&finding->cause, OSP_STR("SQLite read whole tables, "));
	osp__say_number(&finding->cause, group->sums[SUM_STEPS], "row");
	osp_buf_add_str(&finding->cause, OSP_STR(", to return "));
	osp__say_count(&finding->cause, group->sums[SUM_ROWS]);
	osp_buf_add_str(&finding->cause, OSP_STR("; that took "));
	osp__say_time(&finding->cause, group->ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_op(f, op, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("EXPLAIN QUERY PLAN names the table that is scanned. If the "
				"statement is frequent, try CREATE INDEX on the columns that "
				"it compares, and ANALYZE."));
	osp__add_figure(finding, "rows_read", (double) group->sums[SUM_STEPS]);
	osp__add_figure(finding, "rows_returned", (double) group->sums[SUM_ROWS]);
}
