/* SPDX-License-Identifier: Apache-2.0
 *
 * find_blocks.c
 *	  Computes how many blocks the nodes of a plan can have needed. Blocks beyond that
 *	  were read because of dead rows or long values.
 */
#include "report/findings/findings.h"

/* The largest number of blocks from the root of an index to a leaf. */
#define INDEX_DEPTH 8

/* The largest number of blocks for a changed row: those of the table, its
 * indexes, and their free space maps. */
#define BLOCKS_OF_CHANGE 64

/* More than any table has; counts are bounded by it, so that sums do not overflow. */
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

/* The blocks of the table in this many scans. The processes of a parallel scan
 * read the table once, together. If the size of the table is not recorded, it
 * is estimated from its statistics, and from the rows, because it may have
 * grown since. */
static double
table_blocks(const osp__op *op, double scans)
{
	double rows = fact_of(op, OSP__ROWS) + fact_of(op, OSP__REMOVED);
	double blocks = fact_of(op, OSP__RELATION_BLOCKS);
	double pages = fact_of(op, OSP__RELATION_PAGES);
	double known = fact_of(op, OSP__RELATION_ROWS);

	if (blocks > 0)
		return scans * blocks;
	if (pages == 0 || known == 0)
		return -1;
	return scans * pages + rows * pages / known;
}

/* The rows that a node got from the nodes below it. */
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
			return table_blocks(op, op->parallel ? 1 : loops);
		case OSP__NODE_INDEX_ONLY_SCAN:
			return loops * INDEX_DEPTH + 2 * (double) osp__node_rows_met(op) +
				   fact_of(op, OSP__HEAP_FETCHES);
		case OSP__NODE_INDEX_SCAN:
		case OSP__NODE_BITMAP_HEAP_SCAN:
		case OSP__NODE_BITMAP_INDEX_SCAN:
			return loops * INDEX_DEPTH + 2 * (double) osp__node_rows_met(op);
		case OSP__NODE_LOCK_ROWS:
			return 2 * rows_below(f, op);
		case OSP__NODE_MODIFY:
			return BLOCKS_OF_CHANGE * rows_below(f, op);
		case OSP__NODE_FUNCTION_SCAN:
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
