/* SPDX-License-Identifier: Apache-2.0
 *
 * findings_fixture.h
 *	  Traces for the tests of findings, and functions that explain them.
 */
#ifndef TEST_FINDINGS_FIXTURE_H
#define TEST_FINDINGS_FIXTURE_H

#include "osprofiler/report.h"
#include "osprofiler/saved.h"

#define FINDINGS_TEXT_MAX ((size_t) 1 << 20)
#define FINDINGS_BASE     "11111111-2222-4333-8444-555555555555"

/* ---- recorded traces (tests/vectors/findings) ---- */

/* Calls add for each point of a recorded trace; its ctx is the report. */
osp_status findings_read(const char *name, osp_point_fn add,
						 osp_report *report);

/* Adds the points of a recorded trace to the report. */
osp_status findings_read_points(osp_report *report,
								const char *name) OSP_MUST_CHECK;

/* Returns the report of a recorded trace, owned. */
osp_report *findings_trace(const char *name);

/* Writes the findings of a recorded trace to out as JSON. This function initialises
 * out. */
void findings_of(const char *name, osp_buf *out);

/* ---- traces that a test makes ---- */

/* Adds a point of the trace FINDINGS_BASE. info is the beginning of its info, "\"db\":
 * {…}, ". */
void findings_add(osp_report *report, const char *name, const char *id,
				  const char *parent, const char *host, int ms,
				  const char *info);

/* Adds a statement that takes ms milliseconds and begins at *at, where the last one has
 * ended. stop is the beginning of its stop's info. */
void findings_add_statement(osp_report *report, const char *name,
							const char *statement, int *at, int ms,
							const char *stop);

/* Writes the findings as JSON and in words. Initialises both buffers, and frees the
 * report. */
void findings_explain(osp_report *report, osp_buf *json, osp_buf *words);

/* ---- findings ---- */

/* Writes the findings in words. Returns the number of causes. */
size_t findings_draw(osp_report *report, const osp_draw_options *options,
					 osp_buf *text);

/* The number after the next occurrence of a key, searched from *at on. *at becomes the
 * place of the number. -1: the key does not occur. */
double findings_number(const char **at, const char *key);

/* Asserts that the shares are in descending order, that none is too small, and that
 * they add up to the whole. */
void findings_assert_shares(const char *json);

/* Adds an operation of a connection of SQLite. stop is the beginning of its stop's
 * info. */
void findings_add_sqlite(osp_report *report, int pid, int connection,
						 const char *file, const char *statement, int from_ms,
						 int until_ms, const char *stop);

/* Asserts that the findings contain the texts says, and do not contain the texts
 * unsaid: up to four each. */
void findings_assert_says(osp_report *report, const char *const says[4],
						  const char *const unsaid[4]);

#endif /* TEST_FINDINGS_FIXTURE_H */
