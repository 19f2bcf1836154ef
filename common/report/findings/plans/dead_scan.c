/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_scan.c
 *	  Computes how many pages a scan read, and whether that was far more than its rows
 *	  can fill.
 *
 * If nodes were timed, the number of blocks that a scan read is known. Otherwise it is
 * the number that the statement read beyond what its other nodes can have needed.
 *
 * A scan also reads the long values that its table keeps in a TOAST table. A sequential
 * scan that read no more pages than the table has read none of them. An index scan of a
 * table with a TOAST table may have read dead rows or long values.
 */
#include "report/findings/plans/dead_scan.h"

#define BLOCKS_MIN 1000

/* Full pages have at least one row, or ROWS_OF_BLOCK in a table of short rows. A scan
 * reads too much if half of its pages would be enough. */
#define BLOCKS_OF_ROW 2
#define ROWS_OF_BLOCK 4

/* An index scan reads too much if it reads this many times what it can need. */
#define INDEX_TIMES 10

/* An index has many dead entries if a scan finds this many for each living row. */
#define FOUND_TIMES 10

/* An index page has more entries than this. */
#define ENTRIES_OF_PAGE 100

/* If a scan read this many times the pages in the statistics, the table has not just
 * grown: long values were read, or functions read. TOAST_TIMES is for an index scan,
 * including the pages of its index. */
#define GROWTH_TIMES 10
#define TOAST_TIMES  3

/* How many levels up a node that may end a scan early is searched. */
#define LEVELS_MAX 16

/* The blocks that a node read itself, by its counters. The blocks read to make a scan's
 * bitmap are the scan's own. */
static int64_t
counted_blocks(const osp__findings *f, const osp__op *op)
{
	double blocks = (double) osp__op_fact(op, OSP__NODE_BLOCKS);
	const osp__op *child = osp__op_child(f, op);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE && !osp__is_bitmap(child))
			blocks -= (double) osp__op_fact(child, OSP__NODE_BLOCKS);
	return blocks > 0 ? osp__bounded_count(blocks) : 0;
}

/* The blocks that a node read itself, or, if they were not counted, the blocks that it
 * can have needed; -1: unknown. */
static int64_t
used_blocks(const osp__findings *f, const osp__op *op)
{
	if (!op->timed->timed_nodes)
		return osp__node_blocks_needed(f, op);
	return osp__is_bitmap(op) ? 0 : counted_blocks(f, op);
}

/* Sums over the nodes below a bitmap scan, which make its bitmap. */
typedef struct bitmap
{
	int64_t blocks; /* blocks that these nodes read, or can have needed */
	int64_t found;  /* rows found in indexes */
	double rows;    /* rows that these nodes worked on */
	bool whole;     /* the bitmap has all rows that were found */
} bitmap;

static bitmap
bitmap_of(const osp__findings *f, const osp__op *scan)
{
	const osp__op *at = osp__op_child(f, scan);
	bitmap sum = {0, 0, 0, true};

	while (at != NULL)
	{
		if (at->kind != OSP__OP_NODE || !osp__is_bitmap(at))
		{
			at = osp__op_beside(f, at, scan);
			continue;
		}
		sum.blocks += used_blocks(f, at);
		sum.rows += osp__node_rows(f, at);
		if (at->node_kind == OSP__NODE_BITMAP_INDEX_SCAN)
			sum.found += osp__node_rows_met(at);
		sum.whole = sum.whole && at->node_kind != OSP__NODE_BITMAP_AND;
		at = osp__op_below(f, at, scan);
	}
	return sum;
}

/* The blocks that a statement read itself, without its planning. */
static int64_t
blocks_of(const osp__findings *f, const osp__op *statement, osp__fact fact)
{
	double blocks = (double) osp__op_own_fact(f, statement, fact);
	const osp__op *child = osp__op_child(f, statement);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_PLAN)
			blocks -= (double) osp__op_fact(child, fact);
	return blocks > 0 ? osp__bounded_count(blocks) : 0;
}

bool
osp__read_blocks(const osp__findings *f, osp__op *statement, osp__reading *r)
{
	const osp__op *at = statement;

	memset(r, 0, sizeof(*r));
	r->statement = statement;
	if (osp__op_fact(statement, OSP__BLOCKS_HIT) < BLOCKS_MIN / 2 &&
		osp__op_fact(statement, OSP__BLOCKS_READ) < BLOCKS_MIN / 2)
		return false;
	r->cold = blocks_of(f, statement, OSP__BLOCKS_READ);
	r->blocks = blocks_of(f, statement, OSP__BLOCKS_HIT) + r->cold;
	if (r->blocks < BLOCKS_MIN)
		return false;
	while ((at = osp__op_next_node(f, at, statement)) != NULL)
	{
		int64_t used = used_blocks(f, at);

		if (used < 0)
			r->unknown++;
		else
			r->nodes += used;
	}
	return true;
}

bool
osp__passes_dead_entries(const osp__op *op)
{
	int64_t fetches = osp__op_fact(op, OSP__HEAP_FETCHES);

	return op->node_kind == OSP__NODE_INDEX_ONLY_SCAN &&
		   osp__visits_table(op) &&
		   osp__node_rows_met(op) < fetches / FOUND_TIMES;
}

/* How many blocks a scan read at least, including its bitmap. */
static int64_t
scan_blocks(const osp__findings *f, const osp__reading *r, const osp__op *scan)
{
	int64_t used = used_blocks(f, scan);
	int64_t blocks = r->blocks - r->nodes + bitmap_of(f, scan).blocks;

	if (r->unknown > (used < 0))
		return 0;
	if (used > 0)
		blocks += used;
	if (scan->timed->timed_nodes && used < blocks)
		blocks = used;
	return blocks;
}

/* How a node reads the nodes below it. */
typedef enum read_mode
{
	READS_ALL,
	READS_ON_DEMAND, /* only when the node above asks for rows */
	MAY_STOP
} read_mode;

static read_mode
read_mode_of(const osp__op *node)
{
	switch (node->node_kind)
	{
		case OSP__NODE_LIMIT:
		case OSP__NODE_EXISTS_JOIN:
		case OSP__NODE_MERGE_JOIN:
		case OSP__NODE_WINDOW:
			return MAY_STOP;
		case OSP__NODE_SORT:
		case OSP__NODE_HASH:
		case OSP__NODE_AGGREGATE:
		case OSP__NODE_HASH_AGGREGATE:
			return READS_ALL;
		default:
			return READS_ON_DEMAND;
	}
}

/* Can the scan have ended before it had read everything? */
static bool
may_have_stopped(const osp__op *scan)
{
	const osp__op *at = scan;
	int i;

	for (i = 0; i < LEVELS_MAX; i++)
	{
		read_mode above;

		if (at->subplan)
			return true;
		at = at->parent;
		if (at->kind != OSP__OP_NODE)
			return false;
		above = read_mode_of(at);
		if (above != READS_ON_DEMAND)
			return above == MAY_STOP;
	}
	return true;
}

/* How many pages a scan reads if it reads its whole table each time; 0: unknown. */
static int64_t
whole_table(const osp__op *op, osp__fact size)
{
	double scans = op->parallel ? 1 : (double) osp__op_fact(op, OSP__LOOPS);

	return osp__bounded_count(scans * (double) osp__op_fact(op, size));
}

/* Could the rows fit into half of the pages? In a table of short rows, more rows fit
 * into a page, if all pages are pages of the table. */
static bool
are_too_many(const osp__dead_scan *dead)
{
	int64_t rows = osp__node_rows_met(dead->op);

	if (dead->certain && dead->op->short_rows)
		return rows / ROWS_OF_BLOCK < dead->pages / 2;
	return rows < dead->pages / BLOCKS_OF_ROW;
}

static bool
is_dead_table(osp__dead_scan *dead)
{
	const osp__op *op = dead->op;
	int64_t pages = whole_table(op, OSP__RELATION_BLOCKS);
	bool stopped = may_have_stopped(op);

	if (pages > 0 && dead->pages > pages)
		dead->pages = pages;
	dead->certain = op->no_toast || (pages > 0 && !stopped);
	if (pages == 0)
	{
		pages = whole_table(op, OSP__RELATION_PAGES);
		if (pages > 0 && dead->pages / GROWTH_TIMES > pages)
			return false;
		dead->certain =
			op->no_toast ||
			(pages > 0 && dead->pages - pages <= pages / 5 && !stopped);
	}
	return dead->pages >= BLOCKS_MIN && are_too_many(dead);
}

static bool
is_dead_index(osp__findings *f, const osp__reading *r, osp__dead_scan *dead)
{
	const osp__op *op = dead->op;
	bool has_toast = op->node_kind == OSP__NODE_INDEX_SCAN && !op->no_toast;
	int64_t pages = osp__op_fact(op, OSP__RELATION_PAGES);

	if (dead->pages / INDEX_TIMES <= osp__node_blocks_needed(f, op) ||
		osp__visits_table(op) ||
		(has_toast && pages > 0 && r->cold / TOAST_TIMES > pages) ||
		!osp__reads_one_range(f, op))
		return false;
	dead->certain = !has_toast;
	return true;
}

/* Is it a bitmap scan that found mostly dead rows? An index finds dead rows, too; the
 * scan sees only in the table which rows live. */
static bool
is_dead_bitmap(osp__findings *f, osp__dead_scan *dead)
{
	const osp__op *op = dead->op;
	int64_t met = osp__node_rows_met(op);
	bitmap map = bitmap_of(f, op);
	int64_t pages = dead->pages - map.found / ENTRIES_OF_PAGE;

	dead->certain = true;
	return map.whole && pages >= BLOCKS_MIN && met < pages / BLOCKS_OF_ROW &&
		   met < map.found / FOUND_TIMES && !may_have_stopped(op);
}

bool
osp__is_dead(osp__findings *f, const osp__reading *r, osp__dead_scan *dead)
{
	dead->pages = 0;
	if (osp__op_fact(dead->op, OSP__LOOPS) == 0 || dead->op->claimed)
		return false;
	switch (dead->op->node_kind)
	{
		case OSP__NODE_SEQ_SCAN:
			dead->pages = scan_blocks(f, r, dead->op);
			return is_dead_table(dead);
		case OSP__NODE_INDEX_SCAN:
		case OSP__NODE_INDEX_ONLY_SCAN:
			dead->pages = scan_blocks(f, r, dead->op);
			return dead->pages >= BLOCKS_MIN && is_dead_index(f, r, dead);
		case OSP__NODE_BITMAP_HEAP_SCAN:
			dead->pages = scan_blocks(f, r, dead->op);
			return dead->pages >= BLOCKS_MIN && is_dead_bitmap(f, dead);
		default:
			return false;
	}
}

double
osp__dead_scan_rows(const osp__findings *f, const osp__op *scan)
{
	return osp__node_rows(f, scan) + bitmap_of(f, scan).rows;
}
