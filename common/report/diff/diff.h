/* SPDX-License-Identifier: Apache-2.0
 *
 * diff.h
 *	  Compares two traces. Private to report/diff/.
 *
 * Operations of the same shape (osp__op_key()) are one row, with a side for each trace.
 * The time of a row is its own time, in which no other operation ran inside it, so the
 * changes of all rows, without the nodes of plans, add up to the difference between the
 * two traces. The time of a plan's node is a part of its statement's.
 */
#ifndef OSPROFILER_DIFF_H
#define OSPROFILER_DIFF_H

#include "report/findings/findings.h"

/* How many different plans of a row are kept for each side. */
#define OSP__DIFF_PLANS_MAX 8

/* A plan with which statements were executed. */
typedef struct osp__diff_plan
{
	struct osp__diff_plan *next;
	uint64_t hash;
	osp_str kind;  /* "custom", "generic"; empty: not recorded */
	osp_str nodes; /* "Sort (Seq Scan on t)"; empty: not recorded */
	uint64_t count;
} osp__diff_plan;

/* The operations of one shape in one of the traces. */
typedef struct osp__diff_side
{
	uint64_t count;
	uint64_t failed;
	bool timed; /* the time of one of them was measured */
	int64_t total_ns;
	int64_t self_ns;
	int64_t max_ns;
	const osp__node *longest;
	double plan_cost; /* the largest expected cost; 0: not known */
	osp__diff_plan *plans;
	unsigned plan_count;
	bool plans_left_out; /* there were more than OSP__DIFF_PLANS_MAX */
	uint64_t trees
		[OSP__DIFF_PLANS_MAX]; /* the numbers of the plans that were made */
	unsigned tree_count;
	bool trees_left_out;
} osp__diff_side;

/* The operations of one shape in both traces. Texts are UTF-8. */
typedef struct osp__diff_row
{
	struct osp__diff_row *next;
	uint64_t key;
	osp__op_kind kind;
	osp_str name;
	osp_str text; /* description of the first operation */
	int64_t change_ns;
	osp__diff_side sides[2];
} osp__diff_row;

/* The errors of one type in one row. */
typedef struct osp__diff_error
{
	struct osp__diff_error *next;
	uint64_t key;
	const osp__diff_row *row;
	osp_str text; /* type and message of the first error */
	uint64_t counts[2];
} osp__diff_error;

typedef struct osp__diff_trace
{
	osp_report *report;
	osp__findings findings;
	uint64_t operations;
	uint64_t failed;
	uint64_t unfinished; /* operations that lack a point, or were interrupted */
} osp__diff_trace;

/* The result of comparing the plans of a row. */
typedef enum osp__diff_verdict
{
	OSP__DIFF_UNKNOWN, /* one of the traces has no plan, or too many to keep */
	OSP__DIFF_SAME,
	OSP__DIFF_OTHER
} osp__diff_verdict;

typedef struct osp__diff
{
	osp__diff_trace traces[2];
	const osp_allocator *alc;
	osp__arena arena;
	osp__table row_table;
	osp__table error_table;
	osp__diff_row *first_row;
	osp__diff_error *first_error;
	osp__diff_row **rows; /* the largest change first */
	size_t row_count;
	osp__description what;
	osp_buf scratch;
	osp_status status;
} osp__diff;

/* Compares two traces. osp__diff_term() must be called, even after a failure. */
osp_status osp__diff_make(osp__diff *d, osp_report *before,
						  osp_report *after) OSP_MUST_CHECK;
void osp__diff_term(osp__diff *d);

/* How large a change is, whatever its sign. */
int64_t osp__diff_magnitude(int64_t ns);

/* How much longer the second trace took than the first. */
int64_t osp__diff_total_ns(const osp__diff *d);

/* Has a trace lost points, or does it hold invalid ones? */
bool osp__diff_is_doubtful(const osp__diff_trace *trace);

/* ---- diff_plan.c ---- */

/* Notes the plan of a statement, if its points name it. Uses d->what. */
void osp__diff_note_plan(osp__diff *d, const osp__diff_trace *trace,
						 const osp__op *op, osp__diff_side *side);

/* Do the plans of both sides differ? */
osp__diff_verdict osp__diff_plans(const osp__diff_row *row);

/* Are the nodes of this side's plans known? */
bool osp__diff_has_nodes(const osp__diff_side *side);

/* Finds the nodes in which the plans of both sides differ, from the first to the last
 * of them. False: a side has several plans, or the plans differ in the shape of the
 * tree, in all nodes, or not at all. */
bool osp__diff_changed_nodes(const osp__diff_row *row, osp_str changed[2]);

/* ---- diff_rows.c ---- */

/* Counts an operation of the trace with this number. */
void osp__diff_count(osp__diff *d, int number, const osp__op *op);

/* Copies a text; the copy lives as long as the comparison. */
osp_str osp__diff_keep(osp__diff *d, osp_str text);

#endif /* OSPROFILER_DIFF_H */
