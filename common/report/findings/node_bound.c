/* SPDX-License-Identifier: Apache-2.0
 *
 * node_bound.c
 *	  How much of a node's time its rows and blocks can have taken.
 *
 * The time of a node includes that of the functions that its conditions and its columns
 * call, and a time that is estimated from the rows also includes the pauses of the
 * statement. Rules about rows must not explain these. The bounds are many times what
 * PostgreSQL needs, for slow and busy machines.
 */
#include "report/findings/calls.h"
#include "report/findings/expression.h"
#include "report/findings/findings.h"

/* A row whose columns are compared with values takes some 0.1 microseconds; a pattern, a
 * function or a value that has to be decompressed takes longer. */
#define ROW_NS         (INT64_C(1) * 1000)
#define COMPLEX_ROW_NS (INT64_C(30) * 1000)

/* An execution of a node, and a block in memory with all its rows, dead ones, too. */
#define LOOP_NS  (INT64_C(50) * 1000)
#define BLOCK_NS (INT64_C(50) * 1000)

/* If the query calls functions, these have the time beyond a smaller part of that. */
#define PART_BESIDE_CALLS 2

/* A block from the disk, if the time of reading was neither measured nor sampled. */
#define READ_NS (INT64_C(10) * 1000 * 1000)

static bool
is_bounded(osp__node_kind kind)
{
	switch (kind)
	{
		case OSP__NODE_SEQ_SCAN:
		case OSP__NODE_INDEX_SCAN:
		case OSP__NODE_INDEX_ONLY_SCAN:
		case OSP__NODE_BITMAP_HEAP_SCAN:
		case OSP__NODE_BITMAP_INDEX_SCAN:
		case OSP__NODE_NESTED_LOOP:
		case OSP__NODE_NESTED_LOOP_LEFT:
			return true;
		default:
			return false;
	}
}

/* Is it a comparison with =, <>, <, <=, > or >=? */
static bool
is_comparison(const char *symbol)
{
	return strspn(symbol, "=<>") == strlen(symbol);
}

/* Does converting a column to this type take no longer than comparing it? */
static bool
is_quick_type(osp_str type)
{
	static const char *const names[] = {"bigint",
										"bpchar",
										"character",
										"character varying",
										"date",
										"integer",
										"numeric",
										"smallint",
										"text",
										"varchar"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (osp_str_eq(type, osp_str_of(names[i])))
			return true;
	return false;
}

/* Is one step of the expression, without its operands, as quick as comparing a column
 * with a value? */
static bool
is_quick(const osp__expr *e)
{
	switch (e->kind)
	{
		case OSP__EXPR_VALUE:
		case OSP__EXPR_COLUMN:
		case OSP__EXPR_IS:
		case OSP__EXPR_IS_NOT:
		case OSP__EXPR_NOT:
		case OSP__EXPR_AND:
		case OSP__EXPR_OR:
			return true;
		case OSP__EXPR_CAST:
			return is_quick_type(e->name);
		case OSP__EXPR_OPERATOR:
			return is_comparison(e->symbol);
		default:
			return false;
	}
}

/* The longest time that a row can take with this condition. -1: there is no
 * bound. */
static int64_t
row_ns(osp_str condition)
{
	static const char subplan[] = "SubPlan";
	osp__expr_tree tree;
	unsigned i;

	if (condition.len == 0)
		return ROW_NS;
	if (memmem(condition.ptr, condition.len, subplan, sizeof(subplan) - 1) !=
		NULL)
		return -1;
	if (osp__expr_read(&tree, condition) == NULL)
		return COMPLEX_ROW_NS;
	for (i = 0; i < tree.count; i++)
		if (!is_quick(&tree.nodes[i]))
			return COMPLEX_ROW_NS;
	return ROW_NS;
}

/* The largest bound of a row among the conditions that the node checks itself. */
static int64_t
node_row_ns(osp__findings *f, const osp__op *op)
{
	static const char *const keys[] = {
		"filter", "join_filter", "recheck_cond", "index_cond"};
	int64_t most = ROW_NS;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		int64_t ns;

		osp_buf_reset(&f->scratch);
		osp__op_member(f, op, "node", keys[i], &f->scratch);
		ns = row_ns(osp_buf_str(&f->scratch));
		if (ns < 0)
			return ns;
		most = ns > most ? ns : most;
	}
	return most;
}

/* How long the statement may have read and written for its nodes, or waited for what
 * they share with other processes. */
static double
io_ns(const osp__findings *f, const osp__op *statement)
{
	double read = (double) osp__op_own_fact(f, statement, OSP__BLOCKS_READ);
	double measured = (double) osp__op_own_fact(f, statement, OSP__IO_READ) +
					  (double) osp__op_own_fact(f, statement, OSP__IO_WRITE);
	double waited = (double) osp__op_own_fact(f, statement, OSP__WAIT_ANY) -
					(double) osp__op_own_fact(f, statement, OSP__WAIT_LOCK) -
					(double) statement->apart_ns;
	double idle = (double) osp__op_fact(statement, OSP__CPU_OF) -
				  (double) osp__op_fact(statement, OSP__CPU) -
				  (double) statement->apart_ns;

	if (idle > read * READ_NS)
		idle = read * READ_NS;
	if (waited < measured)
		waited = measured;
	return waited > idle ? waited : idle;
}

static bool
calls_functions(osp__findings *f, const osp__op *statement)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, statement, NULL, "statement", &f->scratch);
	return osp__is_query_with_calls(osp_buf_str(&f->scratch));
}

/* The longer the time is beyond the bound, the less of it the rows took: it was
 * something else, and what the bound allows for slow machines did not apply. */
int64_t
osp__node_most_ns(osp__findings *f, const osp__op *op, int64_t ns)
{
	const osp__op *statement = op->timed;
	int64_t row = is_bounded(op->node_kind) ? node_row_ns(f, op) : -1;
	double most = osp__node_rows(f, op) * (double) row +
				  (double) osp__op_fact(op, OSP__LOOPS) * LOOP_NS;
	double blocks;
	double io;
	double over;

	/* Without the statement's usage nothing is known. Facts of its own are looked up
	 * only if they matter, because that takes a look at all inside it. */
	if (row < 0 || (double) ns <= most / PART_BESIDE_CALLS ||
		osp__op_fact(statement, OSP__CPU_OF) == 0)
		return ns;
	blocks = (double) osp__op_own_fact(f, statement, OSP__BLOCKS_HIT) +
			 (double) osp__op_own_fact(f, statement, OSP__BLOCKS_READ);
	if (blocks <= 0)
		return ns;
	most += blocks * BLOCK_NS;
	io = io_ns(f, statement);
	over = (double) ns - io;
	if (row == ROW_NS && over > most / PART_BESIDE_CALLS &&
		calls_functions(f, statement))
		most /= PART_BESIDE_CALLS;
	if (over <= most)
		return ns;
	return osp__ns_of(io + most * (most / over));
}
