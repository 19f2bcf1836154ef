/* SPDX-License-Identifier: Apache-2.0
 *
 * plans.h
 *	  What the rules about plans share. Private to report/findings/plans/.
 */
#ifndef OSPROFILER_PLANS_H
#define OSPROFILER_PLANS_H

#include "report/findings/plans/condition.h"
#include "report/findings/rules.h"

/* ---- find_scan.c ---- */

/* Has a node of a plan read many rows, or compared many pairs, to keep few? */
bool osp__reads_in_vain(osp__findings *f, const osp__op *op);

/* ---- find_pairs.c ---- */

/* Is op a nested loop that no other join could replace: it has no condition, or one that is
 * understood and has no equality, what it reads again and again is in memory, and both sides
 * are large? */
bool osp__joins_all(osp__findings *f, const osp__op *op);

/* Has an index-only scan visited the table for many of its rows? */
bool osp__visits_table(const osp__op *op);

/* ---- index_scan.c: what a scan's points say that matters for an index ---- */

#define OSP__INDEXES_MAX       16
#define OSP__INDEX_COLUMNS_MAX 8

/* An index of the table, as pg_osprofiler/operations/node_indexes.c describes it. */
typedef struct osp__index
{
	osp_str name;
	osp_str method;
	osp_str columns[OSP__INDEX_COLUMNS_MAX]; /* of an expression: empty */
	bool patterns[OSP__INDEX_COLUMNS_MAX];   /* for LIKE: text_pattern_ops */
	unsigned count;
	bool partial;
} osp__index;

typedef enum osp__scan_text
{
	OSP__SCAN_TYPE,
	OSP__SCAN_RELATION, /* as it is written in SQL; empty: it is no table's */
	OSP__SCAN_FILTER,
	OSP__SCAN_HELD,  /* what its index has found already */
	OSP__SCAN_INDEX, /* that it uses, as it is written in SQL; empty: none */
	OSP__SCAN_INDEXES,
	OSP__SCAN_STATEMENT,
	OSP__SCAN_TEXTS
} osp__scan_text;

typedef struct osp__scan
{
	const osp__op *op;
	osp_buf texts[OSP__SCAN_TEXTS];
	osp__condition filter;
	osp__condition held;
	osp__index indexes[OSP__INDEXES_MAX];
	unsigned index_count;
	bool understood; /* filter and held have all conditions */
} osp__scan;

/* Reads what the points of op say; to be ended in any case. */
void osp__scan_init(osp__findings *f, osp__scan *scan, const osp__op *op);
void osp__scan_term(osp__scan *scan);

static inline osp_str
osp__scan_str(const osp__scan *scan, osp__scan_text text)
{
	return osp_buf_str(&scan->texts[text]);
}

/* The index whose first columns are these, in whatever order, and that a condition on
 * them can use; NULL: none is known. */
const osp__index *osp__scan_index_on(const osp__scan *scan,
									 const osp_str *columns, unsigned count);

/* Do all entries of its index that a scan reads meet its conditions? False: that is not
 * known. An index has entries between them that do not if a column before the one that is
 * compared is not, or if several values are searched. */
bool osp__reads_one_range(osp__findings *f, const osp__op *op);

/* ---- index_cost.c ---- */

/* What an index on the filter's columns would be to the planner. */
typedef enum osp__index_use
{
	OSP__INDEX_USED,
	OSP__INDEX_MISJUDGED, /* not used: far more rows are expected than come */
	OSP__INDEX_USELESS    /* not used: the table is small */
} osp__index_use;

osp__index_use osp__index_use_of(const osp__scan *scan);

/* ---- index_pattern.c ---- */

/* Appends what helps a condition with a pattern: LIKE, ILIKE, a regular expression. */
void osp__say_pattern_step(const osp__scan *scan, const osp__term *term,
						   osp_buf *step);

/* ---- index_step.c ---- */

/* Appends what helps a scan that reads many rows and keeps few of them by its
 * filter: an index only where there is none, and where PostgreSQL would use it. */
void osp__say_index_step(osp__findings *f, const osp__op *op, osp_buf *step);

/* The same of the scan of one partition among several. */
void osp__say_partition_step(osp__findings *f, const osp__op *op,
							 osp_buf *step);

/* Appends "lower(name)", or the column; false: the expression has no such form. */
bool osp__say_indexed(const osp__term *term, osp_buf *out);

#endif /* OSPROFILER_PLANS_H */
