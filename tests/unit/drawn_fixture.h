/* SPDX-License-Identifier: Apache-2.0
 *
 * drawn_fixture.h
 *	  Traces for the tests of the drawn tree, and functions that draw them.
 */
#ifndef TEST_DRAWN_FIXTURE_H
#define TEST_DRAWN_FIXTURE_H

#include "osprofiler/report.h"

#define DRAWN_MAX  ((size_t) 1 << 24)
#define DRAWN_BASE "11111111-2222-4333-8444-555555555555"

/* Adds a notification at 22:15:58 and us microseconds. info is the beginning of its
 * info, with a comma. */
void drawn_add_at(osp_report *report, const char *host, const char *name,
				  const char *id, const char *parent, int us, const char *info);

/* The same, on one of two hosts, depending on the name. */
void drawn_add(osp_report *report, const char *name, const char *id,
			   const char *parent, int us, const char *info);

/* Makes a trace: a request with statements of a client and of a server. */
osp_report *drawn_make_trace(void);

/* Draws the report into text, which this function initialises. */
void draw_report(osp_report *report, const osp_draw_options *options,
				 osp_buf *text);

/* Draws the report, asserts that the drawing is as expected, and frees the report. */
void assert_drawn_as(osp_report *report, const osp_draw_options *options,
					 const char *expected);

/* Options for a drawing without times, hosts and ids, and without a limit of width. */
extern const osp_draw_options drawn_plain;

/* Like assert_drawn_as(), with the options drawn_plain. */
void assert_drawn_tree(osp_report *report, const char *expected);

/* Adds the start and the stop of an operation that takes one millisecond. */
void drawn_add_both(osp_report *report, const char *tracer, const char *id,
					const char *parent, int us, const char *start,
					const char *stop);

#endif /* TEST_DRAWN_FIXTURE_H */
