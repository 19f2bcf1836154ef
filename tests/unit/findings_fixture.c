/* SPDX-License-Identifier: Apache-2.0
 *
 * findings_fixture.c
 *	  Traces for the tests of findings, and functions that explain them.
 */
#include "tap.h"

#include "findings_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/saved.h"

#define FOLDER OSP_TEST_TOP "/tests/vectors/findings/"

static osp_status
add_point(void *ctx, osp_str json)
{
	return osp_report_add((osp_report *) ctx, json, NULL);
}

osp_status
findings_read(const char *name, osp_point_fn add, osp_report *report)
{
	static char text[FINDINGS_TEXT_MAX];
	char path[256];
	FILE *file;
	size_t len;

	(void) snprintf(path, sizeof(path), FOLDER "%s.points", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	assert_int_equal(fclose(file), 0);
	return osp_saved_points(osp_str_n(text, len), add, report, NULL);
}

osp_status
findings_read_points(osp_report *report, const char *name)
{
	return findings_read(name, add_point, report);
}

osp_report *
findings_trace(const char *name)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	assert_int_equal(findings_read_points(report, name), OSP_OK);
	return report;
}

/* What is found in a trace, as JSON. */
void
findings_of(const char *name, osp_buf *out)
{
	osp_report *report = findings_trace(name);

	osp_buf_init(out, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, out), OSP_OK);
	osp_report_free(report);
}

/* The number behind a key, from *at on, which moves there; -1: there is none. */
double
findings_number(const char **at, const char *key)
{
	const char *found = strstr(*at, key);

	if (found == NULL)
		return -1;
	*at = found + strlen(key);
	return strtod(*at, NULL);
}

/* Shares are in order, each is worth telling, and together they are the whole. */
void
findings_assert_shares(const char *json)
{
	const char *at = json;
	double last = 1;
	double sum = findings_number(&at, "\"not_explained\": ");
	const char *end = at;
	double share;

	at = json;
	while ((share = findings_number(&at, "\"share\": ")) >= 0 && at < end)
	{
		assert_true(share <= last && share >= 0.05);
		last = share;
		sum += share;
	}
	assert_true(sum > 0.999 && sum < 1.001);
}

size_t
findings_draw(osp_report *report, const osp_draw_options *options,
			  osp_buf *text)
{
	size_t count;

	osp_buf_init(text, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain(report, options, text, &count), OSP_OK);
	return count;
}

#define FINDINGS_BASE "11111111-2222-4333-8444-555555555555"

void
findings_add(osp_report *report, const char *name, const char *id,
			 const char *parent, const char *host, int ms, const char *info)
{
	char json[2048];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" FINDINGS_BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T22:15:%02d.%03d000\", "
					"\"info\": {%s\"host\": \"%s\"}, \"project\": null, "
					"\"service\": null}",
					name,
					id,
					parent,
					ms / 1000,
					ms % 1000,
					info,
					host);
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

/* A statement of so many ms after the last; stop is what its stop's info begins
 * with. */
void
findings_add_statement(osp_report *report, const char *name,
					   const char *statement, int *at, int ms, const char *stop)
{
	char id[16];
	char point[32];
	char info[512];

	(void) snprintf(id, sizeof(id), "s%d", *at);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"sends_context\": true, \"server\": \"h1\", "
					"\"statement\": \"%s\"}, ",
					statement);
	(void) snprintf(point, sizeof(point), "%s-start", name);
	findings_add(report, point, id, FINDINGS_BASE, "h", *at, info);
	*at += ms;
	(void) snprintf(point, sizeof(point), "%s-stop", name);
	findings_add(report, point, id, FINDINGS_BASE, "h", *at, stop);
}

void
findings_explain(osp_report *report, osp_buf *json, osp_buf *words)
{
	osp_draw_options options = {
		sizeof(options), false, true, 100, true, false, false};

	osp_buf_init(json, &osp_allocator_default, FINDINGS_TEXT_MAX);
	assert_int_equal(osp_report_explain_json(report, json), OSP_OK);
	(void) findings_draw(report, &options, words);
	osp_report_free(report);
}

void
findings_add_sqlite(osp_report *report, int pid, int connection,
					const char *file, const char *statement, int from_ms,
					int until_ms, const char *stop)
{
	char id[24];
	char info[512];

	(void) snprintf(id, sizeof(id), "p%d-%d-%d", pid, connection, from_ms);
	(void) snprintf(info,
					sizeof(info),
					"\"db\": {\"statement\": \"%s\", \"name\": \"%s\", "
					"\"connection\": %d, \"pid\": %d}, ",
					statement,
					file,
					connection,
					pid);
	findings_add(report,
				 "sqlite-start",
				 id,
				 "11111111-2222-4333-8444-555555555555",
				 "h",
				 from_ms,
				 info);
	findings_add(report,
				 "sqlite-stop",
				 id,
				 "11111111-2222-4333-8444-555555555555",
				 "h",
				 until_ms,
				 stop);
}

void
findings_assert_says(osp_report *report, const char *const says[4],
					 const char *const unsaid[4])
{
	osp_buf json;
	osp_buf words;
	int i;

	findings_explain(report, &json, &words);
	findings_assert_shares(json.ptr);
	for (i = 0; i < 4; i++)
	{
		if (says[i] != NULL && strstr(json.ptr, says[i]) == NULL)
			fail_msg("'%s' is not in %s", says[i], json.ptr);
		if (unsaid[i] != NULL && strstr(json.ptr, unsaid[i]) != NULL)
			fail_msg("'%s' is in %s", unsaid[i], json.ptr);
	}
	osp_buf_term(&json);
	osp_buf_term(&words);
}
