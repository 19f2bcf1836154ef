/* SPDX-License-Identifier: Apache-2.0
 *
 * report_describe.h
 *	  Describes an operation in words: what it did, its state, and how it ended.
 *	  Private to the files of the report.
 */
#ifndef OSPROFILER_REPORT_DESCRIBE_H
#define OSPROFILER_REPORT_DESCRIBE_H

#include "report/report_tree.h"

/* Longest duration as text, with its NUL. */
#define OSP__DURATION_MAX 24

/* Longest remark, with its NUL. */
#define OSP__REMARK_MAX 160

/* Longest place, with its NUL. */
#define OSP__PLACE_MAX 128

/* The state of an operation. */
typedef enum osp__state
{
	OSP__ENDED,       /* with success or error, or abandoned */
	OSP__INTERRUPTED, /* its tracer reports that it was broken off */
	OSP__START_LOST,
	OSP__END_LOST,
	OSP__RUNNING,
	OSP__UNFINISHED /* it is running, or its end was lost; unknown which */
} osp__state;

/* The state's name for programs: "ended", "start lost". */
const char *osp__state_name(osp__state state);

/* The state as far as starts and stops show it: never OSP__INTERRUPTED. */
osp__state osp__report_state(osp_report *report, const osp__node *node);

/* The description of an operation. Texts are decoded, and not yet safe for a
 * terminal. */
typedef struct osp__description
{
	osp__state state;
	osp_buf detail;     /* the statement, the request or the function */
	osp_buf error;      /* type and message; empty: none */
	osp_buf notes;      /* DETAIL, HINT, CONTEXT of the error, a line each */
	const char *unread; /* "discarded", "not executed" or NULL */
	const char *bound;  /* says that its time is only a bound; NULL: the time is
						 * exact */
	char remark
		[OSP__REMARK_MAX]; /* report_remark.c; empty: nothing is unusual */
	char place
		[OSP__PLACE_MAX]; /* of an operation of SQLite: process and file, if the
						   * trace has several */
	double plan_rows;     /* rows that the planner expected of this plan node */
	double workers;       /* workers that the planner wanted for it */
	int64_t rows;         /* -1: not known, or meaningless */
	int64_t truncated;    /* children that were left out of the trace */
	bool untimed;         /* a plan node of which only rows were counted */
	bool cut;             /* the statement is longer than detail */
	bool statement;       /* detail is a statement */
	char session
		[320];    /* "database d, user u, program p" of a statement without a
						* caller; empty: not recorded */
	bool command; /* the stop names its command */
	bool command_counts; /* that command has a number of rows */
} osp__description;

void osp__description_init(osp__description *what, const osp_allocator *alc);
void osp__description_term(osp__description *what);

/* Describes node; its texts stay valid until the next call. OSP_ENOMEM. */
osp_status osp__report_describe(osp_report *report, const osp__node *node,
								osp__description *what) OSP_MUST_CHECK;

/* Keeps the values of the start's db that osp__remark_stop() needs.
 * (report_remark.c) */
void osp__remark_start(yyjson_val *db, osp__description *what);

/* Makes the remark from the stop's info. */
void osp__remark_stop(yyjson_val *info, osp__description *what);

/* ---- values (report_value.c) ---- */

/* Appends the decoded form of the inside of a JSON string of the report. */
osp_status osp__report_decode(osp_report *report, osp_str inside,
							  osp_buf *out) OSP_MUST_CHECK;

/* The inside of a JSON string; empty if value is not a string. */
osp_str osp__report_inside(osp_str value);

/* Reads a number that is not negative from its text, because the JSON reader
 * keeps numbers as text; 0 if value is not a number. The result may be
 * infinite. */
double osp__report_number(yyjson_val *value);

/* Larger numbers are taken for damage, and nothing is said about them. */
#define OSP__FIGURE_MAX 1e15

/* A duration with three digits and its unit: "1.23 ms". */
void osp__duration_text(int64_t ns, char out[OSP__DURATION_MAX]);

/* Computes the whole percentages of parts, none of which is negative, and at most
 * OSP__PERCENTS_MAX in number. They add up to 100, or are all 0 if the parts are. */
#define OSP__PERCENTS_MAX 8
void osp__percents(const int64_t *parts, size_t count, int *percents);

#endif /* OSPROFILER_REPORT_DESCRIBE_H */
