/* SPDX-License-Identifier: Apache-2.0
 *
 * report_describe.h
 *	  An operation in words for a person: what it did, how it stands, how it
 *	  ended. Private to the files of the report.
 */
#ifndef OSPROFILER_REPORT_DESCRIBE_H
#define OSPROFILER_REPORT_DESCRIBE_H

#include "report/report_tree.h"

/* Longest duration in words, with its NUL. */
#define OSP__DURATION_MAX 24

/* Longest remark, with its NUL. */
#define OSP__REMARK_MAX 160

/* Longest place, with its NUL. */
#define OSP__PLACE_MAX 128

/* How an operation stands. */
typedef enum osp__state
{
	OSP__ENDED,       /* well or with an error, or left by its tracer */
	OSP__INTERRUPTED, /* its tracer says that it did not come to its end */
	OSP__START_LOST,
	OSP__END_LOST,
	OSP__RUNNING,
	OSP__UNFINISHED /* it runs, or its end was lost: nobody knows */
} osp__state;

/* "ended", "start lost": in words for programs. */
const char *osp__state_name(osp__state state);

/* What starts and stops say of it: all but OSP__INTERRUPTED. */
osp__state osp__report_state(osp_report *report, const osp__node *node);

/* Texts are decoded, and not yet fit for a terminal. */
typedef struct osp__description
{
	osp__state state;
	osp_buf detail;     /* the statement, the request, the function */
	osp_buf error;      /* type and message; empty: none */
	osp_buf notes;      /* of the error: DETAIL, HINT, CONTEXT, a line each */
	const char *unread; /* how a client left its result; NULL: it did not */
	const char *bound;  /* its time is only a bound, of this kind; NULL: it is
						  * what it took */
	char remark
		[OSP__REMARK_MAX]; /* report_remark.c; empty: nothing is unusual */
	char place
		[OSP__PLACE_MAX]; /* of an operation of SQLite: process and file, as
								 * far as the trace has several */
	double plan_rows;     /* that a node of a plan was expected to return */
	double workers;       /* that it wanted */
	int64_t rows;         /* -1: not known, or none of its business */
	int64_t truncated;    /* children that were left out of the trace */
	bool untimed;         /* a node of a plan of which only rows were counted */
	bool cut;             /* the statement goes on beyond detail */
	bool statement;       /* detail is one */
	bool command;        /* the stop names its command, of a kind that counts */
	bool command_counts; /* rows */
} osp__description;

void osp__description_init(osp__description *what, const osp_allocator *alc);
void osp__description_term(osp__description *what);

/* Describes node. OSP_ENOMEM. */
osp_status osp__report_describe(osp_report *report, const osp__node *node,
								osp__description *what) OSP_MUST_CHECK;

/* Notes what of the start's db osp__remark_stop() needs. (report_remark.c) */
void osp__remark_start(yyjson_val *db, osp__description *what);

/* Makes the remark from the stop's info. */
void osp__remark_stop(yyjson_val *info, osp__description *what);

/* ---- values (report_value.c) ---- */

/* Appends what the inside of a JSON string of the report stands for. */
osp_status osp__report_decode(osp_report *report, osp_str inside,
							  osp_buf *out) OSP_MUST_CHECK;

/* The inside of a JSON string; empty if value is null or no string. */
osp_str osp__report_inside(osp_str value);

/* A number that is not negative, for the reader leaves numbers as they are
 * written; 0 if it is none. It may be infinite. */
double osp__report_number(yyjson_val *value);

/* Larger numbers are no figures: nothing is said of them. */
#define OSP__FIGURE_MAX 1e15

/* A time of three digits with its unit: "1.23 ms". */
void osp__duration_text(int64_t ns, char out[OSP__DURATION_MAX]);

/* Whole percentages of parts, none below zero, at most OSP__PERCENTS_MAX: they add up to
 * 100, or are all 0 if the parts are. */
#define OSP__PERCENTS_MAX 8
void osp__percents(const int64_t *parts, size_t count, int *percents);

#endif /* OSPROFILER_REPORT_DESCRIBE_H */
