/* SPDX-License-Identifier: Apache-2.0
 *
 * drawn_fixture.h
 *	  Traces for the tests of the drawn tree, and how they are drawn.
 */
#ifndef TEST_DRAWN_FIXTURE_H
#define TEST_DRAWN_FIXTURE_H

#include "osprofiler/report.h"

#define DRAWN_MAX  ((size_t) 1 << 24)
#define DRAWN_BASE "11111111-2222-4333-8444-555555555555"

/* Members of a point, from its trace_id on; 22:15:58 and us. */
void drawn_add_at(osp_report *report, const char *host, const char *name,
				  const char *id, const char *parent, int us, const char *info);

/* The same, of one of two hosts. */
void drawn_add(osp_report *report, const char *name, const char *id,
			   const char *parent, int us, const char *info);

/* A request with statements of a client and a server. */
osp_report *drawn_make_trace(void);

/* Draws into text, which is made here. */
void draw_report(osp_report *report, const osp_draw_options *options,
				 osp_buf *text);

/* Draws the report, and frees it. */
void assert_drawn_as(osp_report *report, const osp_draw_options *options,
					 const char *expected);

/* No times, no host, no id; as wide as it gets. */
extern const osp_draw_options drawn_plain;

/* The same as that draws it. */
void assert_drawn_tree(osp_report *report, const char *expected);

/* A start and a stop, the one ms long. */
void drawn_add_both(osp_report *report, const char *tracer, const char *id,
					const char *parent, int us, const char *start,
					const char *stop);

#endif /* TEST_DRAWN_FIXTURE_H */
