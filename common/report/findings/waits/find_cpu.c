/* SPDX-License-Identifier: Apache-2.0
 *
 * find_cpu.c
 *	  A rule: the server was ready to work, and waited for a CPU.
 */
#include "report/findings/rules.h"

/* The longest time that an involuntary switch explains: it takes a process off
 * its CPU for a few time slices of others. Missing time beyond that has another
 * reason, such as swapping. */
#define PUT_OFF_MAX_NS (INT64_C(100) * 1000000)

enum
{
	SUM_CPU,
	SUM_OF,
	SUM_PUT_OFF
};

/* The CPU time of a statement's workers, which may have taken the CPU from the
 * statement itself. */
static int64_t
workers_cpu_ns(const osp__findings *f, const osp__op *op)
{
	const osp__op *at = osp__op_child(f, op);
	int64_t ns = 0;

	while (op->workers > 0 && at != NULL)
	{
		if (at->kind == OSP__OP_WORKER)
			ns += osp__op_fact(at, OSP__CPU);
		at = at->kind == OSP__OP_NODE ? osp__op_below(f, at, op)
									  : osp__op_beside(f, at, op);
	}
	return ns;
}

/* How long a statement neither ran nor waited for anything that PostgreSQL knows. */
static int64_t
missing_ns(const osp__findings *f, const osp__op *op)
{
	int64_t ns = osp__op_fact(op, OSP__CPU_OF) - osp__op_fact(op, OSP__CPU) -
				 osp__op_fact(op, OSP__WAIT_ANY) - workers_cpu_ns(f, op);
	int64_t most_ns = osp__op_fact(op, OSP__PUT_OFF) * PUT_OFF_MAX_NS;

	return ns < most_ns ? ns : most_ns;
}

/* The part of an operation's own time in which it may have waited for a CPU: not that
 * in which it waited for something that PostgreSQL knows. Waits for locks are operations
 * of their own. */
static int64_t
ready_ns(const osp__findings *f, const osp__op *op)
{
	int64_t ns = op->own_ns - osp__op_own_fact(f, op, OSP__WAIT_ANY) +
				 osp__op_own_fact(f, op, OSP__WAIT_LOCK);

	if (op->kind == OSP__OP_WAIT || ns < 0)
		return 0;
	return ns < op->own_ns ? ns : op->own_ns;
}

/* Claims ns of op and the operations inside it, the same part of each. */
static void
claim_part_below(osp__findings *f, osp__group *group, osp__op *op, int64_t ns)
{
	double own_ns = 0;
	double all_ns = 0;
	double part;
	osp__op *at;

	for (at = op; at != NULL; at = osp__op_below(f, at, op))
		if (at->timed == at)
		{
			own_ns += (double) at->own_ns;
			all_ns += (double) ready_ns(f, at);
		}
	if (all_ns <= 0)
		return;
	part = (double) ns * own_ns / (double) osp__op_ns(op) / all_ns;
	for (at = op; at != NULL; at = osp__op_below(f, at, op))
		if (at->timed == at)
			osp__claim_more(
				f,
				group,
				at,
				osp__ns_of((part < 1 ? part : 1) * (double) ready_ns(f, at)));
}

static void
claim_starvation(osp__findings *f, osp__op *op, int64_t ns)
{
	osp__group *group = osp__group_of(f, 0);

	if (group == NULL)
		return;
	osp__count_op(group, op);
	claim_part_below(f, group, op, ns);
	group->sums[SUM_CPU] += osp__op_fact(op, OSP__CPU);
	group->sums[SUM_OF] += osp__op_fact(op, OSP__CPU_OF);
	group->sums[SUM_PUT_OFF] += osp__op_fact(op, OSP__PUT_OFF);
}

/* Claims the missing time of statements. Statements inside another one are skipped,
 * because the outer one's figures include theirs. */
void
osp__look_starvation(osp__findings *f)
{
	size_t i;

	f->ops[0].handled = false;
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i];
		int64_t ns;

		op->handled = op->parent->handled;

		if (op->handled || op->kind != OSP__OP_PG ||
			osp__op_fact(op, OSP__CPU_OF) == 0 || osp__op_ns(op) <= 0)
			continue;
		ns = missing_ns(f, op);
		op->handled = ns > 0;
		if (ns > 0)
			claim_starvation(f, op, ns);
	}
}

void
osp__tell_starvation(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(
		&finding->cause,
		OSP_STR("The server was ready to work and waited for a CPU for "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(", because other processes had them."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_time(&finding->evidence, group->sums[SUM_CPU]);
	osp_buf_add_str(&finding->evidence, OSP_STR(" of CPU time in "));
	osp__say_time(&finding->evidence, group->sums[SUM_OF]);
	osp_buf_add_str(&finding->evidence, OSP_STR(", preempted "));
	osp__say_number(&finding->evidence, group->sums[SUM_PUT_OFF], "time");
	osp_buf_add_str(
		&finding->step,
		OSP_STR("See what else runs on the server's host, and whether its "
				"container has a CPU limit (nr_throttled in cpu.stat)."));
	osp_buf_reset(&f->scratch);
	osp__op_member(f, group->largest, NULL, "statement", &f->scratch);
	if (osp__makes_index(osp_buf_str(&f->scratch)))
		osp_buf_add_str(
			&finding->step,
			OSP_STR(" The other processes may be the statement's own workers, "
					"which are not recorded: "
					"max_parallel_maintenance_workers."));
	osp__add_figure(finding, "cpu_ms", (double) group->sums[SUM_CPU] / 1e6);
	osp__add_figure(finding, "of_ms", (double) group->sums[SUM_OF] / 1e6);
	osp__add_figure(finding, "put_off", (double) group->sums[SUM_PUT_OFF]);
}
