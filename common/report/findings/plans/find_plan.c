/* SPDX-License-Identifier: Apache-2.0
 *
 * find_plan.c
 *	  Rules: time before planning, for planning, and for compiling (JIT).
 */
#include "report/findings/rules.h"

#define SUM_FUNCTIONS 0

/* The longest time for reading, analysing or planning one byte of a
 * statement. */
#define BYTE_NS 1000

/* Claims the own time of all operations of a kind. */
static void
claim_kind(osp__findings *f, osp__op_kind kind)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
		if (f->ops[i].kind == kind)
			osp__claim_time(
				f, osp__group_of(f, 0), &f->ops[i], f->ops[i].left_ns);
}

/* Can op, a part of a statement, have taken long because of the length of the text? */
static bool
has_long_text(const osp__op *op)
{
	const osp__op *of = op->kind == OSP__OP_PARSE ? op : op->statement;

	return of != NULL &&
		   osp__op_fact(of, OSP__TEXT_BYTES) > osp__op_ns(op) / BYTE_NS;
}

static void
say_long_text(const osp__op *op, osp_buf *step)
{
	const osp__op *of = op->kind == OSP__OP_PARSE ? op : op->statement;

	osp_buf_add_str(step, OSP_STR("The text of the statement has "));
	osp__say_number(step, osp__op_fact(of, OSP__TEXT_BYTES), "byte");
	osp_buf_add_str(
		step,
		OSP_STR(
			", each of which is read, analysed and planned. Hand a long "
			"list of values over as one parameter, an array (key = ANY "
			"($1)), or COPY it into a temporary table and join with that."));
}

void
osp__look_analysis(osp__findings *f)
{
	claim_kind(f, OSP__OP_PARSE);
}

void
osp__tell_analysis(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" passed before planning began, while "));
	if (group->count > 1)
		osp__say_number(&finding->cause, (int64_t) group->count, "statement");
	else
		osp_buf_add_str(&finding->cause, OSP_STR("the statement"));
	osp_buf_add_str(&finding->cause,
					group->count > 1
						? OSP_STR(" were analysed and their tables locked.")
						: OSP_STR(" was analysed and its tables locked."));
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_time(&finding->evidence, osp__op_ns(group->largest));
	if (has_long_text(group->largest))
		say_long_text(group->largest, &finding->step);
	else
		osp_buf_add_str(
			&finding->step,
			OSP_STR(
				"Most likely another session had a table locked as a whole "
				"(ALTER TABLE, LOCK TABLE, VACUUM FULL, TRUNCATE; from changes "
				"also CREATE INDEX without CONCURRENTLY). While it lasts, "
				"pg_blocking_pids() and pg_locks show which; "
				"log_lock_waits logs it."));
	osp__add_figure(finding, "statements", (double) group->count);
}

void
osp__look_planning(osp__findings *f)
{
	claim_kind(f, OSP__OP_PLAN);
}

void
osp__tell_planning(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t count = (int64_t) group->count;

	osp_buf_add_str(&finding->cause, OSP_STR("Planning "));
	if (count > 1)
	{
		osp__say_number(&finding->cause, count, "statement");
		osp_buf_add_str(&finding->cause, OSP_STR(" took "));
	}
	else
		osp_buf_add_str(&finding->cause, OSP_STR("the statement took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(", before anything was executed."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": planned for "));
	osp__say_time(&finding->evidence, osp__op_ns(group->largest));
	if (has_long_text(group->largest))
		say_long_text(group->largest, &finding->step);
	else
		osp_buf_add_str(
			&finding->step,
			OSP_STR("Prepare the statement once per connection and execute it "
					"often, so that its plan can be used again. Planning takes "
					"long with many partitions or many joined tables."));
	osp__add_figure(finding, "plannings", (double) count);
}

void
osp__look_jit(osp__findings *f)
{
	size_t i;

	osp__claim_fact(f, 0, OSP__JIT);
	if (f->groups == NULL || f->groups->rule != f->rule)
		return;
	for (i = 1; i < f->op_count; i++)
		f->groups->sums[SUM_FUNCTIONS] +=
			osp__op_own_fact(f, &f->ops[i], OSP__JIT_FUNCTIONS);
}

void
osp__tell_jit(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause, OSP_STR("JIT compilation of "));
	osp__say_number(&finding->cause, group->sums[SUM_FUNCTIONS], "function");
	osp_buf_add_str(&finding->cause, OSP_STR(" took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_time(&finding->evidence, osp__op_ns(group->largest));
	osp_buf_add_str(&finding->evidence, OSP_STR(" in all"));
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Compare with SET jit = off in the session that runs this "
				"statement. jit_above_cost says from which cost on statements "
				"are compiled."));
	osp__add_figure(finding, "functions", (double) group->sums[SUM_FUNCTIONS]);
}
