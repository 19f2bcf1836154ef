/* SPDX-License-Identifier: Apache-2.0
 *
 * plans.h
 *	  Functions that the rules about plans share. Private to
 *	  report/findings/plans/.
 */
#ifndef OSPROFILER_PLANS_H
#define OSPROFILER_PLANS_H

#include "report/findings/plans/condition.h"
#include "report/findings/rules.h"

/* ---- find_scan.c ---- */

/* Has a plan node read many rows, or compared many pairs, to keep few of them? */
bool osp__reads_in_vain(osp__findings *f, const osp__op *op);

/* ---- find_pairs.c ---- */

/* Is op a nested loop that no other join could replace? Its condition is missing, or is
 * understood and has no equality; its inner side is kept in memory, and both sides are
 * large. */
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
	osp_str columns[OSP__INDEX_COLUMNS_MAX]; /* empty: an expression */
	bool patterns[OSP__INDEX_COLUMNS_MAX];   /* text_pattern_ops, for LIKE */
	unsigned count;
	bool partial;
} osp__index;

typedef enum osp__scan_text
{
	OSP__SCAN_TYPE,
	OSP__SCAN_RELATION, /* written as in SQL; empty: no table is scanned */
	OSP__SCAN_FILTER,
	OSP__SCAN_HELD,  /* conditions that its index has checked */
	OSP__SCAN_INDEX, /* the index it uses, as in SQL; empty: none */
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
	bool understood; /* filter and held are complete */
} osp__scan;

/* Reads the facts about the scan op. osp__scan_term() must be called in any case. */
void osp__scan_init(osp__findings *f, osp__scan *scan, const osp__op *op);
void osp__scan_term(osp__scan *scan);

static inline osp_str
osp__scan_str(const osp__scan *scan, osp__scan_text text)
{
	return osp_buf_str(&scan->texts[text]);
}

/* Finds an index whose first columns are these, in any order, and that conditions on
 * them can use; NULL: none is known. */
const osp__index *osp__scan_index_on(const osp__scan *scan,
									 const osp_str *columns, unsigned count);

/* Do all entries that a scan reads from its index meet its conditions? False: that is
 * not known. There are other entries in between if a column before a compared one is
 * not compared, or if several values are searched. */
bool osp__reads_one_range(osp__findings *f, const osp__op *op);

/* ---- index_cost.c ---- */

/* How the planner would judge an index on the filter's columns. */
typedef enum osp__index_use
{
	OSP__INDEX_USED,
	OSP__INDEX_MISJUDGED, /* not used: far more rows were expected than came */
	OSP__INDEX_USELESS    /* not used: the table is small */
} osp__index_use;

osp__index_use osp__index_use_of(const osp__scan *scan);

/* ---- index_pattern.c ---- */

/* Writes the step for a condition with a pattern: LIKE, ILIKE, a regular expression. */
void osp__say_pattern_step(const osp__scan *scan, const osp__term *term,
						   osp_buf *step);

/* ---- index_step.c ---- */

/* Writes the step for a scan that reads many rows and keeps few of them by its filter:
 * an index only if there is none, and if PostgreSQL would use it. */
void osp__say_index_step(osp__findings *f, const osp__op *op, osp_buf *step);

/* Writes the step for a scan of one of several partitions. */
void osp__say_partition_step(osp__findings *f, const osp__op *op,
							 osp_buf *step);

/* Appends "lower(name)", or the column; false: the expression has no such form. */
bool osp__say_indexed(const osp__term *term, osp_buf *out);

#endif /* OSPROFILER_PLANS_H */
