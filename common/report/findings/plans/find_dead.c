/* SPDX-License-Identifier: Apache-2.0
 *
 * find_dead.c
 *	  Rule: a scan read far more pages than the rows that it met can fill, because most
 *	  of them hold dead rows, or nothing.
 *
 * How many blocks a scan read is known where nodes were timed. Elsewhere it is what the
 * statement read beyond what its other nodes can have needed. Two scans of different
 * tables that could both have read them are not told apart, and nothing is said.
 *
 * A scan also reads the long values that its table keeps in a TOAST table. A sequential
 * scan that read no more pages than the table has did not read these. An index scan of a
 * table with a TOAST table may have read either, and the text says so.
 */
#include "report/findings/plans/plans.h"

#define BLOCKS_MIN 1000

/* A full page holds a row: longer ones are moved to the TOAST table. */
#define BLOCKS_OF_ROW 2

/* An index scan reads so many times what it can need. */
#define INDEX_TIMES 10

/* So many entries in an index, for each row that lives. */
#define FOUND_TIMES 10

/* A page of an index has more entries than this. */
#define ENTRIES_OF_PAGE 100

/* Times the pages that its statistics say: more is no growth, but long values, or what
 * functions read. Of an index scan with what its index has. */
#define GROWTH_TIMES 10
#define TOAST_TIMES  3

/* Reading a page of dead rows takes as long as handing on so many rows, or longer. */
#define ROWS_OF_PAGE 20

/* How far up a node that ends a scan early is looked for. */
#define LEVELS_MAX 16

#define KB_OF_PAGE 8

enum
{
	SUM_PAGES,
	SUM_ROWS,
	SUM_LOOPS,
	SUM_UNCERTAIN /* scans that may have read long values */
};

/* A statement, and the blocks that it and its nodes read. */
typedef struct reading
{
	osp__op *statement;
	int64_t blocks;
	int64_t cold;    /* of them, not in PostgreSQL's buffers */
	int64_t nodes;   /* what its nodes used, or can have needed */
	int64_t unknown; /* nodes of which that is not known */
} reading;

/* A scan that read too much. */
typedef struct dead_scan
{
	osp__op *op;
	int64_t pages;
	bool certain;
} dead_scan;

static bool
is_bitmap(const osp__op *op)
{
	return op->node_kind == OSP__NODE_BITMAP_INDEX_SCAN ||
		   op->node_kind == OSP__NODE_BITMAP_AND ||
		   op->node_kind == OSP__NODE_BITMAP_OR;
}

static bool
is_parallel(const osp__op *op)
{
	return op->node_kind == OSP__NODE_PARALLEL_SEQ_SCAN;
}

/* The blocks that a node was counted to read by itself. What it reads to make a bitmap is
 * its own. */
static int64_t
counted_blocks(const osp__findings *f, const osp__op *op)
{
	double blocks = (double) osp__op_fact(op, OSP__NODE_BLOCKS);
	const osp__op *child = osp__op_child(f, op);

	for (; child != NULL; child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE && !is_bitmap(child))
			blocks -= (double) osp__op_fact(child, OSP__NODE_BLOCKS);
	return blocks > 0 ? osp__bounded_count(blocks) : 0;
}

/* The same, or what it can have needed where that was not counted; -1: unknown. */
static int64_t
used_blocks(const osp__findings *f, const osp__op *op)
{
	if (!op->timed->timed_nodes)
		return osp__node_blocks_needed(f, op);
	return is_bitmap(op) ? 0 : counted_blocks(f, op);
}

/* The bitmap of a scan. */
typedef struct bitmap
{
	int64_t blocks; /* that its nodes used, or can have needed */
	int64_t found;  /* rows, in indexes */
	double rows;    /* that its nodes had to do with */
	bool whole;     /* it has all that were found */
} bitmap;

static bitmap
bitmap_of(const osp__findings *f, const osp__op *scan)
{
	const osp__op *at = osp__op_child(f, scan);
	bitmap sum = {0, 0, 0, true};

	while (at != NULL)
	{
		if (at->kind != OSP__OP_NODE || !is_bitmap(at))
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

/* What a statement itself read, without its planning. */
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

/* False: it read too little to be looked at. */
static bool
read_statement(const osp__findings *f, osp__op *statement, reading *r)
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

/* How many blocks a scan read, at least; with its bitmap. */
static int64_t
scan_blocks(const osp__findings *f, const reading *r, const osp__op *scan)
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

static bool
has_word(osp_str type, const char *word)
{
	return memmem(type.ptr, type.len, word, strlen(word)) != NULL;
}

/* How a node reads what is below it. */
typedef enum read_mode
{
	READS_ALL,
	READS_ON_DEMAND, /* as the node above asks for rows */
	MAY_STOP
} read_mode;

static read_mode
read_mode_of(osp__findings *f, const osp__op *node)
{
	osp_str type;

	osp_buf_reset(&f->scratch);
	osp__op_member(f, node, "node", "type", &f->scratch);
	type = osp_buf_str(&f->scratch);
	if (osp_str_eq(type, OSP_STR("Limit")) || has_word(type, "Semi Join") ||
		has_word(type, "Anti Join") || osp_str_eq(type, OSP_STR("WindowAgg")) ||
		(has_word(type, "Merge ") && has_word(type, "Join")))
		return MAY_STOP;
	if (osp_str_eq(type, OSP_STR("Sort")) ||
		osp_str_eq(type, OSP_STR("Hash")) ||
		osp_str_eq(type, OSP_STR("Aggregate")) ||
		has_word(type, " Aggregate") || has_word(type, "HashAggregate"))
		return READS_ALL;
	return READS_ON_DEMAND;
}

/* Can a scan have ended before it had read all that it could? */
static bool
may_have_stopped(osp__findings *f, const osp__op *scan)
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
		above = read_mode_of(f, at);
		if (above != READS_ON_DEMAND)
			return above == MAY_STOP;
	}
	return true;
}

static bool
is_dead_table(osp__findings *f, dead_scan *dead)
{
	const osp__op *op = dead->op;
	double scans = is_parallel(op) ? 1 : (double) osp__op_fact(op, OSP__LOOPS);
	int64_t pages = osp__bounded_count(
		scans * (double) osp__op_fact(op, OSP__RELATION_PAGES));

	if (osp__node_rows_met(op) >= dead->pages / BLOCKS_OF_ROW ||
		(pages > 0 && dead->pages / GROWTH_TIMES > pages))
		return false;
	dead->certain =
		op->no_toast || (pages > 0 && dead->pages - pages <= pages / 5 &&
						 !may_have_stopped(f, op));
	return true;
}

static bool
is_dead_index(osp__findings *f, const reading *r, dead_scan *dead)
{
	const osp__op *op = dead->op;
	bool has_toast = op->node_kind == OSP__NODE_INDEX_SCAN && !op->no_toast;
	int64_t pages = osp__op_fact(op, OSP__RELATION_PAGES);

	if (dead->pages / INDEX_TIMES <=
			osp__node_blocks_needed(f, op) +
				osp__bounded_count(
					(double) osp__op_fact(op, OSP__HEAP_FETCHES)) ||
		osp__visits_table(op) ||
		(has_toast && pages > 0 && r->cold / TOAST_TIMES > pages) ||
		!osp__reads_one_range(f, op))
		return false;
	dead->certain = !has_toast;
	return true;
}

/* An index finds dead rows, too, and which of them live is seen in the table. */
static bool
is_dead_bitmap(osp__findings *f, dead_scan *dead)
{
	const osp__op *op = dead->op;
	int64_t met = osp__node_rows_met(op);
	bitmap map = bitmap_of(f, op);
	int64_t pages = dead->pages - map.found / ENTRIES_OF_PAGE;

	dead->certain = true;
	return map.whole && pages >= BLOCKS_MIN && met < pages / BLOCKS_OF_ROW &&
		   met < map.found / FOUND_TIMES && !may_have_stopped(f, op);
}

static bool
is_dead(osp__findings *f, const reading *r, dead_scan *dead)
{
	dead->pages = 0;
	if (osp__op_fact(dead->op, OSP__LOOPS) == 0 || dead->op->claimed)
		return false;
	switch (dead->op->node_kind)
	{
		case OSP__NODE_SEQ_SCAN:
		case OSP__NODE_PARALLEL_SEQ_SCAN:
			dead->pages = scan_blocks(f, r, dead->op);
			return dead->pages >= BLOCKS_MIN && is_dead_table(f, dead);
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

/* The time of a scan. Where it was not measured, the statement's is divided by pages and
 * rows. */
static int64_t
dead_ns(const osp__findings *f, const reading *r, const dead_scan *dead)
{
	const osp__op *statement = r->statement;
	double rows = osp__node_rows(f, dead->op) + bitmap_of(f, dead->op).rows;
	double whole = (double) r->blocks * ROWS_OF_PAGE + statement->node_rows;

	if (statement->timed_nodes)
		return osp__node_own_ns(f, dead->op);
	rows += (double) dead->pages * ROWS_OF_PAGE;
	return (int64_t) ((double) statement->own_ns * rows / whole);
}

static void
claim_dead(osp__findings *f, const reading *r, const dead_scan *dead)
{
	osp__group *group = osp__group_of(f, dead->op->shape);
	osp__op *child = osp__op_child(f, dead->op);

	osp__claim_node_ns(f, group, dead->op, dead_ns(f, r, dead), true);
	for (; child != NULL && r->statement->timed_nodes;
		 child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE && is_bitmap(child))
			osp__claim_node(f, group, child, false);
	if (group == NULL)
		return;
	group->sums[SUM_PAGES] += dead->pages;
	group->sums[SUM_ROWS] += osp__node_rows_met(dead->op);
	group->sums[SUM_LOOPS] +=
		osp__bounded_count((double) osp__op_fact(dead->op, OSP__LOOPS));
	group->sums[SUM_UNCERTAIN] += !dead->certain;
}

/* The table that a scan reads, as a number. */
static uint64_t
table_of(osp__findings *f, const osp__op *op)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "node", "relation", &f->scratch);
	return osp__name_shape(osp_buf_str(&f->scratch), OSP_STR(""));
}

static double
expected_cost(const osp__op *op)
{
	return (double) osp__op_fact(op, OSP__PLAN_COST) *
		   (double) osp__op_fact(op, OSP__LOOPS);
}

/* Of several scans that can have read the blocks of a statement, it was the one that is
 * expected to read most; if all of them are of one table. */
static void
look_untimed(osp__findings *f, const reading *r)
{
	dead_scan most = {NULL, 0, false};
	osp__op *at = r->statement;

	while ((at = osp__op_next_node(f, at, r->statement)) != NULL)
	{
		dead_scan dead = {at, 0, false};

		if (!is_dead(f, r, &dead))
			continue;
		if (most.op != NULL && table_of(f, most.op) != table_of(f, at))
			return;
		if (most.op == NULL || expected_cost(at) > expected_cost(most.op))
			most = dead;
	}
	if (most.op != NULL)
		claim_dead(f, r, &most);
}

static void
look_timed(osp__findings *f, const reading *r)
{
	osp__op *at = r->statement;

	while ((at = osp__op_next_node(f, at, r->statement)) != NULL)
	{
		dead_scan dead = {at, 0, false};

		if (is_dead(f, r, &dead))
			claim_dead(f, r, &dead);
	}
}

void
osp__look_dead_rows(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		reading r;

		if (f->ops[i].kind != OSP__OP_PG || !read_statement(f, &f->ops[i], &r))
			continue;
		if (f->ops[i].timed_nodes)
			look_timed(f, &r);
		else
			look_untimed(f, &r);
	}
}

static bool
uses_index(const osp__op *op)
{
	return op->node_kind == OSP__NODE_INDEX_SCAN ||
		   op->node_kind == OSP__NODE_INDEX_ONLY_SCAN;
}

/* "Seq Scan on job read 44,248 pages (346 MB) for 100 rows". An index leads to the same
 * page again and again. */
static void
say_pages(osp__findings *f, const osp__group *group, osp_buf *out)
{
	int64_t pages = group->sums[SUM_PAGES];
	bool index = uses_index(group->largest);

	osp__say_op(f, group->largest, out);
	osp_buf_add_str(out, index ? OSP_STR(" visited ") : OSP_STR(" read "));
	osp__say_number(out, pages, "page");
	if (!index)
	{
		osp_buf_add_str(out, OSP_STR(" ("));
		osp__say_count(out, pages * KB_OF_PAGE / 1024);
		osp_buf_add_str(out, OSP_STR(" MB)"));
	}
	osp_buf_add_str(out, OSP_STR(" for "));
	osp__say_number(out, group->sums[SUM_ROWS], "row");
}

static osp_str
dead_reason(const osp__op *op, bool certain)
{
	if (uses_index(op))
		return certain ? OSP_STR(": most of the index entries that it read "
								 "belong to dead rows.")
					   : OSP_STR(": most of the index entries that it read "
								 "belong to dead rows, or the rows have long "
								 "values in the TOAST table.");
	return certain ? OSP_STR(": most of what it read is dead rows or free "
							 "space.")
				   : OSP_STR(": most of what it read is dead rows, free space, "
							 "or long values in the TOAST table.");
}

static void
say_dead_step(const osp__op *op, osp_str table, bool certain, osp_buf *step)
{
	osp_buf_addf(
		step,
		uses_index(op)
			? "VACUUM %.*s removes dead entries from its indexes."
			: "VACUUM %.*s lets new rows take the place of dead ones, "
			  "but the table keeps its size. If it stays as large, "
			  "VACUUM FULL, which locks it, or pg_repack makes it small.",
		(int) table.len,
		table.ptr);
	osp_buf_add_str(
		step,
		OSP_STR(" Let autovacuum come to it more often "
				"(autovacuum_vacuum_scale_factor of the table). Long "
				"transactions and replication slots keep dead rows: see the "
				"oldest backend_xmin in pg_stat_activity, and xmin in "
				"pg_replication_slots. Rows that an open transaction has "
				"inserted look the same."));
	if (!certain)
		osp_buf_add_str(
			step,
			OSP_STR(" If VACUUM (VERBOSE) finds few dead rows, it "
					"read long values: select only the columns that "
					"are used."));
}

void
osp__tell_dead_rows(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *op = group->largest;
	bool certain = group->sums[SUM_UNCERTAIN] == 0;
	osp__scan scan;

	say_pages(f, group, &finding->cause);
	osp_buf_add_str(&finding->cause, dead_reason(op, certain));
	osp__say_statement(f, op, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_time_judged_by(group, "pages and rows", &finding->evidence);
	if (group->sums[SUM_LOOPS] > 1)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(" in "));
		osp__say_number(&finding->evidence, group->sums[SUM_LOOPS], "loop");
	}
	osp__scan_init(f, &scan, op);
	say_dead_step(
		op, osp__scan_str(&scan, OSP__SCAN_RELATION), certain, &finding->step);
	osp__scan_term(&scan);
	osp__add_figure(finding, "pages", (double) group->sums[SUM_PAGES]);
	osp__add_figure(finding, "rows", (double) group->sums[SUM_ROWS]);
}
