/* SPDX-License-Identifier: Apache-2.0
 *
 * find_change.c
 *	  Rule: executions of one statement had different plans, and those with one of
 *	  them took far longer.
 *
 * The plan of an execution is known if its planning is in the trace. The time of the
 * cause is the time of the slow executions beyond the mean of those with the fastest
 * plan. Other values may need another plan, and more time with any plan. So an
 * execution counts only if it read rows in vain, or returned no more rows than the fast
 * ones did. The number of returned rows does not count if the plan aggregates them.
 */
#include "report/findings/plans/plans.h"

/* A slow execution takes this many times as long as the mean of the fast ones, and may
 * return this many times as many rows. */
#define SLOW_TIMES 5
#define ROWS_TIMES 2

/* The largest number of plans of a statement; further ones are ignored. */
#define PLANS_MAX 8

enum
{
	SUM_FAST_COUNT,
	SUM_FAST_NS, /* the mean of fast executions */
	SUM_SLOW_NS  /* sum over all slow executions */
};

/* The executions with the same plan. */
typedef struct planned
{
	int64_t count;
	int64_t own_ns;
	int64_t rows;
	osp__op *first;
} planned;

typedef struct statement
{
	uint64_t shape;
	planned plans[PLANS_MAX];
	int plan_count;
	const planned *fast; /* fastest by mean; NULL: only one plan */
	osp__op *generic;    /* last planning of a generic plan; NULL: none */
} statement;

static statement *
statement_of(osp__findings *f, osp__table *table, uint64_t shape)
{
	size_t pos = 0;
	statement *found;

	while ((found = osp__table_next(table, shape, &pos)) != NULL)
		if (found->shape == shape)
			return found;
	found = osp__arena_alloc(&f->arena, sizeof(*found));
	if (found == NULL || !osp__table_reserve(table, 1))
	{
		f->status = OSP_ENOMEM;
		return NULL;
	}
	memset(found, 0, sizeof(*found));
	found->shape = shape;
	osp__table_add(table, shape, found);
	return found;
}

/* The execution that a planning was for: the statement around it, or the next sibling
 * with the same text. NULL: it is not in the trace. */
static osp__op *
execution_of(const osp__findings *f, const osp__op *planning)
{
	osp__op *op = planning->parent;

	if (planning->shape != 0)
		op = osp__op_sibling(f, planning);
	if (op == NULL || op->kind != OSP__OP_PG)
		return NULL;
	return planning->shape == 0 || op->shape == planning->shape ? op : NULL;
}

static void
add_execution(statement *s, osp__op *op)
{
	planned *plan = s->plans;
	const planned *end = s->plans + s->plan_count;

	while (plan < end && plan->first->planning->plan != op->planning->plan)
		plan++;
	if (plan == end)
	{
		if (s->plan_count == PLANS_MAX)
			return;
		s->plan_count++;
		plan->first = op;
	}
	plan->count++;
	plan->own_ns += op->own_ns;
	plan->rows += osp__op_fact(op, OSP__ROWS);
}

/* Notes in each execution its own planning. */
static void
note_plannings(const osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = &f->ops[i];
		osp__op *execution = op->kind == OSP__OP_PLAN && op->plan != 0
								 ? execution_of(f, op)
								 : NULL;

		if (execution != NULL)
			execution->planning = op;
	}
}

/* Visits the next planning or execution. A generic plan is made once, and executed
 * often. */
static void
visit(osp__findings *f, osp__table *table, osp__op *op)
{
	bool planning = op->kind == OSP__OP_PLAN;
	statement *s;

	if (!op->generic && (planning || op->planning == NULL))
		return;
	s = statement_of(
		f, table, planning && op->shape == 0 ? op->parent->shape : op->shape);
	if (s == NULL)
		return;
	if (planning)
		s->generic = op;
	else if (op->planning == NULL)
		op->planning = s->generic;
	if (!planning && op->planning != NULL && !op->failed)
		add_execution(s, op);
}

static void
note_plans(osp__findings *f, osp__table *table)
{
	size_t i;

	note_plannings(f);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];

		if ((op->kind == OSP__OP_PLAN && op->plan != 0) ||
			(op->kind == OSP__OP_PG && op->shape != 0 &&
			 op->control == OSP__CONTROL_NONE))
			visit(f, table, op);
	}
}

static const planned *
fastest_plan(const statement *s)
{
	const planned *fast = NULL;
	const planned *plan = s->plans;

	if (s->plan_count < 2)
		return NULL;
	for (; plan < s->plans + s->plan_count; plan++)
		if (fast == NULL ||
			plan->own_ns / plan->count < fast->own_ns / fast->count)
			fast = plan;
	return fast;
}

/* Could op have been faster with another plan? Yes, if its plan reads rows in vain, or
 * returns all rows that it reads, and not many more than fast ones do. */
static bool
could_be_faster(osp__findings *f, const osp__op *op, const planned *fast)
{
	const osp__op *at = op;
	bool comparable =
		osp__op_fact(op, OSP__ROWS) <= ROWS_TIMES * (fast->rows / fast->count);
	bool nodes = false;

	while ((at = osp__op_next_node(f, at, op)) != NULL)
	{
		nodes = true;
		if (osp__reads_in_vain(f, at))
			return true;
		if (at->node_kind == OSP__NODE_AGGREGATE ||
			at->node_kind == OSP__NODE_GROUP)
			comparable = false;
	}
	return nodes && comparable;
}

/* Claims the time of op beyond the mean of the fast executions, if its plan is to
 * blame. */
static void
claim_slow(osp__findings *f, const statement *s, osp__op *op)
{
	const planned *fast = s->fast;
	int64_t mean_ns = fast->own_ns / fast->count;
	int64_t slow_ns = op->left_ns;
	osp__group *group;

	if (op->planning->plan == fast->first->planning->plan || op->failed ||
		slow_ns / SLOW_TIMES < mean_ns || !could_be_faster(f, op, fast))
		return;
	group = osp__group_of(f, op->shape);
	osp__claim_time(f, group, op, slow_ns - mean_ns);
	if (group == NULL)
		return;
	group->first = fast->first;
	group->sums[SUM_FAST_COUNT] = fast->count;
	group->sums[SUM_FAST_NS] = mean_ns;
	group->sums[SUM_SLOW_NS] += slow_ns;
}

void
osp__look_plan_changes(osp__findings *f)
{
	osp__table table;
	size_t i;

	osp__table_init(&table, f->report->alc);
	note_plans(f, &table);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		statement *s;

		if (op->kind != OSP__OP_PG || op->planning == NULL || op->shape == 0)
			continue;
		s = statement_of(f, &table, op->shape);
		if (s != NULL && s->fast == NULL)
			s->fast = fastest_plan(s);
		if (s != NULL && s->fast != NULL)
			claim_slow(f, s, op);
	}
	osp__table_term(&table);
}

/* Appends "(custom, expected to cost 8: Index Scan on account)". The nodes of a plan
 * are known only if the statement took long. */
static void
say_plan(osp__findings *f, const osp__op *op, osp_buf *out)
{
	const osp__op *at = op;
	const char *before = ": ";

	osp_buf_add_str(out, OSP_STR(" ("));
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "plan", "kind", &f->scratch);
	if (f->scratch.len > 0)
		osp_buf_addf(out, "%s, ", f->scratch.ptr);
	osp_buf_add_str(out, OSP_STR("expected to cost "));
	osp__say_count(out, osp__op_fact(op->planning, OSP__PLAN_COST));
	while ((at = osp__op_next_node(f, at, op)) != NULL)
		if (!at->in_worker)
		{
			osp_buf_add_str(out, osp_str_of(before));
			osp__say_op(f, at, out);
			before = ", ";
		}
	osp_buf_add_char(out, ')');
}

/* Appends "3 executions took 85 ms on average". */
static void
say_executions(osp_buf *out, int64_t count, int64_t mean_ns)
{
	osp__say_number(out, count, "execution");
	osp_buf_add_str(out, OSP_STR(" took "));
	osp__say_time(out, mean_ns);
	if (count > 1)
		osp_buf_add_str(out, OSP_STR(" on average"));
}

/* The next step, which is safe to try, for this kind of slow plan. */
static const char *
change_step(const osp__op *slow, const osp__op *fast)
{
	if (slow->generic)
		return "Compare with SET plan_cache_mode = force_custom_plan in the "
			   "session that runs this statement: it is planned for its values "
			   "each time then.";
	if (fast->generic)
		return "Compare with SET plan_cache_mode = force_generic_plan in the "
			   "session that runs this statement: it keeps the plan for any "
			   "values then.";
	return "ANALYZE its tables, and compare EXPLAIN with the values of both. An "
		   "index, a setting or the statistics may have changed between them.";
}

void
osp__tell_plan_changes(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t slow = (int64_t) group->count;
	int64_t slow_ns = group->sums[SUM_SLOW_NS] / slow;
	int64_t fast = group->sums[SUM_FAST_COUNT];
	int64_t fast_ns = group->sums[SUM_FAST_NS];

	osp_buf_add_str(&finding->cause,
					OSP_STR("A statement was executed with different plans: "));
	say_executions(&finding->cause, slow, slow_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" with one"));
	say_plan(f, group->largest, &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(", "));
	say_executions(&finding->cause, fast, fast_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" with another"));
	say_plan(f, group->first, &finding->cause);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->step,
					osp_str_of(change_step(group->largest, group->first)));
	osp__add_figure(finding, "slow_executions", (double) slow);
	osp__add_figure(finding, "slow_ms", (double) slow_ns / 1e6);
	osp__add_figure(finding, "fast_executions", (double) fast);
	osp__add_figure(finding, "fast_ms", (double) fast_ns / 1e6);
}
