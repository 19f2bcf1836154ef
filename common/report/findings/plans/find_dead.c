/* SPDX-License-Identifier: Apache-2.0
 *
 * find_dead.c
 *	  Rule: a scan read far more pages than the rows that it met can fill, because most
 *	  of them hold dead rows, or nothing.
 *
 * If two scans of different tables could have read these pages, nothing is claimed.
 */
#include "report/findings/plans/dead_scan.h"

/* Reading a page of dead rows takes at least as long as passing this many rows
 * on. */
#define ROWS_OF_PAGE 20

#define KB_OF_PAGE 8

/* Distinguishes groups of index entries from groups of pages. */
#define ENTRIES_KEY 1

enum
{
	SUM_PAGES,
	SUM_ENTRIES =
		SUM_PAGES, /* index entries whose rows were searched in the table */
	SUM_ROWS,
	SUM_LOOPS,
	SUM_UNCERTAIN /* scans that may have read long values */
};

/* The time of a scan. If it was not measured, the statement's time is divided in
 * proportion to pages and rows. */
static int64_t
dead_ns(const osp__findings *f, const osp__reading *r,
		const osp__dead_scan *dead)
{
	const osp__op *statement = r->statement;
	double rows = osp__dead_scan_rows(f, dead->op);
	double whole = (double) r->blocks * ROWS_OF_PAGE + statement->node_rows;

	if (statement->timed_nodes)
		return osp__node_own_ns(f, dead->op);
	rows += (double) dead->pages * ROWS_OF_PAGE;
	return osp__ns_of((double) osp__nodes_ns(statement) *
					  osp__part_of_nodes(statement) * rows / whole);
}

static void
claim_dead(osp__findings *f, const osp__reading *r, const osp__dead_scan *dead)
{
	osp__group *group = osp__group_of(f, dead->op->shape);
	osp__op *child = osp__op_child(f, dead->op);

	osp__claim_node_ns(f, group, dead->op, dead_ns(f, r, dead), true);
	for (; child != NULL && r->statement->timed_nodes;
		 child = osp__op_sibling(f, child))
		if (child->kind == OSP__OP_NODE && osp__is_bitmap(child))
			osp__claim_node(f, group, child, false);
	if (group == NULL)
		return;
	group->sums[SUM_PAGES] += dead->pages;
	group->sums[SUM_ROWS] += osp__node_rows_met(dead->op);
	group->sums[SUM_LOOPS] +=
		osp__bounded_count((double) osp__op_fact(dead->op, OSP__LOOPS));
	group->sums[SUM_UNCERTAIN] += !dead->certain;
}

/* A hash of the name of the table that a scan reads. */
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

/* Looks for a scan that read too much in a statement whose nodes were not timed. If
 * several scans can have read the blocks, the one with the largest expected cost
 * counts, but only if all of them read the same table. */
static void
look_untimed(osp__findings *f, const osp__reading *r)
{
	osp__dead_scan most = {NULL, 0, false};
	osp__op *at = r->statement;

	while ((at = osp__op_next_node(f, at, r->statement)) != NULL)
	{
		osp__dead_scan dead = {at, 0, false};

		if (!osp__is_dead(f, r, &dead))
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
look_timed(osp__findings *f, const osp__reading *r)
{
	osp__op *at = r->statement;

	while ((at = osp__op_next_node(f, at, r->statement)) != NULL)
	{
		osp__dead_scan dead = {at, 0, false};

		if (osp__is_dead(f, r, &dead))
			claim_dead(f, r, &dead);
	}
}

/* Looks for index-only scans that searched the table for many dead rows, which they
 * count themselves. */
static void
look_for_entries(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;

		if (op->kind != OSP__OP_NODE || op->claimed ||
			!osp__passes_dead_entries(op))
			continue;
		group = osp__group_of(f, op->shape + ENTRIES_KEY);
		osp__claim_node(f, group, op, true);
		if (group == NULL)
			continue;
		group->sums[SUM_ENTRIES] +=
			osp__bounded_count((double) osp__op_fact(op, OSP__HEAP_FETCHES));
		group->sums[SUM_ROWS] += osp__node_rows_met(op);
		group->sums[SUM_LOOPS] +=
			osp__bounded_count((double) osp__op_fact(op, OSP__LOOPS));
	}
}

void
osp__look_dead_rows(osp__findings *f)
{
	size_t i;

	look_for_entries(f);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__reading r;

		if (f->ops[i].kind != OSP__OP_PG ||
			!osp__read_blocks(f, &f->ops[i], &r))
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

/* Appends "Seq Scan on job read 44,248 pages (346 MB) for 100 rows". An index scan
 * visits the same page again and again, so it gets no size. */
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

/* Appends "Index Only Scan using job_pkey on job looked in the table for the rows of
 * 990,000 index entries and found 1 row". */
static void
say_entries(osp__findings *f, const osp__group *group, osp_buf *out)
{
	osp__say_op(f, group->largest, out);
	osp_buf_add_str(out, OSP_STR(" looked in the table for the rows of "));
	osp__say_count(out, group->sums[SUM_ENTRIES]);
	osp_buf_add_str(out, OSP_STR(" index entries and found "));
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
			  "and gives back the empty pages at the table's end. If it "
			  "stays as large, VACUUM FULL, which locks it, or pg_repack "
			  "makes it small.",
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
	bool entries = osp__passes_dead_entries(op);
	osp__scan scan;

	if (entries)
		say_entries(f, group, &finding->cause);
	else
		say_pages(f, group, &finding->cause);
	osp_buf_add_str(&finding->cause, dead_reason(op, certain));
	osp__say_statement(f, op, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_time_judged_by(
		group, entries ? "the rows" : "pages and rows", &finding->evidence);
	if (group->sums[SUM_LOOPS] > 1)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(" in "));
		osp__say_number(&finding->evidence, group->sums[SUM_LOOPS], "loop");
	}
	osp__scan_init(f, &scan, op);
	say_dead_step(
		op, osp__scan_str(&scan, OSP__SCAN_RELATION), certain, &finding->step);
	osp__scan_term(&scan);
	osp__add_figure(finding,
					entries ? "heap_fetches" : "pages",
					(double) group->sums[SUM_PAGES]);
	osp__add_figure(finding, "rows", (double) group->sums[SUM_ROWS]);
}
