/* SPDX-License-Identifier: Apache-2.0
 *
 * test_report_diff.c
 *	  Comparison of two traces: rows by shape, plans, errors and losses, as JSON and as
 *	  text.
 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "failing_alloc.h"
#include "osprofiler/report.h"
#include "osprofiler/saved.h"
#include "json/json_read.h"

#define FOLDER   OSP_TEST_TOP "/tests/vectors/findings/"
#define TEXT_MAX ((size_t) 1 << 20)

/* A point of the trace "b"; us are the microseconds of its second. */
#define POINT(name, id, parent, us, info)                                 \
	"{\"name\": \"" name "\", \"base_id\": \"b\", \"trace_id\": \"" id    \
	"\", \"parent_id\": \"" parent                                        \
	"\", \"timestamp\": \"2026-11-28T10:00:00." us "\", \"info\": {" info \
	"}, \"project\": null, \"service\": \"s\"}"
#define STATEMENT(text) "\"db\": {\"statement\": \"" text "\"}"
#define PLANNED(text, kind)                  \
	"\"db\": {\"statement\": \"" text "\", " \
	"\"plan\": {\"kind\": \"" kind "\"}}"
#define NODE(name) "\"db\": {\"node\": {\"name\": \"" name "\"}}"
#define NODE_STOP \
	"\"elapsed_ns\": 1000, \"db\": {\"node\": {\"rows\": 1, \"loops\": 1}}"

/* A request of 100 ms with a statement that takes 40 ms and is executed twice. */
static const char *const quick[] = {
	POINT("app-start", "1", "b", "000000", ""),
	POINT("pg-start", "2", "1", "010000", PLANNED("SELECT 1 FROM t", "custom")),
	POINT("pg.node-start", "3", "2", "010001", NODE("Index Scan using i on t")),
	POINT("pg.node-stop", "3", "2", "010002", NODE_STOP),
	POINT("pg-stop", "2", "1", "030000", ""),
	POINT("pg-start", "4", "1", "040000", STATEMENT("SELECT 2 FROM t")),
	POINT("pg-stop", "4", "1", "060000", ""),
	POINT("pg-start", "5", "1", "070000", STATEMENT("DELETE FROM old")),
	POINT("pg-stop", "5", "1", "071000", ""),
	POINT("app-stop", "1", "b", "100000", ""),
};

/* The same request with another plan, which takes 500 ms longer, with an operation that
 * fails, and with a loss. */
static const char *const slow[] = {
	POINT("app-start", "1", "b", "000000", ""),
	POINT("pg-start", "2", "1", "010000",
		  PLANNED("SELECT 7 FROM t", "generic")),
	POINT("pg.node-start", "3", "2", "010001", NODE("Sort")),
	POINT("pg.node-start", "6", "3", "010001", NODE("Seq Scan on t")),
	POINT("pg.node-stop", "6", "3", "010002", NODE_STOP),
	POINT("pg.node-stop", "3", "2", "010002", NODE_STOP),
	POINT("pg-stop", "2", "1", "550000", ""),
	POINT("pg-start", "5", "1", "551000", STATEMENT("INSERT INTO log")),
	POINT("pg-stop", "5", "1", "552000",
		  "\"etype\": \"unique_violation\", \"message\": \"dup\\u001b[31m\""),
	POINT("osprofiler.lost-start", "9", "b", "560000", "\"lost_points\": 3"),
	POINT("app-stop", "1", "b", "600000", ""),
};

#define COUNT(points) (sizeof(points) / sizeof((points)[0]))

static osp_status
add_all(osp_report *report, const char *const *points, size_t count)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < count && status == OSP_OK; i++)
		status = osp_report_add(report, osp_str_of(points[i]), NULL);
	return status;
}

static osp_report *
report_of(const char *const *points, size_t count)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	assert_int_equal(add_all(report, points, count), OSP_OK);
	return report;
}

static osp_status
add_point(void *ctx, osp_str json)
{
	return osp_report_add((osp_report *) ctx, json, NULL);
}

static osp_report *
read_trace(const char *name)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	static char text[TEXT_MAX];
	char path[256];
	FILE *file;
	size_t len;

	(void) snprintf(path, sizeof(path), FOLDER "%s.points", name);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(
		osp_saved_points(osp_str_n(text, len), add_point, report, NULL),
		OSP_OK);
	return report;
}

/* ---- JSON ---- */

typedef struct comparison
{
	osp_report *a;
	osp_report *b;
	osp_buf json;
	osp__json_reader reader;
	char space[OSP__JSON_SPACE];
	yyjson_val *root;
} comparison;

static void
compare(comparison *c, osp_report *a, osp_report *b)
{
	c->a = a;
	c->b = b;
	osp_buf_init(&c->json, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_diff_json(a, b, &c->json), OSP_OK);
	osp__json_reader_init(
		&c->reader, &osp_allocator_default, c->space, sizeof(c->space));
	assert_int_equal(osp__json_read(&c->reader, osp_buf_str(&c->json)), OSP_OK);
	c->root = osp__json_root(&c->reader);
}

static void
end_comparison(comparison *c)
{
	osp__json_reader_term(&c->reader);
	osp_buf_term(&c->json);
	osp_report_free(c->a);
	osp_report_free(c->b);
}

static double
number(yyjson_val *object, const char *key)
{
	const char *text = yyjson_get_raw(yyjson_obj_get(object, key));

	assert_non_null(text);
	return strtod(text, NULL);
}

/* The row with this text; NULL: there is none. */
static yyjson_val *
row_of(const comparison *c, const char *text)
{
	yyjson_val *rows = yyjson_obj_get(c->root, "rows");
	size_t i;

	for (i = 0; i < yyjson_arr_size(rows); i++)
	{
		yyjson_val *row = yyjson_arr_get(rows, i);

		if (osp__json_is(yyjson_obj_get(row, "text"), osp_str_of(text)))
			return row;
	}
	return NULL;
}

static yyjson_val *
side(yyjson_val *row, const char *key)
{
	yyjson_val *value = yyjson_obj_get(row, key);

	assert_non_null(value);
	return value;
}

/* Asserts that the changes of all rows, except those of nodes, add up to the change of
 * the trace. */
static void
assert_sums(const comparison *c)
{
	yyjson_val *rows = yyjson_obj_get(c->root, "rows");
	double sum = 0;
	double last = 1e300;
	size_t i;

	for (i = 0; i < yyjson_arr_size(rows); i++)
	{
		yyjson_val *row = yyjson_arr_get(rows, i);
		double change = number(row, "change_ms");

		if (!yyjson_is_true(yyjson_obj_get(row, "part_of_statement")))
			sum += change;
		change = change < 0 ? -change : change;
		assert_true(change <= last);
		last = change;
	}
	sum -= number(c->root, "change_ms");
	assert_true(sum > -0.001 && sum < 0.001);
}

static void
test_rows(void **state)
{
	comparison c;
	yyjson_val *row;

	(void) state;
	compare(&c, report_of(quick, COUNT(quick)), report_of(slow, COUNT(slow)));
	assert_true(number(c.root, "change_ms") == 500);
	assert_sums(&c);

	/* Statements that differ only in constants are one row, with the text of the first
	 * one. */
	row = row_of(&c, "SELECT 1 FROM t");
	assert_non_null(row);
	assert_ptr_equal(row, yyjson_arr_get(yyjson_obj_get(c.root, "rows"), 0));
	assert_true(number(row, "change_ms") == 500);
	assert_true(number(side(row, "a"), "count") == 2);
	assert_true(number(side(row, "a"), "total_ms") == 40);
	assert_true(number(side(row, "b"), "count") == 1);
	assert_true(number(side(row, "b"), "max_ms") == 540);
	assert_true(
		osp__json_is(yyjson_obj_get(side(row, "b"), "longest"), OSP_STR("2")));
	assert_null(row_of(&c, "SELECT 2 FROM t"));
	assert_null(row_of(&c, "SELECT 7 FROM t"));

	/* This statement is only in one of the traces. */
	row = row_of(&c, "DELETE FROM old");
	assert_true(number(side(row, "a"), "count") == 1);
	assert_true(number(side(row, "b"), "count") == 0);
	assert_true(yyjson_is_null(yyjson_obj_get(side(row, "b"), "longest")));
	row = row_of(&c, "INSERT INTO log");
	assert_true(number(side(row, "a"), "count") == 0);
	assert_true(number(side(row, "b"), "failed") == 1);

	/* A node without a measured time has no total. */
	row = row_of(&c, "Seq Scan on t");
	assert_true(yyjson_is_true(yyjson_obj_get(row, "part_of_statement")));
	assert_null(yyjson_obj_get(side(row, "b"), "total_ms"));
	end_comparison(&c);
}

static void
test_plans(void **state)
{
	comparison c;
	yyjson_val *row;
	yyjson_val *plan;

	(void) state;
	compare(&c, report_of(quick, COUNT(quick)), report_of(slow, COUNT(slow)));
	row = row_of(&c, "SELECT 1 FROM t");
	assert_true(yyjson_is_true(yyjson_obj_get(row, "plans_differ")));
	plan = yyjson_arr_get(yyjson_obj_get(side(row, "a"), "plans"), 0);
	assert_true(osp__json_is(yyjson_obj_get(plan, "kind"), OSP_STR("custom")));
	assert_true(osp__json_is(yyjson_obj_get(plan, "nodes"),
							 OSP_STR("Index Scan using i on t")));
	plan = yyjson_arr_get(yyjson_obj_get(side(row, "b"), "plans"), 0);
	assert_true(osp__json_is(yyjson_obj_get(plan, "kind"), OSP_STR("generic")));
	assert_true(osp__json_is(yyjson_obj_get(plan, "nodes"),
							 OSP_STR("Sort (Seq Scan on t)")));

	/* Nothing is said about the plan of a statement without a plan. */
	row = row_of(&c, "DELETE FROM old");
	assert_true(yyjson_is_null(yyjson_obj_get(row, "plans_differ")));
	end_comparison(&c);

	/* If the plans are the same, there is no difference. */
	compare(&c, report_of(quick, COUNT(quick)), report_of(quick, COUNT(quick)));
	row = row_of(&c, "SELECT 1 FROM t");
	assert_true(yyjson_is_false(yyjson_obj_get(row, "plans_differ")));
	end_comparison(&c);
}

/* Adds a point of the trace "b" at this many microseconds after its beginning. */
static void
add_made(osp_report *report, const char *name, int id, const char *parent,
		 int us, const char *info)
{
	char point[512];

	(void) snprintf(point,
					sizeof(point),
					"{\"name\": \"%s\", \"base_id\": \"b\", \"trace_id\": "
					"\"%d\", \"parent_id\": \"%s\", \"timestamp\": "
					"\"2026-11-28T10:00:00.%06d\", \"info\": {%s}, "
					"\"project\": null, \"service\": null}",
					name,
					id,
					parent,
					us,
					info);
	assert_int_equal(osp_report_add(report, osp_str_of(point), NULL), OSP_OK);
}

/* Makes a trace in which one statement was executed with the plans from..to in this
 * order. Each plan differs from the others in its kind or, if nodes is set, in its
 * nodes. */
static osp_report *
report_of_plans(int from, int to, bool nodes)
{
	osp_report *report = report_of(NULL, 0);
	int step = from < to ? 1 : -1;
	int us = 0;
	int plan;

	for (plan = from; plan != to; plan += step, us += 10)
	{
		char info[128];
		char id[16];

		(void) snprintf(id, sizeof(id), "%d", 100 + plan);
		(void) snprintf(info,
						sizeof(info),
						nodes ? STATEMENT("SELECT t")
							  : PLANNED("SELECT t", "k%d"),
						plan);
		add_made(report, "pg-start", 100 + plan, "b", us, info);
		(void) snprintf(info, sizeof(info), NODE("Scan of i%d"), plan);
		if (nodes)
		{
			add_made(report, "pg.node-start", 200 + plan, id, us, info);
			add_made(report, "pg.node-stop", 200 + plan, id, us, NODE_STOP);
		}
		add_made(report, "pg-stop", 100 + plan, "b", us + 5, "");
	}
	return report;
}

/* Returns the type of the verdict in JSON. *differs: the verdict is that the plans
 * differ. Asserts that the text says the same. */
static yyjson_type
verdict_of(osp_report *a, osp_report *b, bool *differs)
{
	osp_draw_options options = {.struct_size = sizeof(options), .all = true};
	yyjson_type type;
	yyjson_val *verdict;
	comparison c;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_diff(a, b, &options, &text), OSP_OK);
	compare(&c, a, b);
	verdict = yyjson_obj_get(row_of(&c, "SELECT t"), "plans_differ");
	type = yyjson_get_type(verdict);
	*differs = yyjson_is_true(verdict);
	assert_int_equal(strstr(text.ptr, "plan in A") != NULL, *differs);
	osp_buf_term(&text);
	end_comparison(&c);
	return type;
}

/* Only some plans of a statement are kept. If there are more, the verdict is only given
 * if it is certain. */
static void
test_many_plans(void **state)
{
	bool differs;
	int nodes;

	(void) state;
	for (nodes = 0; nodes <= 1; nodes++)
	{
		/* The same plans in another order: first as many as are kept, then more. */
		assert_int_equal(verdict_of(report_of_plans(0, 8, nodes),
									report_of_plans(7, -1, nodes),
									&differs),
						 YYJSON_TYPE_BOOL);
		assert_false(differs);
		assert_int_equal(verdict_of(report_of_plans(0, 9, nodes),
									report_of_plans(8, -1, nodes),
									&differs),
						 YYJSON_TYPE_NULL);
		assert_int_equal(verdict_of(report_of_plans(0, 30, nodes),
									report_of_plans(29, -1, nodes),
									&differs),
						 YYJSON_TYPE_NULL);

		/* A plan that was not kept may be the same as one of the other trace. */
		assert_int_equal(verdict_of(report_of_plans(0, 9, nodes),
									report_of_plans(0, 9, nodes),
									&differs),
						 YYJSON_TYPE_NULL);

		/* The other trace has few plans, so all are known. This trace has others, too,
		 * so the plans differ, whichever trace is the first one. */
		assert_int_equal(verdict_of(report_of_plans(0, 9, nodes),
									report_of_plans(0, 1, nodes),
									&differs),
						 YYJSON_TYPE_BOOL);
		assert_true(differs);
		assert_int_equal(verdict_of(report_of_plans(8, 9, nodes),
									report_of_plans(0, 9, nodes),
									&differs),
						 YYJSON_TYPE_BOOL);
		assert_true(differs);
	}
}

#define NESTED_MAX 20000

/* The CPU time in seconds to compare a trace with an empty one. A statement of the
 * trace has many operations of two kinds, alternately. They are nested in each other,
 * or siblings. */
static double
seconds_of(bool nested, const char *even, const char *odd)
{
	osp_report *report = report_of(NULL, 0);
	struct timespec begin;
	struct timespec end;
	comparison c;
	char name[32];
	int i;

	for (i = 0; i < 2 * NESTED_MAX; i++)
	{
		int id = i < NESTED_MAX ? i : 2 * NESTED_MAX - 1 - i;
		char parent[16] = "b";

		(void) snprintf(name,
						sizeof(name),
						"%s-%s",
						id == 0       ? "pg"
						: id % 2 == 0 ? even
									  : odd,
						i < NESTED_MAX ? "start" : "stop");
		if (nested && id > 0)
			(void) snprintf(parent, sizeof(parent), "%d", id - 1);
		add_made(report, name, id, parent, i, STATEMENT("SELECT t"));
	}
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin), 0);
	compare(&c, report, report_of(NULL, 0));
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end), 0);
	end_comparison(&c);
	return (double) (end.tv_sec - begin.tv_sec) +
		   (double) (end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* The time for a comparison does not grow with the square of the depth. */
static void
test_nested(void **state)
{
	static const char *const kinds[][2] = {{"pg", "pg"},
										   {"pg", "pg.function"},
										   {"pg", "pg.node"},
										   {"pg.node", "pg.node"}};
	double flat = seconds_of(false, "pg", "pg");
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(kinds); i++)
	{
		double nested = seconds_of(true, kinds[i][0], kinds[i][1]);

		if (nested > 10 * flat)
			fail_msg("%s: %f s, flat: %f s", kinds[i][1], nested, flat);
	}
}

static void
test_errors(void **state)
{
	comparison c;
	yyjson_val *errors;
	yyjson_val *error;

	(void) state;
	compare(&c, report_of(quick, COUNT(quick)), report_of(slow, COUNT(slow)));
	errors = yyjson_obj_get(c.root, "errors");
	assert_int_equal(yyjson_arr_size(errors), 1);
	error = yyjson_arr_get(errors, 0);
	assert_true(number(error, "a") == 0 && number(error, "b") == 1);
	assert_true(osp__json_is(yyjson_obj_get(error, "error"),
							 OSP_STR("unique_violation: dup\033[31m")));
	assert_true(osp__json_is(yyjson_obj_get(error, "text"),
							 OSP_STR("INSERT INTO log")));
	end_comparison(&c);
}

/* The comparison reports that one of the traces has lost points, whichever it is. */
static void
test_losses(void **state)
{
	osp_draw_options options = {.struct_size = sizeof(options)};
	comparison c;
	osp_buf text;

	(void) state;
	compare(&c, report_of(quick, COUNT(quick)), report_of(slow, COUNT(slow)));
	assert_true(yyjson_is_true(yyjson_obj_get(c.root, "doubtful")));
	assert_true(number(side(c.root, "b"), "lost_points") == 3);
	assert_true(number(side(c.root, "b"), "operations") == 5);
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_diff(c.a, c.b, &options, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "3 points lost"));
	assert_non_null(strstr(text.ptr, "Trace B is not whole"));
	osp_buf_reset(&text);
	assert_int_equal(osp_report_diff(c.b, c.a, &options, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "Trace A is not whole"));
	osp_buf_reset(&text);
	assert_int_equal(osp_report_diff(c.b, c.b, &options, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "Both traces are not whole"));
	osp_buf_reset(&text);
	assert_int_equal(osp_report_diff(c.a, c.a, &options, &text), OSP_OK);
	assert_null(strstr(text.ptr, "not whole"));
	assert_non_null(strstr(text.ptr, "Both took the same time."));
	osp_buf_term(&text);
	end_comparison(&c);
}

static void
test_drawing(void **state)
{
	osp_draw_options options = {.struct_size = sizeof(options), .all = true};
	osp_report *a = report_of(quick, COUNT(quick));
	osp_report *b = report_of(slow, COUNT(slow));
	osp_buf text;

	(void) state;
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_diff(a, b, &options, &text), OSP_OK);
	assert_non_null(
		strstr(text.ptr, "B took 500 ms longer, 6 times as long.\n"));
	assert_non_null(strstr(text.ptr,
						   "  +500 ms   40.0 ms ->   540 ms   40.0 ms ->   540 "
						   "ms       2 ->      1  pg  SELECT 1 FROM t\n"));
	assert_non_null(
		strstr(text.ptr, "plan in A: custom: Index Scan using i on t\n"));
	assert_non_null(
		strstr(text.ptr, "plan in B: generic: Sort (Seq Scan on t)\n"));
	assert_non_null(strstr(text.ptr, "only in A  pg  DELETE FROM old\n"));
	assert_non_null(strstr(text.ptr, "Errors in B only:\n      1 x  "));

	/* Texts from outside cannot control the terminal. */
	assert_null(strchr(text.ptr, '\033'));
	osp_buf_reset(&text);
	assert_int_equal(osp_report_diff(b, a, &options, &text), OSP_OK);
	assert_non_null(strstr(text.ptr, "B took 500 ms less, -83.3 %.\n"));
	assert_non_null(strstr(text.ptr, "Errors in A only:\n"));
	osp_buf_term(&text);
	osp_report_free(a);
	osp_report_free(b);
}

/* Makes a trace of a statement whose plan has these nodes, each below the one before.
 * Without nodes, only the plan's number from its planning is known. */
static osp_report *
planned(const char *const *nodes, const char *tree, int ms)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	char points[16][400];
	const char *list[16];
	size_t count = 0;
	int i;

#define ADD_POINT(name, id, parent, at, info)                                  \
	(void) snprintf(points[count],                                             \
					sizeof(points[0]),                                         \
					"{\"name\": \"%s\", \"base_id\": \"b\", \"trace_id\": "    \
					"\"%s\", \"parent_id\": \"%s\", \"timestamp\": "           \
					"\"2026-11-28T10:00:00.%06d\", \"info\": {\"db\": {%s}}, " \
					"\"project\": null, \"service\": null}",                   \
					name,                                                      \
					id,                                                        \
					parent,                                                    \
					(at) *1000,                                                \
					info);                                                     \
	list[count] = points[count];                                               \
	count++
	assert_non_null(report);
	ADD_POINT("pg-start", "s", "b", 0, "\"statement\": \"SELECT 1 FROM t\"");
	ADD_POINT("pg.plan-start", "p", "s", 1, "");
	ADD_POINT("pg.plan-stop", "p", "s", 2, tree);
	for (i = 0; nodes[i] != NULL; i++)
	{
		char id[8];
		char parent[8];
		char info[128];

		(void) snprintf(id, sizeof(id), "n%d", i);
		(void) snprintf(parent, sizeof(parent), "n%d", i - 1);
		(void) snprintf(
			info, sizeof(info), "\"node\": {\"name\": \"%s\"}", nodes[i]);
		ADD_POINT("pg.node-start", id, i > 0 ? parent : "s", 3 + i, info);
	}
	ADD_POINT("pg-stop", "s", "b", ms, "");
#undef ADD_POINT
	assert_int_equal(add_all(report, list, count), OSP_OK);
	return report;
}

/* The text says which plans are the same. It compares different ones node by node, also
 * if only one side took long enough for its nodes to be recorded. */
static void
test_plans_in_words(void **state)
{
#define TREE(number) "\"plan\": {\"tree\": " #number "}"
	static const char *const scan[] = {"Sort", "Seq Scan on t", NULL};
	static const char *const index[] = {
		"Sort", "Index Scan using i on t", NULL};
	static const char *const other[] = {"Seq Scan on t", NULL};
	static const char *const none[] = {NULL};
	static const struct
	{
		const char *const *a;
		const char *tree_a;
		const char *const *b;
		const char *tree_b;
		const char *says;
		const char *never;
	} cases[] = {
		{scan, "", scan, "", "\n    same plan\n", "plan in A"},
		{scan,
		 "",
		 index,
		 "",
		 "changed: Seq Scan on t -> Index Scan using i on t\n",
		 "same plan"},
		{scan, "", other, "", "plan in B: Seq Scan on t\n", "changed:"},
		{none, TREE(7), scan, TREE(7), "same plan\n", "plan in"},
		{none,
		 TREE(7),
		 scan,
		 TREE(8),
		 "plan in A: another one; its nodes were not recorded\n",
		 "same plan"},
		{none, TREE(7), none, TREE(7), "same plan\n", "plan in"},
		{none, "", scan, TREE(8), "SELECT 1 FROM t\n", "plan in"},
		{none, "", scan, TREE(8), "SELECT 1 FROM t\n", "same plan"},
	};
	osp_draw_options options = {.struct_size = sizeof(options)};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *a = planned(cases[i].a, cases[i].tree_a, 20);
		osp_report *b = planned(cases[i].b, cases[i].tree_b, 500);
		osp_buf text;

		osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
		assert_int_equal(osp_report_diff(a, b, &options, &text), OSP_OK);
		if (strstr(text.ptr, cases[i].says) == NULL ||
			strstr(text.ptr, cases[i].never) != NULL)
			fail_msg("%s: %s", cases[i].says, text.ptr);
		osp_buf_term(&text);
		osp_report_free(a);
		osp_report_free(b);
	}
}

/* Many small changes that are large together are drawn, up to the limit of rows. */
static void
test_small_changes(void **state)
{
	osp_draw_options options = {.struct_size = sizeof(options)};
	osp_report *reports[2];
	const char *at;
	int rows = 0;
	osp_buf text;
	int i;
	int k;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		reports[i] = osp_report_new(&osp_allocator_default);
		assert_non_null(reports[i]);
		for (k = 0; k < 400; k++)
		{
			char point[512];

			(void) snprintf(
				point,
				sizeof(point),
				"{\"name\": \"db-%s\", \"base_id\": \"b\", \"trace_id\": "
				"\"%d\", \"parent_id\": \"b\", \"timestamp\": "
				"\"2026-11-28T10:00:00.%06d\", \"info\": {\"db\": "
				"{\"statement\": \"SELECT t%d\"}}, \"project\": null, "
				"\"service\": null}",
				k % 2 == 0 ? "start" : "stop",
				k / 2,
				k / 2 * 1000 + k % 2 * (i == 0 ? 500 : 900),
				k / 2);
			assert_int_equal(
				osp_report_add(reports[i], osp_str_of(point), NULL), OSP_OK);
		}
	}
	osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_diff(reports[0], reports[1], &options, &text),
					 OSP_OK);
	for (at = text.ptr; (at = strstr(at, "db  SELECT")) != NULL; at++)
		rows++;
	assert_int_equal(rows, 19);
	rows = 0;
	options.all = true;
	osp_buf_reset(&text);
	assert_int_equal(osp_report_diff(reports[0], reports[1], &options, &text),
					 OSP_OK);
	for (at = text.ptr; (at = strstr(at, "db  SELECT")) != NULL; at++)
		rows++;
	assert_int_equal(rows, 200);
	osp_buf_term(&text);
	osp_report_free(reports[0]);
	osp_report_free(reports[1]);
}

/* The columns of a line. */
static size_t
columns_of(const char *line)
{
	size_t columns = 0;

	for (; *line != '\n' && *line != '\0'; line++)
		columns += ((unsigned char) *line & 0xC0) != 0x80;
	return columns;
}

/* No line is wider than the terminal. */
static void
test_widths(void **state)
{
	static const char *const names[] = {"filter", "failure", "workers"};
	osp_report *lossy = report_of(slow, COUNT(slow));
	osp_draw_options options = {.struct_size = sizeof(options), .all = true};
	unsigned width;
	size_t i;

	(void) state;
	for (i = 0; i < COUNT(names); i++)
	{
		osp_report *report = read_trace(names[i]);

		for (width = 40; width <= 250; width++)
		{
			osp_buf text;
			const char *line;

			options.width = width;
			options.unicode = width % 2 == 0;
			options.all = width % 3 != 0;
			osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
			assert_int_equal(osp_report_diff(report, lossy, &options, &text),
							 OSP_OK);
			for (line = text.ptr; *line != '\0';
				 line += strcspn(line, "\n") + 1)
				if (columns_of(line) > width)
					fail_msg("%u columns: %s", width, line);
			osp_buf_term(&text);
		}
		osp_report_free(report);
	}
	osp_report_free(lossy);
}

/* Recorded traces are compared with each other, and with an empty one. The sums are
 * right. */
static void
test_recorded(void **state)
{
	static const char *const names[] = {
		"filter", "failure", "repeat", "workers", "trigger", "sqlite_scan"};
	size_t i;
	size_t k;

	(void) state;
	for (i = 0; i < COUNT(names); i++)
	{
		comparison c;

		for (k = 0; k < COUNT(names); k++)
		{
			compare(&c, read_trace(names[i]), read_trace(names[k]));
			assert_sums(&c);
			end_comparison(&c);
		}
		compare(&c, report_of(NULL, 0), read_trace(names[i]));
		assert_sums(&c);
		end_comparison(&c);
		compare(&c, read_trace(names[i]), report_of(NULL, 0));
		assert_sums(&c);
		end_comparison(&c);
	}
}

static osp_status
compare_once(const osp_allocator *alc)
{
	osp_draw_options options = {.struct_size = sizeof(options)};
	osp_report *a = osp_report_new(alc);
	osp_report *b = osp_report_new(alc);
	osp_status status = a == NULL || b == NULL ? OSP_ENOMEM : OSP_OK;
	osp_buf out;

	osp_buf_init(&out, alc, TEXT_MAX);
	if (status == OSP_OK)
		status = add_all(a, quick, COUNT(quick));
	if (status == OSP_OK)
		status = add_all(b, slow, COUNT(slow));
	if (status == OSP_OK)
		status = osp_report_diff(a, b, &options, &out);
	if (status == OSP_OK)
		status = osp_report_diff_json(a, b, &out);
	osp_buf_term(&out);
	osp_report_free(a);
	osp_report_free(b);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
		failing_alloc_check(&fa, compare_once(&fa.alc));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_many_plans),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_drawing),
		cmocka_unit_test(test_plans_in_words),
		cmocka_unit_test(test_small_changes),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
