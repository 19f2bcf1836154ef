/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report.c
 *	  The tree of a trace: which points are one operation, its parent, and the order of
 *	  siblings, whatever points arrive.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "failing_alloc.h"
#include "osprofiler/report.h"
#include "report/report_tree.h"

#define DEEP 200000
#define BASE "base"

static void
add_json(osp_report *report, const char *json, osp_status expected)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = osp_report_add(report, osp_str_of(json), &err);

	assert_int_equal(status, expected);
	assert_int_equal(err.code, expected);
}

/* Adds a point at this many microseconds after midnight. */
static osp_status
try_add(osp_report *report, const char *name, const char *id,
		const char *parent, int us)
{
	char json[512];

	(void) snprintf(json,
					sizeof(json),
					"{\"name\": \"%s\", \"base_id\": \"" BASE
					"\", \"trace_id\": \"%s\", \"parent_id\": \"%s\", "
					"\"timestamp\": \"2026-11-22T00:%02d:%02d.%06d\", "
					"\"info\": {\"host\": \"h\"}, \"project\": null, "
					"\"service\": null}",
					name,
					id,
					parent,
					us / 60000000,
					us / 1000000 % 60,
					us % 1000000);
	return osp_report_add(report, osp_str_of(json), NULL);
}

static void
add(osp_report *report, const char *name, const char *id, const char *parent,
	int us)
{
	assert_int_equal(try_add(report, name, id, parent, us), OSP_OK);
}

/* Asserts the tree of trace ids, such as "a(b c(d))", with siblings in their order. */
static void
assert_tree(osp_report *report, const char *expected)
{
	osp_buf text;
	osp__node *node;
	int depth = 0;
	int before = 0;
	bool first = true;

	assert_int_equal(osp__report_build(report), OSP_OK);
	osp_buf_init(&text, &osp_allocator_default, 1 << 20);
	osp_buf_add_str(&text, OSP_STR(""));
	for (node = report->first_root; node != NULL;
		 node = osp__node_next(node, &depth))
	{
		for (; before > depth; before--)
			osp_buf_add_char(&text, ')');
		if (depth > before)
			osp_buf_add_char(&text, '(');
		else if (!first)
			osp_buf_add_char(&text, ' ');
		osp_buf_add(&text, node->trace_id.ptr + 1, node->trace_id.len - 2);
		before = depth;
		first = false;
	}
	for (; before > 0; before--)
		osp_buf_add_char(&text, ')');
	osp_buf_reserve(&text, 1);
	assert_string_equal(text.ptr, expected);
	osp_buf_term(&text);
}

static int
setup(void **state)
{
	*state = osp_report_new(&osp_allocator_default);
	return *state == NULL;
}

static int
teardown(void **state)
{
	osp_report_free(*state);
	return 0;
}

static void
test_empty(void **state)
{
	osp_report *report = *state;

	assert_tree(report, "");
	assert_int_equal(osp_report_points(report), 0);
	assert_int_equal(osp_report_duplicates(report), 0);
	assert_int_equal(osp_report_malformed(report), 0);
	osp_report_free(NULL);
}

/* Points may arrive in any order. The tree may be read before all have arrived. */
static void
test_order_of_arrival(void **state)
{
	static const struct
	{
		const char *name;
		const char *id;
		const char *parent;
		int us;
	} points[] = {{"w-start", "a", BASE, 0},
				  {"d-start", "b", "a", 10},
				  {"p-start", "c", "b", 20},
				  {"p-stop", "c", "b", 30},
				  {"d-stop", "b", "a", 40},
				  {"d-start", "d", "a", 50},
				  {"d-stop", "d", "a", 60},
				  {"w-stop", "a", BASE, 70}};
	const size_t count = sizeof(points) / sizeof(points[0]);
	size_t first;
	size_t i;

	(void) state;
	for (first = 0; first < 2 * count; first++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);

		assert_non_null(report);
		for (i = 0; i < count; i++)
		{
			/* The points are rotated by first, and added forwards or backwards. */
			size_t k = (first + i) % count;

			if (first >= count)
				k = count - 1 - k;
			add(report,
				points[k].name,
				points[k].id,
				points[k].parent,
				points[k].us);
			assert_int_equal(osp__report_build(report), OSP_OK);
		}
		assert_tree(report, "a(b(c) d)");
		assert_int_equal(osp_report_points(report), count);
		osp_report_free(report);
	}
}

static void
test_sibling_order(void **state)
{
	osp_report *report = *state;

	/* Operations that begin in the same microsecond are ordered by their ends, then by
	 * their ids. */
	add(report, "d-start", "z", BASE, 5);
	add(report, "d-stop", "z", BASE, 5);
	add(report, "d-start", "y", BASE, 5);
	add(report, "d-stop", "y", BASE, 7);
	add(report, "d-start", "x", BASE, 5);
	add(report, "d-stop", "x", BASE, 6);
	add(report, "d-start", "w", BASE, 4);
	add(report, "d-start", "v", BASE, 5);
	add(report, "d-stop", "v", BASE, 5);
	assert_tree(report, "w v z x y");
}

static void
test_sibling_order_elapsed(void **state)
{
	osp_report *report = *state;
	const char *format =
		"{\"name\": \"d-stop\", \"trace_id\": \"%s\", \"timestamp\": "
		"\"2026-11-22T00:00:00.000005\", \"info\": {\"elapsed_ns\": %s}}";
	char json[256];

	(void) snprintf(json, sizeof(json), format, "a", "700");
	add_json(report, json, OSP_OK);
	(void) snprintf(json, sizeof(json), format, "b", "600");
	add_json(report, json, OSP_OK);
	(void) snprintf(json, sizeof(json), format, "c", "\"1\"");
	add_json(report, json, OSP_OK);
	add(report, "d-start", "a", BASE, 5);
	add(report, "d-start", "b", BASE, 5);
	add(report, "d-start", "c", BASE, 5);
	assert_tree(report, "c b a");
}

static void
test_orphans(void **state)
{
	osp_report *report = *state;

	add(report, "d-start", "b", "nobody", 20);
	add(report, "d-start", "a", BASE, 10);
	add(report, "d-start", "c", "b", 30);
	assert_tree(report, "a b(c)");

	/* The parent arrives later. */
	add(report, "d-start", "nobody", "a", 15);
	assert_tree(report, "a(nobody(b(c)))");
}

static void
test_duplicates(void **state)
{
	osp_report *report = *state;
	int i;

	for (i = 0; i < 3; i++)
	{
		add(report, "d-start", "a", BASE, 10);
		add(report, "d-stop", "a", BASE, 20);
	}
	assert_tree(report, "a");
	assert_int_equal(osp_report_points(report), 2);
	assert_int_equal(osp_report_duplicates(report), 4);

	/* The same point arrives with other bytes. Upstream keeps the last one. */
	add(report, "d-stop", "a", BASE, 30);
	assert_int_equal(osp_report_points(report), 2);
	assert_int_equal(osp_report_duplicates(report), 5);
	assert_tree(report, "a");
	assert_true(report->first_root->finished_ns -
					report->first_root->started_ns ==
				20000);
}

/* A trace_id has many more points than any program makes. */
static void
test_many_points_of_a_node(void **state)
{
	osp_report *report = *state;
	int round;
	int i;

	for (round = 0; round < 2; round++)
	{
		for (i = 0; i < 1000; i++)
		{
			char name[32];

			(void) snprintf(name, sizeof(name), "d%d-start", i);
			add(report, name, "a", BASE, i);
			add(report, name, i % 2 == 0 ? "b" : "c", "a", i);
		}
	}
	assert_int_equal(osp_report_points(report), 2000);
	assert_int_equal(osp_report_duplicates(report), 2000);
	assert_tree(report, "a(b c)");
}

static void
test_missing_points(void **state)
{
	osp_report *report = *state;

	add(report, "d-stop", "a", BASE, 10);
	add(report, "d-start", "b", BASE, 20);
	add(report, "d-stop", "c", "b", 30);
	assert_tree(report, "a b(c)");
}

/* Operations whose ancestors form a ring are in the tree, too. */
static void
test_rings(void **state)
{
	osp_report *report = *state;

	add(report, "d-start", "self", "self", 40);
	add(report, "d-start", "x", "self", 41);
	assert_tree(report, "self(x)");

	add(report, "d-start", "c", "b", 30);
	add(report, "d-start", "b", "a", 20);
	assert_tree(report, "b(c) self(x)");
	add(report, "d-start", "a", "c", 25);
	add(report, "d-start", "below", "a", 50);
	assert_tree(report, "b(c(a(below))) self(x)");
	assert_true(report->first_root->cycle);
	add(report, "d-start", "two", "one", 1);
	add(report, "d-start", "one", "two", 2);
	assert_tree(report, "two(one) b(c(a(below))) self(x)");
}

static osp_report *
make_deep(int levels)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int i;

	assert_non_null(report);
	for (i = levels; i > 0; i--)
	{
		char id[24];
		char parent[24];

		(void) snprintf(id, sizeof(id), "%d", i);
		(void) snprintf(parent, sizeof(parent), "%d", i - 1);
		add(report, "d-start", id, parent, i);
	}
	return report;
}

static osp_status
count_bytes(void *ctx, osp_str piece)
{
	size_t *bytes = ctx;

	*bytes += piece.len;
	return OSP_OK;
}

static void
ignore_line(void *ctx, const char *line)
{
	(void) ctx;
	(void) line;
}

/* The depth of the tree uses no stack, and the size of the output does not grow with
 * its square. */
static void
test_deep(void **state)
{
	osp_report *report = make_deep(DEEP);
	osp_draw_options options;
	size_t bytes = 0;
	size_t breaches = 0;
	osp__node *node;
	int depth = 0;
	int deepest = 0;
	osp_buf text;

	(void) state;
	assert_int_equal(osp__report_build(report), OSP_OK);
	for (node = report->first_root; node != NULL;
		 node = osp__node_next(node, &depth))
		deepest = depth > deepest ? depth : deepest;
	assert_int_equal(deepest, DEEP - 1);

	assert_int_equal(osp_report_json_write(report, count_bytes, &bytes),
					 OSP_OK);
	assert_true(bytes > (size_t) DEEP * 200 && bytes < (size_t) DEEP * 600);

	osp_buf_init(&text, &osp_allocator_default, (size_t) 1 << 30);
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.width = 80;
	assert_int_equal(osp_report_draw(report, &options, &text), OSP_OK);
	assert_true(text.len < (size_t) DEEP * 100);
	osp_buf_term(&text);

	/* No operation has a stop, and the parent of the first one is missing. */
	assert_int_equal(osp_report_check(report, ignore_line, NULL, &breaches),
					 OSP_OK);
	assert_int_equal(breaches, DEEP + 1);
	osp_report_free(report);
}

static void
test_malformed(void **state)
{
	static const char wrong_name[] =
		"{\"name\": 1, \"trace_id\": \"t\", \"timestamp\": "
		"\"2026-11-22T00:00:00.0\"}";
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		wrong_name,
		"{\"name\": \"d-start\", \"timestamp\": \"2026-11-22T00:00:00.0\"}",
		"{\"name\": \"d-start\", \"trace_id\": \"t\"}",
		"{\"name\": \"d-start\", \"trace_id\": \"t\", \"timestamp\": 7}",
		"{\"name\": \"d-start\", \"trace_id\": \"t\", \"timestamp\": \"now\"}"};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	osp_report *report = *state;
	size_t i;

	for (i = 0; i < count; i++)
		add_json(report, texts[i], OSP_EPROTO);
	assert_int_equal(osp_report_malformed(report), count);
	assert_int_equal(osp_report_latest_ns(report), 0);
	add(report, "d-start", "a", BASE, 1);
	assert_true(osp_report_latest_ns(report) > 0);
	assert_tree(report, "a");
	assert_int_equal(osp_report_malformed(report), count);
}

/* The report says why the first malformed line is malformed. */
static void
test_malformed_why(void **state)
{
	osp_report *report = *state;
	osp_buf deep;
	int i;

	assert_string_equal(osp_report_malformed_why(report), "");
	osp_buf_init(&deep, &osp_allocator_default, 1 << 20);
	osp_buf_add_str(&deep, OSP_STR("{\"info\": "));
	for (i = 0; i < OSP_JSON_DEPTH_MAX; i++)
		osp_buf_add_char(&deep, '[');
	for (i = 0; i < OSP_JSON_DEPTH_MAX; i++)
		osp_buf_add_char(&deep, ']');
	osp_buf_add_char(&deep, '}');
	add_json(report, deep.ptr, OSP_EPROTO);
	osp_buf_term(&deep);
	add_json(report, "{", OSP_EPROTO);
	assert_string_equal(osp_report_malformed_why(report),
						"nested deeper than 256 levels");
	assert_int_equal(osp_report_malformed(report), 2);
}

/* Each malformed line has an error of its own. */
static void
test_malformed_errors(void **state)
{
	osp_report *report = *state;
	osp_error err = {OSP_OK, ""};

	assert_int_equal(osp_report_add(report, OSP_STR("{"), &err), OSP_EPROTO);
	assert_string_equal(err.msg, "not JSON");
	assert_int_equal(osp_report_add(report, OSP_STR("[]"), &err), OSP_EPROTO);
	assert_string_equal(err.msg, "not a JSON object");
	assert_string_equal(osp_report_malformed_why(report), "not JSON");
}

/* Several operations have the same id. When a trace is followed its points are added
 * again and again, and do not count as further operations. */
static void
test_repeated(void **state)
{
	osp_report *report = *state;
	int round;

	add(report, "x-start", "x", BASE, 1);
	add(report, "x-stop", "x", BASE, 2);
	for (round = 0; round < 3; round++)
	{
		int i;

		for (i = 0; i < 10; i++)
		{
			add(report, "a-start", "a", BASE, 10 + i);
			add(report, "a-stop", "a", BASE, 20 + i);
		}
		add(report, "x-start", "x", BASE, 1);
		assert_int_equal(osp_report_repeated(report), 18);
	}
	add(report, "b-start", "a", BASE, 40);
	assert_int_equal(osp_report_repeated(report), 19);
	add(report, "b-stop", "a", BASE, 41);
	assert_int_equal(osp_report_repeated(report), 20);
	assert_tree(report, "x a");
}

/* Notifications with which upstream's reader would crash. */
static void
test_lenient(void **state)
{
	osp_report *report = *state;

	add_json(report,
			 "{\"name\": \"d-start\", \"trace_id\": \"a\", \"timestamp\": "
			 "\"2026-11-22T00:00:00.000000001Z\"}",
			 OSP_OK);
	add_json(report,
			 "{\"name\": \"d-start\", \"trace_id\": \"\\u0062\", "
			 "\"parent_id\": \"\\u0061\", \"info\": 7, \"timestamp\": "
			 "\"2026-11-22 00:00:00\"}",
			 OSP_OK);
	add_json(report,
			 "{\"name\": \"\xff-stop\", \"trace_id\": \"c\", "
			 "\"parent_id\": null, \"project\": {}, \"timestamp\": "
			 "\"2026-11-22T01:00:00+01:00\"}",
			 OSP_OK);
	assert_tree(report, "c a(b)");
}

/* The largest differences between times do not overflow. */
static void
test_far_apart(void **state)
{
	osp_report *report = *state;
	osp_draw_options options;
	size_t breaches;
	size_t bytes = 0;
	osp_buf text;

	add_json(report,
			 "{\"name\": \"d-start\", \"trace_id\": \"a\", \"timestamp\": "
			 "\"1678-01-01T00:00:00.0\"}",
			 OSP_OK);
	add_json(report,
			 "{\"name\": \"d-stop\", \"trace_id\": \"a\", \"timestamp\": "
			 "\"2261-12-31T23:59:59.999999\", \"info\": {\"elapsed_ns\": "
			 "999999999999999999}}",
			 OSP_OK);
	add_json(report,
			 "{\"name\": \"d-stop\", \"trace_id\": \"b\", \"parent_id\": "
			 "\"a\", \"timestamp\": \"2261-01-01T00:00:00.0\", \"info\": "
			 "{\"elapsed_ns\": -999999999999999999}}",
			 OSP_OK);
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.times = true;
	osp_buf_init(&text, &osp_allocator_default, 1 << 20);
	assert_int_equal(osp_report_draw(report, &options, &text), OSP_OK);
	assert_int_equal(osp_report_json_write(report, count_bytes, &bytes),
					 OSP_OK);
	assert_int_equal(osp_report_check(report, ignore_line, NULL, &breaches),
					 OSP_OK);
	assert_true(osp__report_ms(report, report->finished_ns) ==
				INT64_C(18429206399999));
	osp_buf_term(&text);
}

static osp_status
work(const osp_allocator *alc)
{
	osp_report *report = osp_report_new(alc);
	osp_draw_options options;
	osp_status status = OSP_OK;
	size_t breaches;
	size_t bytes = 0;
	osp_buf text;
	int i;

	if (report == NULL)
		return OSP_ENOMEM;
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	osp_buf_init(&text, alc, (size_t) 1 << 24);
	for (i = 0; i < 300 && status == OSP_OK; i++)
	{
		char name[24];
		char id[24];

		(void) snprintf(
			name, sizeof(name), "%s%d-start", i % 5 == 0 ? "\\/" : "d", i);
		(void) snprintf(id, sizeof(id), "%d", i < 280 ? i : 280);
		status = try_add(report, name, id, "1", i);
	}
	if (status == OSP_OK)
		status = osp_report_add(
			report,
			OSP_STR("{\"name\": \"x\\\"\", \"name\": \"\xc3\xa9\\\\\", "
					"\"trace_id\": \"t\", \"timestamp\": "
					"\"2026-11-22T00:00:00.0\"}"),
			NULL);
	if (status == OSP_OK)
		status = osp_report_json_write(report, count_bytes, &bytes);
	if (status == OSP_OK)
		status = osp_report_draw(report, &options, &text);
	if (status == OSP_OK)
		status = osp_report_check(report, ignore_line, NULL, &breaches);
	osp_buf_term(&text);
	osp_report_free(report);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_status status = work(&fa.alc);

		failing_alloc_check(&fa, status);
	}
}

/* If there was no memory for a point, nothing of it is kept, and it can be added
 * again. */
static void
test_again_after_no_memory(void **state)
{
	failing_alloc fa;
	size_t fail_at;

	(void) state;
	for (fail_at = 2; fail_at < 12; fail_at++)
	{
		osp_report *report;

		failing_alloc_init_counting(&fa);
		fa.fail_at = fail_at;
		report = osp_report_new(&fa.alc);
		assert_non_null(report);
		while (try_add(report, "d-start", "a", BASE, 1) != OSP_OK)
		{
			assert_true(fa.failed);
			assert_int_equal(report->node_count, 0);
			assert_int_equal(osp_report_points(report), 0);
		}
		while (try_add(report, "d-stop", "a", BASE, 2) != OSP_OK)
			assert_true(fa.failed);
		while (osp__report_build(report) != OSP_OK)
			assert_true(fa.failed);
		assert_tree(report, "a");
		assert_int_equal(osp_report_points(report), 2);
		assert_int_equal(osp_report_duplicates(report), 0);
		osp_report_free(report);
		assert_int_equal(fa.live, 0);
	}
}

#define report_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		report_test(test_empty),
		cmocka_unit_test(test_order_of_arrival),
		report_test(test_sibling_order),
		report_test(test_sibling_order_elapsed),
		report_test(test_orphans),
		report_test(test_duplicates),
		report_test(test_many_points_of_a_node),
		report_test(test_missing_points),
		report_test(test_rings),
		cmocka_unit_test(test_deep),
		report_test(test_malformed),
		report_test(test_malformed_why),
		report_test(test_malformed_errors),
		report_test(test_repeated),
		report_test(test_lenient),
		report_test(test_far_apart),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_again_after_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
