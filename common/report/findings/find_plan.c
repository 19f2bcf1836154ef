/* SPDX-License-Identifier: Apache-2.0
 *
 * find_plan.c
 *	  Rules: planning, and compiling (JIT).
 */
#include "report/findings/findings.h"

#define SUM_FUNCTIONS 0

void
osp__look_planning(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->kind == OSP__OP_PLAN)
			osp__claim_time(f, osp__group_of(f, 0), op, op->left_ns);
	}
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
	osp__say_time(&finding->cause, group->ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(", before anything was executed."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": planned for "));
	osp__say_time(&finding->evidence, osp__op_ns(group->largest));
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
	osp__say_time(&finding->cause, group->ns);
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
