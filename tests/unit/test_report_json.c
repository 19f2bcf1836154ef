/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_json.c
 *	  The report as upstream prints it: the bytes that the Python command printed for
 *	  tests/vectors/report (see make.py there), and traces that it cannot print.
 */
#include "tap.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/report.h"

#define TEXT_MAX ((size_t) 1 << 28)
#define FOLDER   OSP_TEST_TOP "/tests/vectors/report/"

static char *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(text);
	*len = fread(text, 1, (1 << 20) - 1, file);
	text[*len] = '\0';
	assert_int_equal(fclose(file), 0);
	return text;
}

static osp_report *
read_points(const char *path)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	size_t len;
	char *text = read_file(path, &len);
	char *line = text;

	assert_non_null(report);
	while (*line != '\0')
	{
		char *end = strchr(line, '\n');

		assert_non_null(end);
		assert_int_equal(osp_report_add(report,
										osp_str_n(line, (size_t) (end - line)),
										NULL),
						 OSP_OK);
		line = end + 1;
	}
	free(text);
	return report;
}

static void
assert_json(osp_report *report, const char *expected)
{
	osp_buf out;

	osp_buf_init(&out, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_json(report, &out), OSP_OK);
	assert_string_equal(out.ptr, expected);
	assert_int_equal(out.len, strlen(expected));
	osp_buf_term(&out);
}

static void
test_vectors(void **state)
{
	glob_t found;
	size_t i;

	(void) state;
	assert_int_equal(glob(FOLDER "*.points", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 10);
	for (i = 0; i < found.gl_pathc; i++)
	{
		char path[512];
		osp_report *report = read_points(found.gl_pathv[i]);
		size_t stem = strlen(found.gl_pathv[i]) - strlen("points");
		char *expected;
		size_t len;

		(void) snprintf(
			path, sizeof(path), "%.*sjson", (int) stem, found.gl_pathv[i]);
		print_message("# %s\n", path);
		expected = read_file(path, &len);
		assert_json(report, expected);

		/* Writing the report does not change it. */
		assert_json(report, expected);
		free(expected);
		osp_report_free(report);
	}
	globfree(&found);
}

static void
add(osp_report *report, const char *json)
{
	assert_int_equal(osp_report_add(report, osp_str_of(json), NULL), OSP_OK);
}

static void
test_empty(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	assert_json(report,
				"{\n  \"info\": {\n    \"name\": \"total\",\n    \"started\": "
				"0,\n    \"finished\": null,\n    \"last_trace_started\": "
				"null\n  },\n  \"children\": [],\n  \"stats\": {}\n}");
	osp_report_free(report);
}

/* Upstream's reader crashes here. */
static void
test_only_a_stop(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	(void) state;
	assert_non_null(report);
	add(report,
		"{\"name\": \"d-stop\", \"trace_id\": \"t\", \"timestamp\": "
		"\"2026-11-22T00:00:00.000001Z\"}");
	assert_json(
		report,
		"{\n  \"info\": {\n    \"name\": \"total\",\n    \"started\": 0,\n"
		"    \"finished\": 0,\n    \"last_trace_started\": null\n  },\n"
		"  \"children\": [\n    {\n      \"info\": {\n"
		"        \"name\": \"d\",\n        \"project\": null,\n"
		"        \"service\": null,\n        \"host\": null,\n"
		"        \"meta.raw_payload.d-stop\": {\n"
		"          \"name\": \"d-stop\",\n          \"trace_id\": \"t\",\n"
		"          \"timestamp\": \"2026-11-22T00:00:00.000001Z\"\n"
		"        },\n        \"finished\": 0,\n        \"exception\": "
		"\"None\",\n        \"started\": 0\n      },\n"
		"      \"trace_id\": \"t\",\n      \"parent_id\": null,\n"
		"      \"children\": []\n    }\n  ],\n  \"stats\": {\n    \"d\": {\n"
		"      \"count\": 1,\n      \"duration\": 0\n    }\n  }\n}");
	osp_report_free(report);
}

typedef struct pieces
{
	osp_buf all;
	size_t count;
	size_t largest;
	size_t fail_at;
} pieces;

static osp_status
take_piece(void *ctx, osp_str piece)
{
	pieces *p = ctx;

	assert_true(piece.len > 0);
	if (++p->count == p->fail_at)
		return OSP_EIO;
	if (piece.len > p->largest)
		p->largest = piece.len;
	osp_buf_add_str(&p->all, piece);
	return osp_buf_status(&p->all);
}

static osp_report *
make_wide(int count)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int i;

	assert_non_null(report);
	for (i = 0; i < count; i++)
	{
		char json[256];

		(void) snprintf(json,
						sizeof(json),
						"{\"name\": \"d%d\", \"trace_id\": \"%d\", "
						"\"timestamp\": \"2026-11-22T00:00:00.%06d\"}",
						i % 5000,
						i,
						i);
		add(report, json);
	}
	return report;
}

static void
test_pieces(void **state)
{
	osp_report *report = make_wide(20000);
	osp_buf whole;
	pieces p;

	(void) state;
	memset(&p, 0, sizeof(p));
	osp_buf_init(&p.all, &osp_allocator_default, TEXT_MAX);
	osp_buf_init(&whole, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_json_write(report, take_piece, &p), OSP_OK);
	assert_int_equal(osp_report_json(report, &whole), OSP_OK);
	assert_true(p.count > 50);
	assert_true(p.largest < 80000);
	assert_true(osp_str_eq(osp_buf_str(&whole), osp_buf_str(&p.all)));
	osp_buf_term(&whole);
	osp_buf_term(&p.all);
	osp_report_free(report);
}

/* If the write function fails, its status is returned. */
static void
test_write_fails(void **state)
{
	osp_report *report = make_wide(2000);
	size_t fail_at;

	(void) state;
	for (fail_at = 1; fail_at < 8; fail_at++)
	{
		pieces p;

		memset(&p, 0, sizeof(p));
		osp_buf_init(&p.all, &osp_allocator_default, TEXT_MAX);
		p.fail_at = fail_at;
		assert_int_equal(osp_report_json_write(report, take_piece, &p),
						 OSP_EIO);
		assert_int_equal(p.count, fail_at);
		osp_buf_term(&p.all);
	}
	osp_report_free(report);
}

static void
test_does_not_fit(void **state)
{
	osp_report *report = make_wide(100);
	osp_buf out;

	(void) state;
	osp_buf_init(&out, &osp_allocator_default, 5000);
	assert_int_equal(osp_report_json(report, &out), OSP_EFULL);
	osp_buf_term(&out);
	osp_report_free(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_only_a_stop),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
