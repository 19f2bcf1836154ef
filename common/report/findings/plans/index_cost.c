/* SPDX-License-Identifier: Apache-2.0
 *
 * index_cost.c
 *	  Estimates whether PostgreSQL would use an index for the filter of a scan.
 *
 * PostgreSQL compares costs, by formulas from its documented settings and statistics:
 * reading all pages of the table in order, against fetching the pages with an expected
 * row (Mackert and Lohman). The default settings are used here. Reading a table of few
 * pages is faster than descending an index.
 */
#include "report/findings/plans/plans.h"

#define SEQ_PAGE_COST    1.0
#define RANDOM_PAGE_COST 4.0
#define ROW_COST         0.0125 /* cpu_tuple_cost and one cpu_operator_cost */
#define INDEX_ROW_COST   0.0075 /* cpu_index_tuple_cost and cpu_operator_cost */

/* Rows of a page if the number of pages is not known, and of an index page. */
#define ROWS_OF_PAGE       100
#define ROWS_OF_INDEX_PAGE 300

/* An index is not used if the estimated rows are too many by this factor. */
#define WRONG_TIMES 5

/* The figures of a scan, per execution. */
typedef struct scanned
{
	double rows;
	double pages;
	double kept;
	double expected;
} scanned;

static scanned
figures_of(const osp__scan *scan)
{
	const osp__op *op = scan->op;
	double loops = (double) osp__op_fact(op, OSP__LOOPS);
	double known = (double) osp__op_fact(op, OSP__RELATION_ROWS);
	double pages = (double) osp__op_fact(op, OSP__RELATION_PAGES);
	scanned s;

	if (loops < 1)
		loops = 1;
	s.expected = (double) osp__op_fact(op, OSP__PLAN_ROWS);

	/* The processes of a parallel scan read the table once, together. */
	if (op->parallel)
	{
		s.expected *= loops;
		loops = 1;
	}
	s.kept = (double) osp__op_fact(op, OSP__ROWS) / loops;
	s.rows = s.kept + (double) osp__op_fact(op, OSP__REMOVED) / loops;
	s.pages = s.rows / ROWS_OF_PAGE;
	if (known > 0 && pages > 0)
		s.pages = s.rows * pages / known;
	if (s.pages < 1)
		s.pages = 1;
	return s;
}

/* The square root of a share, to a few digits (Newton). sqrt() would require libm in
 * each traced program. */
static double
root_of(double share)
{
	double root = 1;
	int i;

	for (i = 0; i < 12; i++)
		root = (root + share / root) / 2;
	return root;
}

/* Does an index cost less if it finds this many rows? */
static bool
is_cheaper(const scanned *s, double kept)
{
	double pages = 2 * s->pages * kept / (2 * s->pages + kept);
	double page_cost = RANDOM_PAGE_COST;

	if (pages > s->pages)
		pages = s->pages;
	if (pages >= 2)
		page_cost -=
			(RANDOM_PAGE_COST - SEQ_PAGE_COST) * root_of(pages / s->pages);
	return pages * page_cost + kept * (ROW_COST + INDEX_ROW_COST) +
			   RANDOM_PAGE_COST * (1 + kept / ROWS_OF_INDEX_PAGE) <
		   s->pages * SEQ_PAGE_COST + s->rows * ROW_COST;
}

osp__index_use
osp__index_use_of(const osp__scan *scan)
{
	scanned s = figures_of(scan);

	/* A scan that uses an index has not read the whole table. */
	if (scan->texts[OSP__SCAN_INDEX].len > 0 ||
		scan->texts[OSP__SCAN_HELD].len > 0)
		return OSP__INDEX_USED;
	if (!is_cheaper(&s, s.kept))
		return OSP__INDEX_USELESS;
	if (s.expected > WRONG_TIMES * s.kept && !is_cheaper(&s, s.expected))
		return OSP__INDEX_MISJUDGED;
	return OSP__INDEX_USED;
}
