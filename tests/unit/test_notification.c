/* SPDX-License-Identifier: Apache-2.0
 *
 * test_notification.c
 *	  Notifications: made from records in upstream's bytes, and divided into parts from
 *	  JSON.
 */
#include "tap.h"

#include <stdio.h>

#include "failing_alloc.h"
#include "points.h"

#define BUF_MAX ((size_t) 1 << 24)

#define HEAD(name, base, parent)                                      \
	"{\"name\": \"" name "\", \"base_id\": \"" base                   \
	"\", \"trace_id\": \"" POINT_TRACE "\", \"parent_id\": \"" parent \
	"\", \"timestamp\": \"2026-11-22T15:56:58.022333\", \"info\": "
#define START(name) HEAD(name "-start", POINT_BASE, POINT_BASE)
#define STOP(name)  HEAD(name "-stop", POINT_BASE, POINT_BASE)
#define TAIL        ", \"project\": \"pro\", \"service\": null}"
#define ELAPSED     "\"elapsed_ns\": 1234567, "

static void
assert_written(point_record *point, const char *expected)
{
	osp_buf buf;

	point_end(point);
	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_buf_add_char(&buf, '>');
	assert_int_equal(
		osp_notification_write(&buf, &point->record, &point_origin), OSP_OK);
	assert_string_equal(buf.ptr + 1, expected);
	assert_int_equal(buf.len, strlen(expected) + 1);
	osp_buf_term(&buf);
}

static void
test_bare(void **state)
{
	point_record point;

	(void) state;
	point_begin(&point, OSP_RECORD_START, "pg");
	assert_written(&point, START("pg") "{\"host\": \"vm\"}" TAIL);
	point_begin(&point, OSP_RECORD_STOP, "pg");
	assert_written(&point, STOP("pg") "{" ELAPSED "\"host\": \"vm\"}" TAIL);
}

/* The notification of a SQLAlchemy statement has the bytes that the Python library
 * writes. */
static void
test_statement(void **state)
{
	point_record point;

	(void) state;
	point_begin(&point, OSP_RECORD_START, "db");
	osp_put_object(&point.writer, OSP_STR("db"));
	osp_put_str(&point.writer, OSP_STR("statement"), OSP_STR("SELECT 'ж', 1"));
	osp_put_json(&point.writer, OSP_STR("params"), OSP_STR("{\"x\":1}"));
	osp_put_end(&point.writer);
	assert_written(&point,
				   START("db") "{\"db\": {\"statement\": \"SELECT "
							   "'\\u0436', 1\", \"params\": {\"x\": 1}}, "
							   "\"host\": \"vm\"}" TAIL);
}

static void
test_all_types(void **state)
{
	point_record point;
	osp_writer *w = &point.writer;

	(void) state;
	point_begin(&point, OSP_RECORD_STOP, "pg.plan");
	osp_put_i64(w, OSP_STR("min"), INT64_MIN);
	osp_put_u64(w, OSP_STR("max"), UINT64_MAX);
	osp_put_u64(w, OSP_STR("u"), 7);
	osp_put_f64(w, OSP_STR("f"), 1e-5);
	osp_put_bool(w, OSP_STR("t"), true);
	osp_put_bool(w, OSP_STR("no"), false);
	osp_put_null(w, OSP_STR("n"));
	osp_put_object(w, OSP_STR("empty"));
	osp_put_end(w);
	osp_put_object(w, OSP_STR("a"));
	osp_put_object(w, OSP_STR("b"));
	osp_put_null(w, OSP_STR("c"));
	osp_put_end(w);
	osp_put_null(w, OSP_STR("d\"\n"));
	osp_put_end(w);
	osp_put_json(w, OSP_STR("j"), OSP_STR("[1.50,{\"a\" :\"\\/\"}]"));
	osp_put_json(w, OSP_STR("bad"), OSP_STR("[1.50,"));
	assert_written(
		&point,
		STOP("pg.plan") "{\"min\": -9223372036854775808, \"max\": "
						"18446744073709551615, \"u\": 7, \"f\": 1e-05, "
						"\"t\": true, \"no\": false, \"n\": null, "
						"\"empty\": {}, \"a\": {\"b\": {\"c\": null}, "
						"\"d\\\"\\n\": null}, \"j\": [1.50, {\"a\": \"/\"}], "
						"\"bad\": \"[1.50,\", " ELAPSED "\"host\": "
						"\"vm\"}" TAIL);
}

static void
test_members(void **state)
{
	point_record point;
	osp_writer *w = &point.writer;

	(void) state;
	point_begin(&point, OSP_RECORD_STOP, "app");
	osp_put_members(w, OSP_STR("{}"));
	osp_put_members(w, OSP_STR("{\"a\":1,\"host\":\"no\",\"b\":[]}"));
	osp_put_members(w, OSP_STR("{\"elapsed_ns\": 5}"));
	osp_put_members(w, OSP_STR("[1,2]"));
	osp_put_object(w, OSP_STR("o"));
	osp_put_members(w, OSP_STR("{\"host\": 1}"));
	osp_put_end(w);
	osp_put_members(w, OSP_STR("no json"));
	assert_written(&point,
				   STOP("app") "{\"a\": 1, \"b\": [], \"info\": [1, 2], "
							   "\"o\": {\"host\": 1}, \"info\": \"no "
							   "json\", " ELAPSED "\"host\": \"vm\"}" TAIL);
}

/* The host is always the shipper's, also if an application's info has one. */
static void
test_reserved(void **state)
{
	point_record point;
	osp_writer *w = &point.writer;

	(void) state;
	point_begin(&point, OSP_RECORD_START, "app");
	osp_put_str(w, OSP_STR("host"), OSP_STR("mine"));
	osp_put_i64(w, OSP_STR("elapsed_ns"), 1);
	osp_put_object(w, OSP_STR("host"));
	osp_put_object(w, OSP_STR("deep"));
	osp_put_null(w, OSP_STR("x"));
	osp_put_end(w);
	osp_put_end(w);
	osp_put_null(w, OSP_STR("last"));
	assert_written(&point,
				   START("app") "{\"elapsed_ns\": 1, \"last\": null, "
								"\"host\": \"vm\"}" TAIL);
}

static void
test_errors(void **state)
{
	point_record point;
	osp_writer *w = &point.writer;

	(void) state;
	point_begin(&point, OSP_RECORD_STOP, "pg");
	osp_put_sqlstate(w, OSP_STR("etype"), "23505");
	osp_put_str(w, OSP_STR("message"), OSP_STR("duplicate key"));
	assert_written(&point,
				   STOP("pg") "{\"etype\": \"unique_violation\", "
							  "\"message\": \"duplicate key\", " ELAPSED
							  "\"host\": \"vm\"}" TAIL);
	point_begin(&point, OSP_RECORD_STOP, "pg");
	osp_put_sqlstate(w, OSP_STR("etype"), "U\"001");
	assert_written(&point,
				   STOP("pg") "{\"etype\": \"U\\\"001\", " ELAPSED
							  "\"host\": \"vm\"}" TAIL);
}

static void
test_labels_and_ids(void **state)
{
	static const osp_origin origin = {
		{"h\xc3\xb6st", 5}, {"", 0}, {"svc", 3}, -22333999};
	point_record point;
	osp_id base;
	osp_point_ids ids;
	osp_buf buf;

	(void) state;
	assert_true(osp_id_set(&base, OSP_STR("my \"trace\"")));
	ids.base_id = &base;
	ids.parent_id = &base;
	assert_true(osp_uuid_parse(OSP_STR(POINT_TRACE), &ids.trace_id));
	osp_record_begin(&point.writer,
					 point.space,
					 sizeof(point.space),
					 OSP_RECORD_START,
					 &ids,
					 OSP_STR("a\tb"),
					 OSP_STR("p\\q"),
					 OSP_STR(""),
					 INT64_C(1795363018) * 1000000000 + 22333999,
					 0);
	point_end(&point);
	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	assert_int_equal(osp_notification_write(&buf, &point.record, &origin),
					 OSP_OK);
	assert_string_equal(
		buf.ptr,
		"{\"name\": \"a\\tb-start\", \"base_id\": \"my \\\"trace\\\"\", "
		"\"trace_id\": \"" POINT_TRACE
		"\", \"parent_id\": \"my \\\"trace\\\"\", \"timestamp\": "
		"\"2026-11-22T15:56:58.000000\", \"info\": {\"host\": \"h\\u00f6st\"}, "
		"\"project\": \"p\\\\q\", \"service\": \"svc\"}");
	osp_buf_term(&buf);
}

/* If a record is damaged after its header, the buffer does not change. */
static void
test_damaged(void **state)
{
	static const char *const infos[] = {"\x02",
										"\x02\x01",
										"\x02\x01"
										"a\xff\xff\xff\x7f",
										"\x63\x01"
										"a",
										"\x01\x01"
										"a"};
	point_record point;
	size_t i;

	(void) state;
	point_begin(&point, OSP_RECORD_START, "pg");
	point_end(&point);
	for (i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
	{
		osp_buf buf;

		osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
		osp_buf_add_str(&buf, OSP_STR("before"));
		point.record.info = osp_str_of(infos[i]);
		assert_int_equal(
			osp_notification_write(&buf, &point.record, &point_origin),
			OSP_EPROTO);
		assert_string_equal(buf.ptr, "before");
		assert_int_equal(buf.len, 6);
		osp_buf_term(&buf);
	}

	/* There is one end too many. */
	point.record.info = osp_str_n("\0\0", 2);
	{
		osp_buf buf;

		osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
		assert_int_equal(
			osp_notification_write(&buf, &point.record, &point_origin),
			OSP_EPROTO);
		osp_buf_term(&buf);
	}
}

static void
assert_part(osp_str part, const char *expected)
{
	assert_int_equal(part.len, strlen(expected));
	assert_memory_equal(part.ptr, expected, part.len);
}

static void
test_read(void **state)
{
	const char *json = STOP("pg") "{\"etype\": \"E\", \"host\": \"vm\"}" TAIL;
	osp_notification n;
	osp_buf scratch;
	osp_error err;

	(void) state;
	osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
	assert_int_equal(
		osp_notification_read(osp_str_of(json), &scratch, &n, &err), OSP_OK);
	assert_ptr_equal(n.json.ptr, json);
	assert_part(n.json, json);
	assert_part(n.name, "pg-stop");
	assert_part(n.base_id, POINT_BASE);
	assert_part(n.trace_id, POINT_TRACE);
	assert_part(n.parent_id, POINT_BASE);
	assert_part(n.timestamp, "2026-11-22T15:56:58.022333");
	assert_part(n.info, "{\"etype\": \"E\", \"host\": \"vm\"}");
	assert_part(n.host, "vm");
	assert_part(n.project, "pro");
	assert_part(n.service, "");
	assert_true(n.error);

	/* The texts have no escapes, so they were not copied. */
	assert_true(n.host.ptr > json && n.host.ptr < json + strlen(json));
	assert_int_equal(scratch.len, 0);
	osp_buf_term(&scratch);
}

static void
test_read_foreign(void **state)
{
	static const char json[] =
		" {\n\"service\" : \"\\u0073\\\"\\ud83d\\ude00\",\"in\\u0066o\":{ "
		"\"host\":\"h\xff\", \"x\":[{\"a\":\"}\"} ] }\t, "
		"\"parent_id\":\"\xc3\xa9\",\"extra\":[1,{\"name\":2}],"
		"\"trace_id\":\"\\ud800\",\"timestamp\":\"\",\"base_id\":\"b\","
		"\"name\":\"x\",\"project\":7,\"name\":\"last\"}\n";
	osp_notification n;
	osp_buf scratch;

	(void) state;
	osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
	assert_int_equal(osp_notification_read(
						 osp_str_n(json, sizeof(json) - 1), &scratch, &n, NULL),
					 OSP_OK);
	assert_part(n.name, "last");
	assert_part(n.base_id, "b");
	assert_part(n.trace_id, "\xef\xbf\xbd");
	assert_part(n.parent_id, "\xc3\xa9");
	assert_part(n.timestamp, "");
	assert_part(n.info, "{ \"host\":\"h\xff\", \"x\":[{\"a\":\"}\"} ] }");
	assert_part(n.host, "h\xef\xbf\xbd");
	assert_part(n.project, "");
	assert_part(n.service, "s\"\xf0\x9f\x98\x80");
	assert_false(n.error);
	osp_buf_term(&scratch);
}

static void
assert_error(const char *name, const char *info, bool expected)
{
	char json[512];
	osp_notification n;
	osp_buf scratch;

	(void) snprintf(json,
					sizeof(json),
					"{\"info\": %s, \"name\": \"%s\", \"base_id\": \"b\", "
					"\"trace_id\": \"t\", \"parent_id\": \"p\", "
					"\"timestamp\": \"\"}",
					info,
					name);
	osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
	assert_int_equal(
		osp_notification_read(osp_str_of(json), &scratch, &n, NULL), OSP_OK);
	assert_int_equal(n.error, expected);
	osp_buf_term(&scratch);
}

static void
test_read_error(void **state)
{
	(void) state;
	assert_error("db-stop", "{\"etype\": \"E\"}", true);
	assert_error("d\\u0062-\\u0073top", "{\"etype\": 1}", true);
	assert_error("db-stop", "{\"etype\": null}", false);
	assert_error("db-stop", "{\"db\": {\"etype\": 1}}", false);
	assert_error("db-stop", "[\"etype\"]", false);
	assert_error("db-start", "{\"etype\": \"E\"}", false);
	assert_error("op", "{\"etype\": \"E\"}", false);
	assert_error("db-stop", "{\"etype\": 1}, \"info\": {}", false);
	assert_error("db-stop", "{\"etype\": 1, \"etype\": null}", false);
}

static void
test_read_refused(void **state)
{
	static const char *const texts[][2] = {
		{"", "not JSON"},
		{"{", "not JSON"},
		{"[]", "not a JSON object"},
		{"\"x\"", "not a JSON object"},
		{"{}", "a notification needs a string \"name\""},
		{"{\"name\": \"a\", \"name\": null}",
		 "a notification needs a string \"name\""},
		{"{\"name\": \"\"}", "a notification needs a string \"base_id\""},
		{"{\"name\": \"\", \"base_id\": \"\", \"trace_id\": \"\", "
		 "\"parent_id\": null, \"timestamp\": 1}",
		 "a notification needs a string \"timestamp\""}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		osp_notification n;
		osp_error err;
		osp_buf scratch;

		osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
		assert_int_equal(
			osp_notification_read(osp_str_of(texts[i][0]), &scratch, &n, &err),
			OSP_EPROTO);
		assert_string_equal(err.msg, texts[i][1]);
		assert_int_equal(n.name.len, 0);
		assert_non_null(n.name.ptr);
		osp_buf_term(&scratch);
	}
}

/* An operation without a parent is a root, in each way of writing that. */
static void
test_read_without_parent(void **state)
{
	static const char *const members[] = {"",
										  "\"parent_id\": null, ",
										  "\"parent_id\": \"\", ",
										  "\"parent_id\": 1, "};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		osp_notification n;
		osp_error err = {OSP_OK, ""};
		osp_buf scratch;
		char json[256];

		(void) snprintf(json,
						sizeof(json),
						"{\"name\": \"db-start\", \"base_id\": \"b\", "
						"\"trace_id\": \"t\", %s\"timestamp\": "
						"\"2026-11-22T15:56:58.1\"}",
						members[i]);
		osp_buf_init(&scratch, &osp_allocator_default, BUF_MAX);
		assert_int_equal(
			osp_notification_read(osp_str_of(json), &scratch, &n, &err),
			OSP_OK);
		assert_int_equal(n.parent_id.len, 0);
		assert_true(osp_str_eq(n.trace_id, OSP_STR("t")));
		osp_buf_term(&scratch);
	}
}

static osp_status
work(const osp_allocator *alc, const osp_record *record)
{
	osp_buf json;
	osp_buf scratch;
	osp_notification n;
	osp_status status;

	osp_buf_init(&json, alc, BUF_MAX);
	osp_buf_init(&scratch, alc, BUF_MAX);
	status = osp_notification_write(&json, record, &point_origin);
	if (status == OSP_OK)
		status = osp_notification_read(osp_buf_str(&json), &scratch, &n, NULL);
	osp_buf_term(&json);
	osp_buf_term(&scratch);
	return status;
}

static void
test_no_memory(void **state)
{
	point_record point;
	char large[4000];
	failing_alloc fa;

	(void) state;
	memset(large, ' ', sizeof(large));
	large[0] = '[';
	large[sizeof(large) - 1] = ']';
	point_begin(&point, OSP_RECORD_START, "a\tb");
	osp_put_json(
		&point.writer, OSP_STR("large"), osp_str_n(large, sizeof(large)));
	osp_put_str(&point.writer, OSP_STR("raw"), osp_str_n(large, sizeof(large)));
	osp_put_members(&point.writer, OSP_STR("{\"a\":1,\"a\":\"\\ud800\"}"));
	point_end(&point);
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_status status = work(&fa.alc, &point.record);

		failing_alloc_check(&fa, status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_statement),
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_labels_and_ids),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_foreign),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_read_refused),
		cmocka_unit_test(test_read_without_parent),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
