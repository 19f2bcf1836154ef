/* SPDX-License-Identifier: Apache-2.0
 *
 * findings_fixture.h
 *	  Traces for the tests of findings, and what is found in them.
 */
#ifndef TEST_FINDINGS_FIXTURE_H
#define TEST_FINDINGS_FIXTURE_H

#include "osprofiler/report.h"
#include "osprofiler/saved.h"

#define FINDINGS_TEXT_MAX ((size_t) 1 << 20)
#define FINDINGS_BASE     "11111111-2222-4333-8444-555555555555"

/* ---- recorded traces (tests/vectors/findings) ---- */

/* Hands each point of a trace to add, which gets the report. */
osp_status findings_read(const char *name, osp_point_fn add,
						 osp_report *report);

/* Adds the points of a trace. */
osp_status findings_read_points(osp_report *report,
								const char *name) OSP_MUST_CHECK;

/* A trace; returned owned. */
osp_report *findings_trace(const char *name);

/* What is found in a trace, as JSON; out is made here. */
void findings_of(const char *name, osp_buf *out);

/* ---- traces that a test makes ---- */

/* A point of FINDINGS_BASE; info is what its info begins with, "\"db\": {…}, ". */
void findings_add(osp_report *report, const char *name, const char *id,
				  const char *parent, const char *host, int ms,
				  const char *info);

/* A statement of so many ms after the last; stop is what its stop's info begins
 * with. */
void findings_add_statement(osp_report *report, const char *name,
							const char *statement, int *at, int ms,
							const char *stop);

/* What is found, as JSON and in words, both made here; frees the report. */
void findings_explain(osp_report *report, osp_buf *json, osp_buf *words);

/* ---- what is found ---- */

/* The words; returns how many causes there are. */
size_t findings_draw(osp_report *report, const osp_draw_options *options,
					 osp_buf *text);

/* The number behind a key, from *at on, which moves there; -1: there is none. */
double findings_number(const char **at, const char *key);

/* Shares are in order, each is worth telling, and together they are the whole. */
void findings_assert_shares(const char *json);

#endif /* TEST_FINDINGS_FIXTURE_H */
