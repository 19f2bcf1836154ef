/* SPDX-License-Identifier: Apache-2.0
 *
 * find_blocks.c
 *	  How many blocks the nodes of a plan can have needed. What was read beyond that
 *	  are dead rows or long values.
 */
#include "report/findings/findings.h"

/* From the root of an index to a leaf. */
#define INDEX_DEPTH 8

/* For a row that is changed: the table, its indexes, their free space maps. */
#define BLOCKS_OF_CHANGE 64

static const struct
{
	const char *type;
	osp__node_kind kind;
} kinds[] = {
	{"Seq Scan", OSP__NODE_SEQ_SCAN},
	{"Index Scan", OSP__NODE_INDEX_SCAN},
	{"Index Only Scan", OSP__NODE_INDEX_ONLY_SCAN},
	{"Bitmap Heap Scan", OSP__NODE_BITMAP_HEAP_SCAN},
	{"Bitmap Index Scan", OSP__NODE_BITMAP_INDEX_SCAN},
	{"BitmapAnd", OSP__NODE_BITMAP_AND},
	{"BitmapOr", OSP__NODE_BITMAP_OR},
	{"LockRows", OSP__NODE_LOCK_ROWS},
	{"Insert", OSP__NODE_MODIFY},
	{"Update", OSP__NODE_MODIFY},
	{"Delete", OSP__NODE_MODIFY},
	{"Merge", OSP__NODE_MODIFY},
	{"ModifyTable", OSP__NODE_MODIFY},
	/* What these hand on comes from nodes that read it, or from no table. */
	{"Subquery Scan", OSP__NODE_OTHER},
	{"CTE Scan", OSP__NODE_OTHER},
	{"WorkTable Scan", OSP__NODE_OTHER},
	{"Values Scan", OSP__NODE_OTHER},
	{"Named Tuplestore Scan", OSP__NODE_OTHER},
};

/* Cuts off the word "Parallel" in front. */
static bool
is_parallel(osp_str *type)
{
	const osp_str word = OSP_STR("Parallel ");

	if (type->len <= word.len || memcmp(type->ptr, word.ptr, word.len) != 0)
		return false;
	type->ptr += word.len;
	type->len -= word.len;
	return true;
}

static void
cut_direction(osp_str *type)
{
	const osp_str word = OSP_STR(" Backward");

	if (type->len > word.len &&
		memcmp(type->ptr + type->len - word.len, word.ptr, word.len) == 0)
		type->len -= word.len;
}

osp__node_kind
osp__node_kind_of(osp_str type)
{
	bool parallel = is_parallel(&type);
	size_t i;

	cut_direction(&type);
	if (parallel && osp_str_eq(type, OSP_STR("Seq Scan")))
		return OSP__NODE_PARALLEL_SEQ_SCAN;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (osp_str_eq(type, osp_str_of(kinds[i].type)))
			return kinds[i].kind;
	return memmem(type.ptr, type.len, "Scan", 4) != NULL
			   ? OSP__NODE_UNKNOWN_SCAN
			   : OSP__NODE_OTHER;
}

/* More than any table has, so that sums do not overflow. */
#define COUNT_MAX 1e12

int64_t
osp__bounded_count(double count)
{
	return count < COUNT_MAX ? (int64_t) count : (int64_t) COUNT_MAX;
}

static double
fact_of(const osp__op *op, osp__fact fact)
{
	return (double) osp__op_fact(op, fact);
}

int64_t
osp__node_rows_met(const osp__op *op)
{
	return osp__bounded_count(fact_of(op, OSP__ROWS) +
							  fact_of(op, OSP__REMOVED) +
							  fact_of(op, OSP__RECHECK_REMOVED));
}

/* The processes of a parallel scan read the table once, together. The table may have
 * grown since its statistics were made. */
static double
table_blocks(const osp__op *op, double scans)
{
	double rows = fact_of(op, OSP__ROWS) + fact_of(op, OSP__REMOVED);
	double pages = fact_of(op, OSP__RELATION_PAGES);
	double known = fact_of(op, OSP__RELATION_ROWS);

	if (pages == 0 || known == 0)
		return -1;
	return scans * pages + rows * pages / known;
}

/* The rows that a node got from those below it. */
static double
rows_below(const osp__findings *f, const osp__op *op)
{
	const osp__op *child = osp__op_child(f, op);
	double rows = 0;

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE)
			rows += fact_of(child, OSP__ROWS);
	return rows;
}

static double
blocks_needed(const osp__findings *f, const osp__op *op)
{
	double loops = fact_of(op, OSP__LOOPS);

	if (loops == 0)
		return 0;
	switch (op->node_kind)
	{
		case OSP__NODE_SEQ_SCAN:
			return table_blocks(op, loops);
		case OSP__NODE_PARALLEL_SEQ_SCAN:
			return table_blocks(op, 1);
		case OSP__NODE_INDEX_SCAN:
		case OSP__NODE_INDEX_ONLY_SCAN:
		case OSP__NODE_BITMAP_HEAP_SCAN:
		case OSP__NODE_BITMAP_INDEX_SCAN:
			return loops * INDEX_DEPTH + 2 * (double) osp__node_rows_met(op);
		case OSP__NODE_LOCK_ROWS:
			return 2 * rows_below(f, op);
		case OSP__NODE_MODIFY:
			return BLOCKS_OF_CHANGE * rows_below(f, op);
		case OSP__NODE_UNKNOWN_SCAN:
			return -1;
		default:
			return 0;
	}
}

int64_t
osp__node_blocks_needed(const osp__findings *f, const osp__op *op)
{
	return osp__bounded_count(blocks_needed(f, op));
}
