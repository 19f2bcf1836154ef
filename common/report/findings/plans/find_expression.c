/* SPDX-License-Identifier: Apache-2.0
 *
 * find_expression.c
 *	  Rule: a statement spent its time on computing functions, operators, or the code of
 *	  DO and CALL.
 *
 * The time of functions is not measured, unless they are recorded as operations, which
 * then have that time. But reading, comparing and sorting rows takes a few microseconds
 * for each row and block at most. If the CPU worked far longer, it computed something
 * from the rows. Statements that change rows are left out, because their indexes may
 * take as long.
 */
#include "report/findings/calls.h"
#include "report/findings/plans/plans.h"

#include "sql/sql_text.h"

/* More time than PostgreSQL needs for a row of a node, for each execution of a node,
 * and for a block, all of whose entries an index may read. */
#define ROW_NS   (INT64_C(10) * 1000)
#define LOOP_NS  (INT64_C(50) * 1000)
#define BLOCK_NS (INT64_C(50) * 1000)

/* The rule applies if the CPU worked at least this many times as long as
 * reading the rows can have taken. For a query that calls functions, once as
 * long is enough. */
#define TIMES 3

/* Shorter statements have no CPU time recorded, or no plan nodes. */
#define CPU_MIN_NS (INT64_C(10) * 1000000)

/* How many levels up a statement with a recorded CPU time is searched. */
#define LEVELS_MAX 64

#define SUM_ROWS 0

typedef struct work
{
	int64_t cpu_ns;
	int64_t rows; /* rows of the node that met the most */
	bool known;   /* all work on the rows is known */
} work;

/* The statement whose CPU time is recorded: op, or one around it. NULL: there is none
 * nearby. */
static const osp__op *
measured_by(const osp__op *op)
{
	int i;

	for (i = 0; i < LEVELS_MAX && op->kind != OSP__OP_TRACE; i++)
	{
		if (op->kind == OSP__OP_PG && osp__op_fact(op, OSP__CPU_OF) > 0)
			return op;
		op = op->parent;
	}
	return NULL;
}

/* How long a statement had no CPU. If its CPU time was measured in a part of the
 * statement only, the rest is taken to be like that part. If its sampled waits are
 * longer, they count. */
static int64_t
idle_ns(const osp__op *measured)
{
	int64_t of_ns = osp__op_fact(measured, OSP__CPU_OF);
	int64_t ns = of_ns - osp__op_fact(measured, OSP__CPU);
	int64_t waited_ns = osp__op_fact(measured, OSP__WAIT_ANY);

	if (osp__op_fact(measured, OSP__ACTIVE) == 0 &&
		osp__op_ns(measured) > of_ns)
		ns = osp__ns_of((double) ns * (double) osp__op_ns(measured) /
						(double) of_ns);
	return ns > waited_ns ? ns : waited_ns;
}

/* The shortest CPU time of a statement itself: any time without a CPU may
 * belong to its own time. */
static int64_t
own_cpu_ns(const osp__findings *f, const osp__op *op)
{
	const osp__op *measured = measured_by(op);
	int64_t ns;

	if (measured == NULL)
		return 0;
	ns = idle_ns(measured);
	return op->own_ns - (ns > 0 ? ns : 0) - osp__op_own_fact(f, op, OSP__JIT);
}

static work
work_of(osp__findings *f, const osp__op *op)
{
	const osp__op *at = op;
	work w = {own_cpu_ns(f, op), 0, false};

	if (w.cpu_ns < CPU_MIN_NS || osp__op_fact(op, OSP__TRUNCATED) > 0)
		return w;
	while ((at = osp__op_next_node(f, at, op)) != NULL)
	{
		int64_t met = osp__node_rows_met(at);

		w.known = true;
		w.rows = met > w.rows ? met : w.rows;
		if (at->node_kind == OSP__NODE_MODIFY)
			return (work){0, 0, false};
	}
	if (!w.known)
	{
		osp_buf_reset(&f->scratch);
		osp__op_member(f, op, NULL, "statement", &f->scratch);
		w.known = osp__is_code(osp_buf_str(&f->scratch));
	}
	return w;
}

/* The longest time that reading and comparing the rows can have taken. */
static double
reading_ns(const osp__findings *f, const osp__op *op)
{
	double blocks = (double) osp__op_own_fact(f, op, OSP__BLOCKS_HIT) +
					(double) osp__op_own_fact(f, op, OSP__BLOCKS_READ);

	return op->node_rows * ROW_NS + op->node_loops * LOOP_NS +
		   blocks * BLOCK_NS;
}

/* How many times as long as reading the rows the CPU must have worked. */
static double
times_of(osp__findings *f, const osp__op *op)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	return osp__is_query_with_calls(osp_buf_str(&f->scratch)) ? 1 : TIMES;
}

void
osp__look_expressions(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		work w;

		if (op->kind != OSP__OP_PG || op->left_ns < CPU_MIN_NS || op->failed ||
			op->node->elapsed_ns < 0)
			continue;
		w = work_of(f, op);
		if (!w.known || (double) w.cpu_ns < times_of(f, op) * reading_ns(f, op))
			continue;
		group = osp__group_of(f, op->shape);
		osp__claim_time(
			f, group, op, w.cpu_ns < op->left_ns ? w.cpu_ns : op->left_ns);
		if (group != NULL)
			group->sums[SUM_ROWS] += w.rows;
	}
}

/* ---- the sentences ---- */

static void
say_what(const osp__group *group, osp_str statement, osp_buf *out)
{
	osp__calls calls = osp__calls_in(statement);

	if (group->sums[SUM_ROWS] == 0 && osp__is_code(statement))
		osp_buf_add_str(
			out, OSP_STR("Code that the statement runs, not its queries,"));
	else if (calls.count == 0)
		osp_buf_add_str(out, OSP_STR("What the statement computes"));
	else
	{
		osp_buf_add_str(out, OSP_STR("What the statement computes, with "));
		osp__say_calls(&calls, out);
		osp_buf_add_char(out, ',');
	}
}

/* Appends how to find out which function takes long. */
static void
say_step(osp__findings *f, const osp__group *group, osp_buf *step)
{
	osp_str text;

	osp_buf_reset(&f->scratch);
	osp__op_member(f, group->largest, NULL, "statement", &f->scratch);
	text = osp_buf_str(&f->scratch);
	if (osp__records_functions(f))
		osp_buf_add_str(step,
						OSP_STR("Functions in C and SQL, which the trace does "
								"not have, and operators take it: compare "
								"with the statement without them."));
	else if (osp__own_calls_in(text).count > 0 || osp__is_code(text))
		osp_buf_add_str(step, OSP_STR(OSP__MEASURE_FUNCTIONS "."));
	else if (osp__calls_in(text).count > 0)
		osp_buf_add_str(
			step,
			OSP_STR("Functions in C and SQL are recorded by no kind of "
					"operation: compare with the statement "
					"without them."));
	else
		osp_buf_add_str(
			step,
			OSP_STR(
				"If it reads a view that calls functions: " OSP__MEASURE_FUNCTIONS
				"."));
}

void
osp__tell_expressions(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t rows = group->sums[SUM_ROWS];

	osp_buf_reset(&f->scratch);
	osp__op_member(f, group->largest, NULL, "statement", &f->scratch);
	say_what(group, osp_buf_str(&f->scratch), &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" of the processor"));
	if (rows > 1)
	{
		osp_buf_add_str(&finding->cause, OSP_STR(": "));
		osp__say_time(&finding->cause, group->spent_ns / rows);
		osp_buf_add_str(&finding->cause, OSP_STR(" for each of "));
		osp__say_number(&finding->cause, rows, "row");
		osp_buf_add_str(&finding->cause,
						OSP_STR(", of which reading takes the least"));
	}
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	say_step(f, group, &finding->step);
	if (rows > 1)
		osp_buf_add_str(
			&finding->step,
			OSP_STR(" Have it computed for fewer rows: with other conditions, "
					"or an index for them, that leave out rows before, or once "
					"when a row is written (a generated column, an index on "
					"the expression)."));
	osp__add_figure(finding, "rows", (double) rows);
}
