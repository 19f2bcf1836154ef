/* SPDX-License-Identifier: Apache-2.0
 *
 * test_page_data.c
 *	  The data of a page: its form, and errors. tests/cli/html.t checks that it has all
 *	  data of the notifications.
 */
#include "tap.h"

#include <stdio.h>

#include "failing_alloc.h"
#include "osprofiler/report.h"
#include "json/json_read.h"

#define TEXT_MAX ((size_t) 1 << 24)
#define BASE     "\"base_id\": \"b\", "
#define TIME(us) "\"timestamp\": \"2026-11-28T10:00:00." us "\", "
#define REST     "\"project\": null, \"service\": \"s\"}"

static const char *const points[] = {
	"{\"name\": \"app-start\", " BASE "\"trace_id\": \"1\", \"parent_id\": "
	"\"b\", " TIME("000000") "\"info\": {\"host\": \"<h>\"}, " REST,
	"{\"name\": \"db-start\", " BASE "\"trace_id\": \"2\", \"parent_id\": "
	"\"1\", " TIME("000100") "\"info\": {\"db\": {\"statement\": "
							 "\"SELECT '</script>'\"}}, " REST,
	"{\"name\": \"db-stop\", " BASE "\"trace_id\": \"2\", \"parent_id\": "
	"\"1\", " TIME("000300") "\"info\": {\"etype\": \"e\", \"big\": "
							 "12345678901234567890, \"x\": [1.50, -0, true, "
							 "null, 1e9]}, " REST,
	"{\"name\": \"app-stop\", " BASE "\"trace_id\": \"1\", \"parent_id\": "
	"\"b\", " TIME("000400") "\"info\": {}, " REST,
	"{\"name\": \"osprofiler.lost-start\", " BASE "\"trace_id\": \"3\", "
	"\"parent_id\": \"b\", " TIME(
		"000400") "\"info\": {\"lost_points\": 4}, " REST,
	"{\"name\": \"lone-start\", " BASE "\"trace_id\": \"4\", \"parent_id\": "
	"\"nowhere\", " TIME("000200") "\"info\": {}, " REST,
};

#define POINTS (sizeof(points) / sizeof(points[0]))

static osp_status
add_points(osp_report *report, size_t count)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < count && status == OSP_OK; i++)
		status = osp_report_add(report, osp_str_of(points[i]), NULL);
	return status;
}

static osp_status
append(void *ctx, osp_str piece)
{
	osp_buf_add_str((osp_buf *) ctx, piece);
	return osp_buf_status((osp_buf *) ctx);
}

/* Writes the page's data of the first count points. The caller frees out. */
static void
write_data(size_t count, osp_buf *out)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	assert_non_null(report);
	assert_int_equal(add_points(report, count), OSP_OK);
	osp_buf_init(out, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_page_write(report, append, out), OSP_OK);
	osp_report_free(report);
}

static char space[OSP__JSON_SPACE];

static yyjson_val *
read_data(osp__json_reader *reader, const osp_buf *data)
{
	osp__json_reader_init(reader, &osp_allocator_default, space, sizeof(space));
	assert_int_equal(osp__json_read(reader, osp_buf_str(data)), OSP_OK);
	return osp__json_root(reader);
}

static yyjson_val *
item(yyjson_val *data, const char *list, size_t at)
{
	yyjson_val *value = yyjson_arr_get(yyjson_obj_get(data, list), at);

	assert_non_null(value);
	return value;
}

static int64_t
number(yyjson_val *data, const char *list, size_t at)
{
	int64_t value;

	assert_true(osp__json_i64(item(data, list, at), &value));
	return value;
}

static osp_str
text(yyjson_val *data, const char *list, size_t at)
{
	return osp__json_str(
		item(data, "strings", (size_t) number(data, list, at)));
}

static void
test_columns(void **state)
{
	static const char *const columns[] = {"depth",
										  "name",
										  "id",
										  "begin",
										  "duration",
										  "self",
										  "kind",
										  "state",
										  "text",
										  "error",
										  "mark",
										  "remark",
										  "rows",
										  "shape",
										  "fold",
										  "service",
										  "host",
										  "at"};
	osp__json_reader reader;
	osp_buf data;
	yyjson_val *root;
	size_t i;

	(void) state;
	write_data(POINTS, &data);
	root = read_data(&reader, &data);
	for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, columns[i])), 3);

	/* The operations are app, db below it, and the one without a parent. The report of
	 * a loss is none. */
	assert_true(osp_str_eq(text(root, "name", 0), OSP_STR("app")));
	assert_true(osp_str_eq(text(root, "name", 1), OSP_STR("db")));
	assert_true(osp_str_eq(text(root, "name", 2), OSP_STR("lone")));
	assert_int_equal(number(root, "depth", 1), 1);
	assert_int_equal(number(root, "begin", 1), 100000);
	assert_int_equal(number(root, "duration", 1), 200000);
	assert_int_equal(number(root, "duration", 2), -1);
	assert_true(
		osp_str_eq(text(root, "text", 1), OSP_STR("SELECT '</script>'")));
	assert_true(osp_str_eq(text(root, "error", 1), OSP_STR("e")));
	assert_true(osp_str_eq(text(root, "host", 0), OSP_STR("<h>")));
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "parents")), 1);
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

/* If only the rows of a plan node were counted, it has no time, neither by itself nor
 * in the shapes, and a remark says so. A node that was measured has its time. */
static void
test_unmeasured(void **state)
{
#define NODE_POINT(name, id, parent, time, info)                            \
	"{\"name\": \"" name "\", \"base_id\": \"b\", \"trace_id\": \"" id      \
	"\", \"parent_id\": \"" parent                                          \
	"\", \"timestamp\": \"2026-11-22T22:15:58." time "\", \"info\": {" info \
	"}, \"project\": null, \"service\": null}"
	static const char *const points_of_plan[] = {
		NODE_POINT("pg-start", "s", "b", "000000", ""),
		NODE_POINT("pg.node-start",
				   "n",
				   "s",
				   "000001",
				   "\"db\": {\"node\": {\"name\": \"Seq Scan\"}}"),
		NODE_POINT("pg.node-stop",
				   "n",
				   "s",
				   "000002",
				   "\"elapsed_ns\": 1000, \"db\": {\"node\": {\"rows\": 0, "
				   "\"loops\": 1, \"rows_removed_by_filter\": 500000}}"),
		NODE_POINT("pg.node-start",
				   "m",
				   "s",
				   "000003",
				   "\"db\": {\"node\": {\"name\": \"Sort\"}}"),
		NODE_POINT("pg.node-stop",
				   "m",
				   "s",
				   "000005",
				   "\"elapsed_ns\": 2000, \"db\": {\"node\": {\"rows\": 1, "
				   "\"loops\": 1, \"total_ms\": 0.002}}"),
		NODE_POINT("pg-stop", "s", "b", "500000", "")};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp__json_reader reader;
	osp_buf data;
	yyjson_val *root;
	yyjson_val *shape;
	int64_t total;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(points_of_plan) / sizeof(points_of_plan[0]); i++)
		assert_int_equal(
			osp_report_add(report, osp_str_of(points_of_plan[i]), NULL),
			OSP_OK);
	osp_buf_init(&data, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_page_write(report, append, &data), OSP_OK);
	osp_report_free(report);
	root = read_data(&reader, &data);
	assert_int_equal(number(root, "duration", 0), 500000000);
	assert_int_equal(number(root, "duration", 1), -2);
	assert_int_equal(number(root, "duration", 2), 2000);
	assert_true(
		osp_str_eq(text(root, "remark", 1), OSP_STR("kept 0 of 500000")));
	assert_int_equal(number(root, "remark", 2), 0);

	shape = item(root, "shapes", (size_t) number(root, "shape", 1));
	for (i = 5; i <= 7; i++)
	{
		assert_true(osp__json_i64(yyjson_arr_get(shape, i), &total));
		assert_int_equal(total, -1);
	}
	shape = item(root, "shapes", (size_t) number(root, "shape", 2));
	assert_true(osp__json_i64(yyjson_arr_get(shape, 5), &total));
	assert_int_equal(total, 2000);
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

/* The times of all kinds add up to the time of the trace. */
static void
test_time(void **state)
{
	osp__json_reader reader;
	osp_buf data;
	yyjson_val *root;
	int64_t sum = 0;
	int64_t total;
	size_t i;

	(void) state;
	write_data(4, &data);
	root = read_data(&reader, &data);
	for (i = 0; i < yyjson_arr_size(yyjson_obj_get(root, "time")); i++)
		sum += number(root, "time", i);
	assert_true(osp__json_i64(yyjson_obj_get(root, "total"), &total));
	assert_int_equal(total, 400000);
	assert_int_equal(sum, total);
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

/* Adds a start and a stop at these times in microseconds after the beginning of the
 * trace. */
static void
add_timed(osp_report *report, const char *name, const char *parent, int begin,
		  int end, const char *info)
{
	char point[512];
	int i;

	for (i = 0; i < 2; i++)
	{
		(void) snprintf(point,
						sizeof(point),
						"{\"name\": \"%s-%s\", " BASE
						"\"trace_id\": \"%s\", \"parent_id\": \"%s\", "
						"\"timestamp\": \"2026-11-28T10:00:00.%06d\", "
						"\"info\": {%s}, " REST,
						name,
						i == 0 ? "start" : "stop",
						name,
						parent,
						i == 0 ? begin : end,
						i == 0 ? info : "");
		assert_int_equal(osp_report_add(report, osp_str_of(point), NULL),
						 OSP_OK);
	}
}

/* Parts of the time have the same names as in the tree. Operations are named by their
 * kind. */
static void
test_time_names(void **state)
{
	static const struct
	{
		const char *info;
		bool server;
		const char *name;
	} cases[] = {
		{"\"db\": {\"statement\": \"a\", \"server\": \"h\"}",
		 true,
		 "on the way"},
		{"\"db\": {\"statement\": \"a\", \"params\": {}}",
		 true,
		 "on the way and tracing"},
		{"\"db\": {\"statement\": \"a\", \"params\": {}}", false, "database"},
		{"\"db\": {\"statement\": \"a\", \"server\": \"h\"}",
		 false,
		 "database"},
	};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp__json_reader reader;
		yyjson_val *root;
		osp_buf data;

		add_timed(report, "app", "b", 0, 100000, "");
		add_timed(report, "db", "app", 10000, 90000, cases[i].info);
		if (cases[i].server)
			add_timed(report, "pg", "db", 50000, 60000, "");
		osp_buf_init(&data, &osp_allocator_default, TEXT_MAX);
		assert_int_equal(osp_report_page_write(report, append, &data), OSP_OK);
		osp_report_free(report);
		root = read_data(&reader, &data);
		assert_true(osp_str_eq(osp__json_str(item(root, "time_names", 0)),
							   OSP_STR("between operations")));
		assert_true(osp_str_eq(osp__json_str(item(root, "time_names", 1)),
							   OSP_STR("client")));
		assert_true(osp_str_eq(osp__json_str(item(root, "time_names", 2)),
							   osp_str_of(cases[i].name)));
		assert_true(osp_str_eq(osp__json_str(item(root, "kinds", 2)),
							   OSP_STR("database call")));
		osp__json_reader_term(&reader);
		osp_buf_term(&data);
	}
}

/* A finding refers to the statement that has most of its time, and names the node that
 * is its cause. */
static void
test_about(void **state)
{
	static const char *const about[] = {"0", "1.0", "1", "1"};
	static const char *const points_of_scan[] = {
		NODE_POINT("pg-start",
				   "s",
				   "b",
				   "000000",
				   "\"db\": {\"statement\": \"SELECT 1\"}"),
		NODE_POINT("pg.node-start",
				   "n",
				   "s",
				   "000001",
				   "\"db\": {\"node\": {\"name\": \"Seq Scan\"}}"),
		NODE_POINT("pg.node-stop",
				   "n",
				   "s",
				   "000002",
				   "\"db\": {\"node\": {\"rows\": 0, \"loops\": 1, "
				   "\"rows_removed_by_filter\": 500000}}"),
		NODE_POINT("pg-stop", "s", "b", "500000", "")};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp__json_reader reader;
	osp_buf data;
	yyjson_val *root;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(points_of_scan) / sizeof(points_of_scan[0]); i++)
		assert_int_equal(
			osp_report_add(report, osp_str_of(points_of_scan[i]), NULL),
			OSP_OK);
	osp_buf_init(&data, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_page_write(report, append, &data), OSP_OK);
	osp_report_free(report);
	root = read_data(&reader, &data);
	for (i = 0; i < sizeof(about) / sizeof(about[0]); i++)
	{
		yyjson_val *value = yyjson_arr_get(item(root, "about", 0), i);
		osp_str written =
			osp_str_n(yyjson_get_raw(value), yyjson_get_len(value));

		assert_true(osp_str_eq(written, osp_str_of(about[i])));
	}
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

/* Each kind of operation has a name and a time. */
static void
test_kinds(void **state)
{
	static const char *const names[] = {"app",
										"db",
										"db.connect",
										"pg",
										"pg.parse",
										"pg.plan",
										"pg.commit",
										"pg.wait",
										"pg.node",
										"pg.trigger",
										"pg.function",
										"pg.worker",
										"sqlite",
										"sqlite.trigger",
										"sqlite.checkpoint"};
	enum
	{
		NAMES = sizeof(names) / sizeof(names[0])
	};
	osp_report *report = osp_report_new(&osp_allocator_default);
	osp__json_reader reader;
	int64_t sum = 0;
	osp_buf data;
	yyjson_val *root;
	size_t kinds;
	size_t i;

	(void) state;
	for (i = 0; i < 2 * NAMES; i++)
	{
		char point[512];

		/* Each operation takes a millisecond, one after another. */
		(void) snprintf(point,
						sizeof(point),
						"{\"name\": \"%s-%s\", " BASE
						"\"trace_id\": \"%zu\", \"parent_id\": \"b\", "
						"\"timestamp\": \"2026-11-28T10:00:00.%06zu\", "
						"\"info\": {}, " REST,
						names[i / 2],
						i % 2 == 0 ? "start" : "stop",
						i / 2,
						(i + 1) / 2 * 1000);
		assert_int_equal(osp_report_add(report, osp_str_of(point), NULL),
						 OSP_OK);
	}
	osp_buf_init(&data, &osp_allocator_default, TEXT_MAX);
	assert_int_equal(osp_report_page_write(report, append, &data), OSP_OK);
	osp_report_free(report);
	root = read_data(&reader, &data);
	kinds = yyjson_arr_size(yyjson_obj_get(root, "kinds"));
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "time")), kinds);
	for (i = 0; i < NAMES; i++)
	{
		int64_t kind = number(root, "kind", i);

		assert_in_range(kind, 1, kinds - 1);
		assert_true(osp__json_str(item(root, "kinds", (size_t) kind)).len > 0);
	}
	for (i = 0; i < kinds; i++)
		sum += number(root, "time", i);
	assert_int_equal(sum, NAMES * 1000000);
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

/* The data that the page draws first is before an empty line. Texts of ids and
 * notifications, which it needs later, are after it. */
static void
test_parts(void **state)
{
	osp__json_reader reader;
	osp_buf data;
	yyjson_val *root;
	const char *later;
	size_t i;

	(void) state;
	write_data(POINTS, &data);
	osp_buf_add_char(&data, '\0');
	later = strstr(data.ptr, "\n\n");
	assert_non_null(later);
	assert_null(strstr(later + 1, "\n\n"));
	assert_non_null(strstr(data.ptr, "\"strings\":"));
	assert_true(strstr(data.ptr, "\"strings\":") < later);
	assert_true(strstr(data.ptr, "db-start") > later);
	assert_true(strstr(data.ptr, "\"values\":") > later);
	data.len--;
	root = read_data(&reader, &data);
	for (i = 0; i < 3; i++)
	{
		size_t id = (size_t) number(root, "id", i);

		assert_int_equal(id % 2, 1);
		assert_true(osp__json_str(item(root, "point_strings", id / 2)).len > 0);
	}
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

static void
test_empty(void **state)
{
	osp__json_reader reader;
	osp_buf data;
	yyjson_val *root;

	(void) state;
	write_data(0, &data);
	root = read_data(&reader, &data);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "depth")), 0);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "strings")), 1);
	osp__json_reader_term(&reader);
	osp_buf_term(&data);
}

/* The data cannot end an HTML element, and is ASCII. */
static void
test_bytes(void **state)
{
	osp_buf data;
	size_t i;

	(void) state;
	write_data(POINTS, &data);
	for (i = 0; i < data.len; i++)
	{
		assert_true(data.ptr[i] != '<');
		assert_true((unsigned char) data.ptr[i] < 0x7f);
	}
	assert_non_null(strstr(data.ptr, "\\u003c/script>"));

	/* A number with more digits than a double can hold is kept as a text. */
	assert_non_null(strstr(data.ptr, "\"12345678901234567890\""));
	assert_non_null(strstr(data.ptr, "\"1.50\""));
	assert_non_null(strstr(data.ptr, "\"x\":[2,2,true,null,2]"));
	osp_buf_term(&data);
}

/* Writes a notification with these spaces between its tokens. */
static void
put_spaces(osp_buf *out, const char *json, const char *spaces)
{
	bool quoted = false;

	for (; *json != '\0'; json++)
	{
		quoted ^= *json == '"';
		if (quoted || strchr("{}[],:", *json) == NULL)
		{
			if (quoted || *json != ' ')
				osp_buf_add_char(out, *json);
			continue;
		}
		osp_buf_add_str(out, osp_str_of(spaces));
		osp_buf_add_char(out, *json);
		osp_buf_add_str(out, osp_str_of(spaces));
	}
}

/* Other programs may write notifications with spaces in all places that JSON allows. */
static void
test_spaces(void **state)
{
	const char *const spaces[] = {" ", "\t", " \r\n\t"};
	osp_buf expected;
	size_t i;

	(void) state;
	write_data(POINTS, &expected);
	for (i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
	{
		osp_report *report = osp_report_new(&osp_allocator_default);
		osp_buf data;
		size_t j;

		assert_non_null(report);
		osp_buf_init(&data, &osp_allocator_default, TEXT_MAX);
		for (j = 0; j < POINTS; j++)
		{
			osp_buf text;

			osp_buf_init(&text, &osp_allocator_default, TEXT_MAX);
			put_spaces(&text, points[j], spaces[i]);
			assert_int_equal(osp_report_add(report, osp_buf_str(&text), NULL),
							 OSP_OK);
			osp_buf_term(&text);
		}
		assert_int_equal(osp_report_page_write(report, append, &data), OSP_OK);
		assert_int_equal(data.len, expected.len);
		assert_memory_equal(data.ptr, expected.ptr, data.len);
		osp_report_free(report);
		osp_buf_term(&data);
	}
	osp_buf_term(&expected);
}

static osp_status
refuse(void *ctx, osp_str piece)
{
	(void) piece;
	return --*(int *) ctx < 0 ? OSP_EIO : OSP_OK;
}

/* Whichever piece cannot be written, the error is returned. */
static void
test_refused(void **state)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	int pieces = 0;
	int left;

	(void) state;
	assert_non_null(report);
	assert_int_equal(add_points(report, POINTS), OSP_OK);
	do
	{
		left = pieces++;
		if (osp_report_page_write(report, refuse, &left) == OSP_OK)
			break;
		assert_true(left < 0);
	}
	while (pieces < 1000);
	assert_in_range(pieces, 10, 999);
	osp_report_free(report);
}

static osp_status
write_once(const osp_allocator *alc)
{
	osp_report *report = osp_report_new(alc);
	osp_status status = report == NULL ? OSP_ENOMEM : OSP_OK;
	osp_buf out;

	osp_buf_init(&out, alc, TEXT_MAX);
	if (status == OSP_OK)
		status = add_points(report, POINTS);
	if (status == OSP_OK)
		status = osp_report_page_write(report, append, &out);
	osp_buf_term(&out);
	osp_report_free(report);
	return status;
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
		failing_alloc_check(&fa, write_once(&fa.alc));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_unmeasured),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_names),
		cmocka_unit_test(test_about),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_spaces),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
