/* SPDX-License-Identifier: Apache-2.0
 *
 * drawn_fixture.c
 *	  Traces for the tests of the drawn tree, and functions that draw them.
 */
#include "tap.h"

#include "drawn_fixture.h"

#include <stdio.h>

/* Members of a point, from its trace_id on; 22:15:58 and us. */
void
drawn_add_at(osp_report *report, const char *host, const char *name,
			 const char *id, const char *parent, int us, const char *info)
{
	char json[2048];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" DRAWN_BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T22:15:58.%06d\", \"info\": "
					"{%s\"host\": \"%s\"}, \"project\": null, \"service\": "
					"\"%s\"}",
					name,
					id,
					parent,
					us,
					info,
					host,
					name[0] == 'p' ? "postgres" : "shop");
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

void
drawn_add(osp_report *report, const char *name, const char *id,
		  const char *parent, int us, const char *info)
{
	drawn_add_at(
		report, name[0] == 'p' ? "db1" : "web1", name, id, parent, us, info);
}

osp_report *
drawn_make_trace(void)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	drawn_add(report,
			  "wsgi-start",
			  "w",
			  DRAWN_BASE,
			  0,
			  "\"request\": {\"path\": \"/orders\", \"query\": \"a=1\", "
			  "\"method\": \"GET\"}, ");
	drawn_add(report,
			  "db-start",
			  "d",
			  "w",
			  1000,
			  "\"db\": {\"statement\": \"SELECT *\\n   FROM orders "
			  "\\u001b[2J\"}, ");
	drawn_add(report,
			  "pg-start",
			  "p",
			  "d",
			  1200,
			  "\"db\": {\"statement\": \"SELECT * FROM orders\", "
			  "\"statement_length\": 9999}, ");
	drawn_add(report, "pg.plan-start", "l", "p", 1200, "");
	drawn_add(
		report, "pg.plan-stop", "l", "p", 1300, "\"elapsed_ns\": 99123, ");
	drawn_add(report,
			  "pg-stop",
			  "p",
			  "d",
			  4300,
			  "\"db\": {\"rows\": 12}, \"elapsed_ns\": 3099123, ");
	drawn_add(report, "db-stop", "d", "w", 5300, "");
	drawn_add(report,
			  "db-start",
			  "e",
			  "w",
			  6000,
			  "\"db\": {\"statement\": \"INSERT INTO log (id, note) VALUES (7, "
			  "'hello')\"}, ");
	drawn_add(
		report,
		"db-stop",
		"e",
		"w",
		7300,
		"\"etype\": \"unique_violation\", \"message\": \"duplicate key value "
		"violates unique constraint\", ");
	drawn_add(report,
			  "rpc-start",
			  "r",
			  "w",
			  8000,
			  "\"function\": {\"name\": \"a.b.c\"}, ");
	drawn_add(
		report, "wsgi-stop", "w", DRAWN_BASE, 12300, "\"truncated\": 12, ");
	drawn_add(
		report, "cron-stop", "c", DRAWN_BASE, 12300, "\"interrupted\": true, ");
	return report;
}

void
draw_report(osp_report *report, const osp_draw_options *options, osp_buf *text)
{
	osp_buf_init(text, &osp_allocator_default, DRAWN_MAX);
	assert_int_equal(osp_report_draw(report, options, text), OSP_OK);
}

const osp_draw_options drawn_plain = {
	sizeof(drawn_plain), false, true, 0, false, false, false};

/* Draws the report, and frees it. */
void
assert_drawn_as(osp_report *report, const osp_draw_options *options,
				const char *expected)
{
	osp_buf text;

	draw_report(report, options, &text);
	assert_string_equal(text.ptr, expected);
	osp_buf_term(&text);
	osp_report_free(report);
}

/* The same, without times. */
void
assert_drawn_tree(osp_report *report, const char *expected)
{
	assert_drawn_as(report, &drawn_plain, expected);
}

/* A start and a stop, the one ms long. */
void
drawn_add_both(osp_report *report, const char *tracer, const char *id,
			   const char *parent, int us, const char *start, const char *stop)
{
	char name[64];

	(void) snprintf(name, sizeof(name), "%s-start", tracer);
	drawn_add(report, name, id, parent, us, start);
	(void) snprintf(name, sizeof(name), "%s-stop", tracer);
	drawn_add(report, name, id, parent, us + 1000, stop);
}
