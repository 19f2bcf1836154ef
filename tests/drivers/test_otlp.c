/* SPDX-License-Identifier: Apache-2.0
 *
 * test_otlp.c
 *	  The otlp driver: the parts of the suite for all drivers that need no reading, and
 *	  the contents of spans. It is one program with otlp_faults.c and
 *	  otlp_open_operations.c. A protobuf library decodes the requests.
 */
#include "osprofiler/context.h"
#include "otlp_tests.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tempdir.h"

#define TEXT_MAX ((size_t) 128 * 1024 * 1024)
#define MIDNIGHT INT64_C(1795305600) /* 2026-11-22 */
#define SECOND   INT64_C(1000000000)
#define KIND(x)  OPENTELEMETRY__PROTO__TRACE__V1__SPAN__SPAN_KIND__SPAN_KIND_##x
#define STATUS(x) \
	OPENTELEMETRY__PROTO__TRACE__V1__STATUS__STATUS_CODE__STATUS_CODE_##x

const char *
otlp_test_uri(const char *options)
{
	static char uri[1024];

	(void) snprintf(
		uri, sizeof(uri), "otlp://127.0.0.1:%d%s", receiver_port(), options);
	return uri;
}

static const char *
connection_string(void)
{
	return otlp_test_uri("");
}

void
notes_init(notes *n)
{
	memset(n, 0, sizeof(*n));
}

void
notes_term(notes *n)
{
	size_t i;

	for (i = 0; i < n->count; i++)
	{
		osp_buf_term(&n->texts[i]);
		free(n->json[i]);
	}
	notes_init(n);
}

void
notes_add(notes *n, const char *name, const char *base_id, const char *trace_id,
		  const char *parent_id, unsigned us, const char *info)
{
	osp_error err = {OSP_OK, ""};
	osp_buf json;
	char *text;

	assert_true(n->count < sizeof(n->items) / sizeof(n->items[0]));
	osp_buf_init(&json, &osp_allocator_default, TEXT_MAX);
	osp_buf_addf(&json,
				 "{\"name\": \"%s\", \"base_id\": \"%s\", \"trace_id\": "
				 "\"%s\", \"parent_id\": \"%s\", \"timestamp\": "
				 "\"2026-11-22T00:00:%02u.%06u\", \"info\": %s, "
				 "\"project\": \"p\", \"service\": \"shop\"}",
				 name,
				 base_id,
				 trace_id,
				 parent_id,
				 us / 1000000,
				 us % 1000000,
				 info);
	text = osp_buf_take(&json);
	assert_non_null(text);
	n->json[n->count] = text;
	osp_buf_init(&n->texts[n->count], &osp_allocator_default, TEXT_MAX);
	if (osp_notification_read(
			osp_str_of(text), &n->texts[n->count], &n->items[n->count], &err) !=
		OSP_OK)
		fail_msg("%s: %s", err.msg, text);
	n->count++;
}

static const char *
uuid_of(unsigned id, char out[40])
{
	if (id == 0)
		(void) snprintf(out, 40, "%s", OTLP_TRACE);
	else
		(void) snprintf(out, 40, "aaaaaaaa-bbbb-4ccc-8ddd-%012x", id);
	return out;
}

const char *
otlp_test_id(unsigned id)
{
	static char text[20];

	(void) snprintf(text, sizeof(text), "8ddd%012x", id);
	return text;
}

static void
add(notes *n, const char *operation, const char *what, unsigned id,
	unsigned parent, const char *info)
{
	char name[64];
	char own[40];
	char above[40];

	(void) snprintf(name, sizeof(name), "%s-%s", operation, what);
	notes_add(n,
			  name,
			  OTLP_TRACE,
			  uuid_of(id, own),
			  uuid_of(parent, above),
			  1000 * id + (what[2] == 'o' ? 500 : 0),
			  info);
}

void
notes_start(notes *n, const char *operation, unsigned id, unsigned parent,
			const char *info)
{
	add(n, operation, "start", id, parent, info);
}

void
notes_stop(notes *n, const char *operation, unsigned id, unsigned parent,
		   const char *info)
{
	add(n, operation, "stop", id, parent, info);
}

void
notes_store(osp_driver_conn *conn, const notes *n, size_t first)
{
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;

	if (osp_driver_otlp.notify(
			conn, n->items + first, n->count - first, &accepted, &err) !=
		OSP_OK)
		fail_msg("notify: %s", err.msg);
	assert_int_equal(accepted, n->count - first);
}

const char *
notes_store_fails(osp_driver_conn *conn, const notes *n, osp_status expected,
				  size_t *accepted)
{
	static osp_error err;
	osp_status status;

	memset(&err, 0, sizeof(err));
	status = osp_driver_otlp.notify(conn, n->items, n->count, accepted, &err);
	if (status != expected)
		fail_msg("%s: %s", osp_status_text(status), err.msg);
	assert_int_equal(err.code, expected);
	return err.msg;
}

static void
assert_bytes(ProtobufCBinaryData bytes, const char *hex)
{
	char text[64] = "";
	size_t i;

	assert_true(bytes.len <= 16);
	for (i = 0; i < bytes.len; i++)
		(void) snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
	assert_string_equal(text, hex);
}

/* Adds a statement of a client and the server's operation for it, as tracers record
 * them. */
static void
add_call(notes *n)
{
	notes_start(n,
				"db",
				1,
				0,
				"{\"db\": {\"statement\": \"SELECT name FROM customer WHERE "
				"id = 7\", \"server\": \"db1.example\", \"port\": \"5433\", "
				"\"database\": \"shop\", \"user\": \"bob\", "
				"\"sends_context\": true}, \"host\": \"web1\"}");
	notes_start(n,
				"pg",
				2,
				1,
				"{\"db\": {\"statement\": \"SELECT name FROM customer WHERE "
				"id = 7\", \"system\": \"postgresql\", \"namespace\": "
				"\"shop\", \"user\": \"bob\", \"pid\": 4711}, \"host\": "
				"\"db1\"}");
	notes_start(n, "pg.plan", 3, 2, "{\"host\": \"db1\"}");
	notes_stop(n,
			   "pg.plan",
			   3,
			   2,
			   "{\"db\": {\"plan\": {\"cost\": 8.17}}, \"elapsed_ns\": 1234, "
			   "\"host\": \"db1\"}");
	notes_start(n,
				"pg",
				4,
				2,
				"{\"db\": {\"statement\": \"SELECT 1\"}, \"host\": \"db1\"}");
	notes_stop(n, "pg", 4, 2, "{\"elapsed_ns\": 5, \"host\": \"db1\"}");
	notes_stop(n,
			   "pg",
			   2,
			   1,
			   "{\"db\": {\"rows\": 1, \"command\": \"SELECT\", \"buffers\": "
			   "{\"shared_blks_hit\": 3}}, \"elapsed_ns\": 456789, \"host\": "
			   "\"db1\"}");
	notes_stop(n,
			   "db",
			   1,
			   0,
			   "{\"db\": {\"rows\": 1, \"command\": \"SELECT 1\"}, "
			   "\"elapsed_ns\": 500000, \"host\": \"web1\"}");
}

static void
assert_client(const otlp_test_span *span)
{
	assert_bytes(span->trace_id, "11111111222243338444555555555555");
	assert_bytes(span->span_id, "8ddd000000000001");
	assert_bytes(span->parent_span_id, "");
	assert_int_equal(span->kind, KIND(CLIENT));
	assert_string_equal(span->name, "SELECT customer");
	assert_int_equal(span->start_time_unix_nano,
					 MIDNIGHT * 1000000000 + 1000000);
	assert_int_equal(span->end_time_unix_nano - span->start_time_unix_nano,
					 500000);
	assert_null(span->status);
	assert_string_equal(receiver_text(span, "db.system.name"), "postgresql");
	assert_string_equal(receiver_text(span, "db.namespace"), "shop");
	assert_string_equal(receiver_text(span, "db.operation.name"), "SELECT");
	assert_string_equal(receiver_text(span, "db.query.text"),
						"SELECT name FROM customer WHERE id = ?");
	assert_string_equal(receiver_text(span, "db.query.summary"),
						"SELECT customer");
	assert_string_equal(receiver_text(span, "server.address"), "db1.example");
	assert_int_equal(receiver_attribute(span, "server.port")->int_value, 5433);
	assert_string_equal(receiver_text(span, "osprofiler.operation"), "db");
	assert_string_equal(receiver_text(span, "osprofiler.db.user"), "bob");
	assert_int_equal(receiver_attribute(span, "osprofiler.db.rows")->int_value,
					 1);
	assert_true(
		receiver_attribute(span, "osprofiler.db.sends_context")->bool_value);
	assert_null(receiver_attribute(span, "osprofiler.host"));
	assert_null(receiver_attribute(span, "osprofiler.elapsed_ns"));
	assert_null(receiver_attribute(span, "osprofiler.db.statement"));
	assert_null(receiver_attribute(span, "osprofiler.unfinished"));
}

static void
test_call(void **state)
{
	osp_driver_conn *conn =
		contract_open_as(otlp_test_uri("?resource=service.version:1.2&"
									   "resource=deployment.environment.name:"
									   "t%C3%A4st"),
						 true,
						 TIMEOUT_MS);
	const otlp_test_span *span;
	notes n;
	size_t i;

	(void) state;
	notes_init(&n);
	add_call(&n);
	notes_store(conn, &n, 0);
	contract_close(conn);
	assert_int_equal(receiver_requests(), 1);
	assert_int_equal(receiver_spans(), 4);
	assert_string_equal(receiver_path(), "/v1/traces");
	assert_string_equal(receiver_header("Content-Type"),
						"application/x-protobuf");
	assert_string_equal(receiver_header("Content-Encoding"), "gzip");
	assert_client(receiver_find("8ddd000000000001"));

	span = receiver_find("8ddd000000000002");
	assert_bytes(span->parent_span_id, "8ddd000000000001");
	assert_int_equal(span->kind, KIND(SERVER));
	assert_int_equal(span->end_time_unix_nano - span->start_time_unix_nano,
					 456789);
	assert_string_equal(receiver_text(span, "db.namespace"), "shop");
	assert_int_equal(
		receiver_attribute(span, "osprofiler.db.buffers.shared_blks_hit")
			->int_value,
		3);
	assert_int_equal(receiver_attribute(span, "osprofiler.db.pid")->int_value,
					 4711);

	span = receiver_find("8ddd000000000003");
	assert_int_equal(span->kind, KIND(INTERNAL));
	assert_string_equal(span->name, "pg.plan");
	assert_string_equal(receiver_text(span, "db.system.name"), "postgresql");
	assert_true(
		receiver_attribute(span, "osprofiler.db.plan.cost")->double_value ==
		8.17);
	assert_int_equal(receiver_find("8ddd000000000004")->kind, KIND(INTERNAL));

	for (i = 0; i < 4; i++)
	{
		const otlp_test_resource *r = receiver_resource(i);
		bool client = receiver_span(i)->kind == KIND(CLIENT);

		assert_string_equal(receiver_resource_text(r, "service.name"), "shop");
		assert_string_equal(receiver_resource_text(r, "host.name"),
							client ? "web1" : "db1");
		assert_string_equal(receiver_resource_text(r, "service.version"),
							"1.2");
		assert_string_equal(
			receiver_resource_text(r, "deployment.environment.name"), "täst");
		assert_string_equal(receiver_resource_text(r, "osprofiler.project"),
							"p");
	}
	notes_term(&n);
}

/* A trace that began with a traceparent has the ids of the caller. */
static void
test_foreign_parent(void **state)
{
	osp_driver_conn *conn = contract_open();
	const otlp_test_span *span;
	osp_traceparent parent;
	char base[OSP_ID_MAX + 1];
	char above[OSP_ID_MAX + 1];
	notes n;

	(void) state;
	notes_init(&n);
	assert_true(osp_traceparent_read(
		OSP_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
		&parent));
	notes_add(&n,
			  "pg-start",
			  osp_id_text(&parent.base_id, base).ptr,
			  "aaaaaaaa-bbbb-4ccc-8ddd-000000000001",
			  osp_id_text(&parent.parent_id, above).ptr,
			  5,
			  "{}");
	notes_add(&n,
			  "pg-stop",
			  base,
			  "aaaaaaaa-bbbb-4ccc-8ddd-000000000001",
			  above,
			  6,
			  "{}");

	/* Python programs may have used the 32 digits unchanged. */
	notes_add(&n,
			  "pg-start",
			  "4bf92f3577b34da6a3ce929d0e0e4736",
			  "aaaaaaaa-bbbb-4ccc-8ddd-000000000002",
			  "aaaaaaaa-bbbb-4ccc-8ddd-000000000001",
			  5,
			  "{}");
	notes_add(&n,
			  "pg-stop",
			  "4bf92f3577b34da6a3ce929d0e0e4736",
			  "aaaaaaaa-bbbb-4ccc-8ddd-000000000002",
			  "aaaaaaaa-bbbb-4ccc-8ddd-000000000001",
			  6,
			  "{}");
	notes_store(conn, &n, 0);
	contract_close(conn);
	span = receiver_find("8ddd000000000001");
	assert_bytes(span->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
	assert_bytes(span->parent_span_id, "00f067aa0ba902b7");
	assert_int_equal(span->kind, KIND(SERVER));
	assert_int_equal(span->end_time_unix_nano - span->start_time_unix_nano,
					 1000);
	span = receiver_find("8ddd000000000002");
	assert_bytes(span->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
	assert_bytes(span->parent_span_id, "8ddd000000000001");
	notes_term(&n);
}

/* An operation whose parent is itself has no parent. The parent's id may be spelled in
 * another way, or have only the same lower half. */
static void
test_own_parent(void **state)
{
	static const char *const parents[] = {
		"aaaaaaaa-bbbb-4ccc-8ddd-000000000001",
		"AAAAAAAA-BBBB-4CCC-8DDD-000000000002",
		"aaaaaaaabbbb4ccc8ddd000000000003",
		"eeeeeeee-eeee-4eee-8ddd-000000000004"};
	size_t count = sizeof(parents) / sizeof(parents[0]);
	osp_driver_conn *conn = contract_open();
	notes n;
	size_t i;

	(void) state;
	notes_init(&n);
	for (i = 0; i < count; i++)
	{
		char id[40];

		(void) uuid_of((unsigned) i + 1, id);
		notes_add(&n, "pg-start", OTLP_TRACE, id, parents[i], 1, "{}");
		notes_add(&n, "pg-stop", OTLP_TRACE, id, parents[i], 2, "{}");
	}
	notes_store(conn, &n, 0);
	contract_close(conn);
	for (i = 0; i < count; i++)
		assert_int_equal(
			receiver_find(otlp_test_id((unsigned) i + 1))->parent_span_id.len,
			0);
	notes_term(&n);
}

/* An id that is no UUID always becomes the same span id, so that children find their
 * parents. */
static void
test_other_ids(void **state)
{
	const otlp_test_span *above;
	const otlp_test_span *below;
	notes n;
	int i;

	(void) state;
	notes_init(&n);
	notes_add(&n, "wsgi-start", "request 1", "a", "request 1", 1, "{}");
	notes_add(&n, "db-start", "request 1", "b", "a", 2, "{}");
	notes_add(&n, "db-stop", "request 1", "b", "a", 3, "{}");
	notes_add(&n, "wsgi-stop", "request 1", "a", "request 1", 4, "{}");
	notes_add(&n,
			  "wsgi-start",
			  "00000000-0000-0000-0000-000000000000",
			  "a",
			  "",
			  1,
			  "{}");
	notes_add(&n,
			  "wsgi-stop",
			  "00000000-0000-0000-0000-000000000000",
			  "a",
			  "",
			  2,
			  "{}");
	for (i = 0; i < 2; i++)
	{
		osp_driver_conn *conn = contract_open();

		notes_store(conn, &n, 0);
		contract_close(conn);
	}
	assert_int_equal(receiver_spans(), 6);
	below = receiver_span(0);
	above = receiver_span(1);
	assert_int_equal(above->trace_id.len, 16);
	assert_int_equal(above->span_id.len, 8);
	assert_int_equal(above->parent_span_id.len, 0);
	assert_int_equal(above->kind, KIND(INTERNAL));
	assert_string_equal(above->name, "wsgi");
	assert_string_equal(receiver_text(above, "osprofiler.base_id"),
						"request 1");
	assert_string_equal(receiver_text(above, "osprofiler.trace_id"), "a");
	assert_int_equal(below->kind, KIND(CLIENT));
	assert_string_equal(receiver_text(below, "db.system.name"), "other_sql");
	assert_memory_equal(below->trace_id.data, above->trace_id.data, 16);
	assert_memory_equal(below->parent_span_id.data, above->span_id.data, 8);
	assert_memory_equal(receiver_span(2)->span_id.data, above->span_id.data, 8);
	assert_memory_not_equal(
		receiver_span(2)->trace_id.data, above->trace_id.data, 16);
	for (i = 0; i < 3; i++)
	{
		assert_memory_equal(receiver_span((size_t) i + 3)->trace_id.data,
							receiver_span((size_t) i)->trace_id.data,
							16);
		assert_memory_equal(receiver_span((size_t) i + 3)->span_id.data,
							receiver_span((size_t) i)->span_id.data,
							8);
	}
	notes_term(&n);
}

static void
test_errors(void **state)
{
	osp_driver_conn *conn = contract_open();
	const otlp_test_span *span;
	notes n;

	(void) state;
	notes_init(&n);
	notes_start(&n,
				"pg",
				1,
				0,
				"{\"db\": {\"statement\": \"INSERT INTO t VALUES ('x')\"}}");
	notes_stop(&n,
			   "pg",
			   1,
			   0,
			   "{\"etype\": \"unique_violation\", \"message\": \"duplicate "
			   "key \\ud800 \\u0436\"}");
	notes_start(&n,
				"sqlite",
				2,
				0,
				"{\"db\": {\"statement\": \"DELETE FROM [my t] WHERE a = "
				"?1 AND b = 'c'\", \"name\": \"/var/x.db\"}}");
	notes_stop(&n,
			   "sqlite",
			   2,
			   0,
			   "{\"etype\": \"SQLITE_BUSY\", \"message\": \"locked\"}");
	notes_start(&n, "wsgi", 3, 0, "{\"request\": {\"path\": \"/x\"}}");
	notes_stop(
		&n, "wsgi", 3, 0, "{\"etype\": \"ValueError\", \"message\": \"bad\"}");
	notes_store(conn, &n, 0);
	contract_close(conn);
	span = receiver_find("8ddd000000000001");
	assert_int_equal(span->status->code, STATUS(ERROR));
	assert_string_equal(span->status->message, "duplicate key \xef\xbf\xbd ж");
	assert_string_equal(receiver_text(span, "error.type"), "23505");
	assert_string_equal(receiver_text(span, "db.response.status_code"),
						"23505");
	assert_string_equal(receiver_text(span, "osprofiler.etype"),
						"unique_violation");
	assert_string_equal(receiver_text(span, "db.query.text"),
						"INSERT INTO t VALUES (?)");
	assert_null(receiver_attribute(span, "osprofiler.message"));
	span = receiver_find("8ddd000000000002");
	assert_int_equal(span->kind, KIND(CLIENT));
	assert_string_equal(span->name, "DELETE [my t]");
	assert_string_equal(receiver_text(span, "db.system.name"), "sqlite");
	assert_string_equal(receiver_text(span, "db.namespace"), "/var/x.db");
	assert_string_equal(receiver_text(span, "db.query.text"),
						"DELETE FROM [my t] WHERE a = ?1 AND b = 'c'");
	assert_string_equal(receiver_text(span, "error.type"), "SQLITE_BUSY");
	span = receiver_find("8ddd000000000003");
	assert_string_equal(receiver_text(span, "error.type"), "ValueError");
	assert_null(receiver_attribute(span, "db.response.status_code"));
	assert_null(receiver_attribute(span, "db.system.name"));
	assert_string_equal(receiver_text(span, "osprofiler.request.path"), "/x");
	notes_term(&n);
}

static void
test_other_attributes(void **state)
{
	osp_driver_conn *conn = contract_open();
	const otlp_test_span *span;
	notes n;

	(void) state;
	notes_init(&n);
	notes_start(&n,
				"db",
				1,
				0,
				"{\"db\": {\"statement\": \"UPDATE t SET a = $1 WHERE b = "
				"'c'\", \"params\": {\"1\": \"x\", \"2\": 7, \"3\": null}, "
				"\"operation\": \"execute\", \"server\": \"/run/pg\", "
				"\"name\": \"s1\", \"twice\": 1}, "
				"\"list\": [1, \"two\", {\"three\": [true]}], \"none\": null, "
				"\"large\": 12345678901234567890, \"nan\": NaN, "
				"\"deep\": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]], "
				"\"bad\\ud800key\": 1, \"\": 2}");
	notes_stop(&n, "db", 1, 0, "{\"db\": {\"twice\": 2}, \"elapsed_ns\": -5}");
	notes_start(&n,
				"pg.trigger",
				2,
				1,
				"{\"db\": {\"trigger\": {\"name\": \"note\"}}}");
	notes_stop(&n, "pg.trigger", 2, 1, "null");
	notes_store(conn, &n, 0);
	contract_close(conn);
	span = receiver_find("8ddd000000000001");
	assert_string_equal(receiver_text(span, "db.query.text"),
						"UPDATE t SET a = $1 WHERE b = 'c'");
	assert_string_equal(receiver_text(span, "db.query.parameter.0"), "x");
	assert_string_equal(receiver_text(span, "db.query.parameter.1"), "7");
	assert_null(receiver_attribute(span, "db.query.parameter.2"));
	assert_string_equal(receiver_text(span, "db.operation.name"), "execute");
	assert_string_equal(receiver_text(span, "server.address"), "/run/pg");
	assert_string_equal(receiver_text(span, "osprofiler.db.name"), "s1");
	assert_int_equal(receiver_attribute(span, "osprofiler.db.twice")->int_value,
					 2);
	assert_int_equal(receiver_attribute(span, "osprofiler.list.0")->int_value,
					 1);
	assert_string_equal(receiver_text(span, "osprofiler.list.1"), "two");
	assert_true(
		receiver_attribute(span, "osprofiler.list.2.three.0")->bool_value);
	assert_null(receiver_attribute(span, "osprofiler.none"));
	assert_true(receiver_attribute(span, "osprofiler.large")->double_value >
				1e19);
	assert_non_null(receiver_attribute(span, "osprofiler.nan"));
	assert_true(span->end_time_unix_nano >= span->start_time_unix_nano);
	span = receiver_find("8ddd000000000002");
	assert_string_equal(span->name, "pg.trigger note");
	notes_term(&n);
}

/* Asserts that each key occurs only once in a span. */
static void
assert_unique_keys(const otlp_test_span *span)
{
	size_t i;

	for (i = 0; i < span->n_attributes; i++)
		assert_non_null(receiver_attribute(span, span->attributes[i]->key));
}

static int64_t
int_of(const otlp_test_span *span, const char *key)
{
	const otlp_test_value *value = receiver_attribute(span, key);

	if (value == NULL)
		fail_msg("there is no %s", key);
	return value->int_value;
}

static void
test_unique_keys(void **state)
{
	osp_driver_conn *conn = contract_open();
	const otlp_test_span *span;
	notes n;

	(void) state;
	notes_init(&n);
	notes_start(
		&n,
		"pg",
		1,
		0,
		"{\"db\": {\"buffers\": [1, 2, 3], \"params\": {\"1\": \"a\", "
		"\"0\": \"b\", \"01\": \"c\", \"2\": \"d\"}, \"a\": {\"b\": 1, "
		"\"c\": 2}, \"a.b\": 3, \"leaf\": 1, \"tree\": {\"x\": 1}, "
		"\"null\": 1}, \"db.a.c\": 4, \"twice\": 1, \"twice\": 2, "
		"\"operation\": \"mine\", \"unfinished\": 7, \"start_lost\": 8, "
		"\"base_id\": 9}");
	notes_stop(&n,
			   "pg",
			   1,
			   0,
			   "{\"db\": {\"buffers\": [4, 5], \"params\": {\"1\": \"e\"}, "
			   "\"leaf\": {\"y\": 5}, \"tree\": [6], \"null\": null}, "
			   "\"twice\": {\"0\": 1, \"0\": 3}}");
	notes_start(&n, "pg", 2, 0, "{\"unfinished\": 7}");
	notes_store(conn, &n, 0);
	contract_close(conn);
	span = receiver_find("8ddd000000000001");
	assert_unique_keys(span);
	assert_int_equal(int_of(span, "osprofiler.db.buffers.0"), 4);
	assert_int_equal(int_of(span, "osprofiler.db.buffers.1"), 5);
	assert_null(receiver_attribute(span, "osprofiler.db.buffers.2"));
	assert_string_equal(receiver_text(span, "db.query.parameter.0"), "b");
	assert_string_equal(receiver_text(span, "db.query.parameter.1"), "d");
	assert_int_equal(int_of(span, "osprofiler.db.a.b"), 1);
	assert_int_equal(int_of(span, "osprofiler.db.a.c"), 2);
	assert_null(receiver_attribute(span, "osprofiler.db.leaf"));
	assert_int_equal(int_of(span, "osprofiler.db.leaf.y"), 5);
	assert_null(receiver_attribute(span, "osprofiler.db.tree.x"));
	assert_int_equal(int_of(span, "osprofiler.db.tree.0"), 6);
	assert_int_equal(int_of(span, "osprofiler.db.null"), 1);
	assert_null(receiver_attribute(span, "osprofiler.twice"));
	assert_int_equal(int_of(span, "osprofiler.twice.0"), 3);
	assert_string_equal(receiver_text(span, "osprofiler.operation"), "pg");
	assert_int_equal(int_of(span, "osprofiler.unfinished"), 7);
	span = receiver_find("8ddd000000000002");
	assert_unique_keys(span);
	assert_true(receiver_attribute(span, "osprofiler.unfinished")->bool_value);
	notes_term(&n);
}

/* There are so many keys that comparing each of them with all others would take too
 * long. */
static void
test_many_keys(void **state)
{
	enum
	{
		KEYS = 200000
	};
	osp_driver_conn *conn = contract_open();
	osp_buf info;
	notes n;
	int i;

	(void) state;
	osp_buf_init(&info, &osp_allocator_default, 64 * 1024 * 1024);
	for (i = 0; i < KEYS; i++)
		osp_buf_addf(&info, "%s\"k%d\": %d", i > 0 ? ", " : "{", i, i);
	osp_buf_add_char(&info, '}');
	notes_init(&n);
	notes_start(&n, "app", 1, 0, info.ptr);
	notes_stop(&n, "app", 1, 0, info.ptr);
	notes_start(&n, "app", 2, 0, "{\"k1\": 1}");
	notes_stop(&n, "app", 2, 0, "{\"k1\": 2}");
	notes_store(conn, &n, 0);
	contract_close(conn);
	assert_int_equal(receiver_find("8ddd000000000001")->n_attributes, KEYS + 1);
	assert_int_equal(int_of(receiver_find("8ddd000000000002"), "osprofiler.k1"),
					 2);
	osp_buf_term(&info);
	notes_term(&n);
}

static void
test_statement_text(void **state)
{
	static const struct
	{
		const char *option;
		const char *text;
	} cases[] = {{"", "SELECT ?"},
				 {"?statement_text=normalized", "SELECT ?"},
				 {"?statement_text=full", "SELECT 'x'"},
				 {"?statement_text=none", ""}};
	notes n;
	size_t i;

	(void) state;
	notes_init(&n);
	notes_start(&n, "pg", 1, 0, "{\"db\": {\"statement\": \"SELECT 'x'\"}}");
	notes_stop(&n, "pg", 1, 0, "{}");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		osp_driver_conn *conn =
			contract_open_as(otlp_test_uri(cases[i].option), true, TIMEOUT_MS);

		notes_store(conn, &n, 0);
		contract_close(conn);
		assert_string_equal(receiver_text(receiver_span(i), "db.query.text"),
							cases[i].text);
		assert_string_equal(receiver_span(i)->name, "SELECT");
	}
	notes_term(&n);
}

static void
test_requests(void **state)
{
	char options[512];
	char file[300];
	osp_driver_conn *conn;
	const char *dir = tempdir_make();
	FILE *out;
	notes n;

	(void) state;
	(void) snprintf(file, sizeof(file), "%s/headers", dir);
	out = fopen(file, "w");
	assert_non_null(out);
	(void) fprintf(out, "# a comment\n\nX-Tenant:  blue \r\nX-Other: 1\n");
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(file, 0600), 0);
	(void) snprintf(options,
					sizeof(options),
					"/some/path?header=X-Key:a%%20b%%26c&headers_file=%s&"
					"compression=none",
					file);
	notes_init(&n);
	notes_start(&n, "pg", 1, 0, "{}");
	notes_stop(&n, "pg", 1, 0, "{}");
	conn = contract_open_as(otlp_test_uri(options), true, TIMEOUT_MS);
	notes_store(conn, &n, 0);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 1);
	assert_string_equal(receiver_path(), "/some/path");
	assert_string_equal(receiver_header("X-Key"), "a b&c");
	assert_string_equal(receiver_header("X-Tenant"), "blue");
	assert_string_equal(receiver_header("X-Other"), "1");
	assert_string_equal(receiver_header("Content-Encoding"), "");
	assert_string_equal(receiver_header("Authorization"), "");

	(void) snprintf(options,
					sizeof(options),
					"otlp://me:se%%20cret@127.0.0.1:%d",
					receiver_port());
	conn = contract_open_as(options, true, TIMEOUT_MS);
	notes_store(conn, &n, 0);
	contract_close(conn);
	assert_string_equal(receiver_header("Authorization"),
						"Basic bWU6c2UgY3JldA==");
	notes_term(&n);
	tempdir_remove();
}

/* A file of headers that other users can read is refused, and so is one that is
 * missing. */
static void
test_headers_file(void **state)
{
	static const struct
	{
		const char *text;
		unsigned mode;
		osp_status status;
	} cases[] = {{"A: b\n", 0644, OSP_EPERM},
				 {"no header\n", 0600, OSP_EINVAL},
				 {"A b: c\n", 0600, OSP_EINVAL},
				 {NULL, 0, OSP_ENOENT}};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *dir = tempdir_make();
		osp_driver_conn *conn;
		osp_driver_options options;
		osp_error err = {OSP_OK, ""};
		char uri[400];
		char file[300];
		FILE *out;

		(void) snprintf(file, sizeof(file), "%s/headers", dir);
		if (cases[i].text != NULL)
		{
			out = fopen(file, "w");
			assert_non_null(out);
			(void) fputs(cases[i].text, out);
			assert_int_equal(fclose(out), 0);
			assert_int_equal(chmod(file, cases[i].mode), 0);
		}
		(void) snprintf(uri, sizeof(uri), "otlp://h?headers_file=%s", file);
		options = contract_options(uri);
		assert_int_equal(osp_driver_otlp.open(&options, &conn, &err),
						 cases[i].status);
		assert_null(conn);
		assert_non_null(strstr(err.msg, "headers"));
		tempdir_remove();
	}
}

/* Large batches of many services are divided into requests of some megabytes. */
static void
test_many(void **state)
{
	osp_driver_conn *conn = contract_open();
	char *huge = malloc(10 * 1024 * 1024 + 1);
	const otlp_test_span *span;
	points all;
	size_t i;

	(void) state;
	assert_non_null(huge);
	memset(huge, 'x', 10 * 1024 * 1024);
	points_init(&all);
	points_fill(&all, OSP_STR(OTLP_TRACE), 0, 40000);
	points_add(
		&all, OSP_STR(OTLP_TRACE), 40000, osp_str_n(huge, 10 * 1024 * 1024));
	points_fill(&all, OSP_STR(OTLP_TRACE), 40001, 1);
	for (i = 0; i < all.count; i += 2)
		if (i % 7 == 0)
			all.items[i].service = OSP_STR("other");
	contract_store(conn, &all);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 20001);
	assert_true(receiver_requests() >= 3);
	span = receiver_span(20000);
	assert_int_equal(strlen(receiver_text(span, "db.query.text")),
					 10 * 1024 * 1024);
	for (i = 0; i < 20001; i += 1000)
		assert_int_equal(receiver_copies(otlp_test_id((unsigned) i)), 1);
	points_term(&all);
	free(huge);
}

/* An allocator that counts the bytes that are in use. */
static size_t held_bytes;

static void *
counting_realloc(void *ctx, void *ptr, size_t size)
{
	size_t before = ptr != NULL ? malloc_usable_size(ptr) : 0;
	void *grown = realloc(ptr, size);

	(void) ctx;
	assert_non_null(grown);
	held_bytes += malloc_usable_size(grown) - before;
	return grown;
}

static void *
counting_alloc(void *ctx, size_t size)
{
	return counting_realloc(ctx, NULL, size);
}

static void
counting_free(void *ctx, void *ptr)
{
	(void) ctx;
	held_bytes -= ptr != NULL ? malloc_usable_size(ptr) : 0;
	free(ptr);
}

/* The memory for a large statement is freed with the next batch. */
static void
test_memory(void **state)
{
	static const osp_allocator counting = {
		counting_alloc, counting_realloc, counting_free, NULL};
	const size_t size = 40 * 1024 * 1024;
	osp_driver_options options = contract_options(otlp_test_uri(""));
	char *huge = malloc(size);
	osp_driver_conn *conn;
	points small;
	points all;

	(void) state;
	assert_non_null(huge);
	memset(huge, 'x', size);
	options.alc = &counting;
	options.timeout_ms = 10 * TIMEOUT_MS;
	conn = contract_open_with(&options);
	points_init(&all);
	points_init(&small);
	points_add(&all, OSP_STR(OTLP_TRACE), 0, osp_str_n(huge, size));
	points_fill(&all, OSP_STR(OTLP_TRACE), 1, 1);
	points_fill(&small, OSP_STR(OTLP_TRACE), 2, 2);
	contract_store(conn, &all);
	contract_store(conn, &small);
	assert_true(held_bytes < size / 2);
	contract_close(conn);
	assert_int_equal(held_bytes, 0);
	points_term(&small);
	points_term(&all);
	free(huge);
}

/* A statement of arbitrary bytes becomes valid UTF-8. */
static void
test_bytes(void **state)
{
	osp_driver_conn *conn = contract_open_as(
		otlp_test_uri("?statement_text=full"), true, TIMEOUT_MS);
	char every[256];
	points all;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(every); i++)
		every[i] = (char) i;
	points_init(&all);
	points_add(&all, OSP_STR(OTLP_TRACE), 0, osp_str_n(every + 1, 255));
	points_add(&all, OSP_STR(OTLP_TRACE), 1, OSP_STR(""));
	contract_store(conn, &all);
	contract_close(conn);
	assert_non_null(strstr(
		receiver_text(receiver_find("8ddd000000000000"), "db.query.text"),
		"\x01\x02\x03"));
	points_term(&all);
}

/* The timestamps of a start and a stop, the info of the stop, and the expected times of
 * the span in ns after midnight. */
static const struct times
{
	const char *start;
	const char *stop;
	const char *info;
	int64_t start_ns;
	int64_t stop_ns;
} all_times[] = {
	{"2026-11-22T00:00:01", "2026-11-22T00:00:02", "{}", SECOND, 2 * SECOND},
	{"2026-11-22T00:00:01Z",
	 "2026-11-22T00:00:01.5Z",
	 "{}",
	 SECOND,
	 SECOND + SECOND / 2},
	{"2026-11-22 00:00:01.25",
	 "2026-11-22 00:00:02",
	 "{}",
	 SECOND + SECOND / 4,
	 2 * SECOND},
	{"2026-11-22T00:00:01.123456789",
	 "2026-11-22T00:00:02.000000001",
	 "{}",
	 SECOND + 123456789,
	 2 * SECOND + 1},
	{"2026-11-22T02:00:01.5+02:00",
	 "2026-11-21T23:00:02-01:00",
	 "{}",
	 SECOND + SECOND / 2,
	 2 * SECOND},
	{"2026-11-22T00:00:01Z",
	 "2026-11-22T00:00:02",
	 "{\"elapsed_ns\": 7}",
	 SECOND,
	 SECOND + 7},
	{"nonsense",
	 "2026-11-22T00:00:02",
	 "{\"elapsed_ns\": 7}",
	 2 * SECOND - 7,
	 2 * SECOND},
	{"2026-11-22T00:00:01", "nonsense", "{}", SECOND, SECOND},
};

static void
test_times(void **state)
{
	size_t count = sizeof(all_times) / sizeof(all_times[0]);
	osp_driver_conn *conn = contract_open();
	notes n;
	size_t i;

	(void) state;
	notes_init(&n);
	for (i = 0; i < count; i++)
	{
		notes_start(&n, "pg", (unsigned) i + 1, 0, "{}");
		notes_stop(&n, "pg", (unsigned) i + 1, 0, all_times[i].info);
		n.items[2 * i].timestamp = osp_str_of(all_times[i].start);
		n.items[2 * i + 1].timestamp = osp_str_of(all_times[i].stop);
	}
	notes_store(conn, &n, 0);
	contract_close(conn);
	for (i = 0; i < count; i++)
	{
		const otlp_test_span *span =
			receiver_find(otlp_test_id((unsigned) i + 1));

		assert_int_equal(span->start_time_unix_nano,
						 MIDNIGHT * 1000000000 + all_times[i].start_ns);
		assert_int_equal(span->end_time_unix_nano,
						 MIDNIGHT * 1000000000 + all_times[i].stop_ns);
	}
	notes_term(&n);
}

/* Times that OTLP cannot represent. */
static void
test_no_times(void **state)
{
	osp_driver_conn *conn = contract_open();
	notes n;
	size_t i;

	(void) state;
	notes_init(&n);
	notes_start(&n, "pg", 1, 0, "{}");
	notes_stop(&n, "pg", 1, 0, "{\"elapsed_ns\": 0}");
	notes_start(&n, "pg", 2, 0, "{}");
	notes_stop(&n, "pg", 2, 0, "{\"elapsed_ns\": 0}");
	notes_start(&n, "pg", 3, 0, "{}");
	notes_stop(&n, "pg", 3, 0, "{\"elapsed_ns\": 999999999999999999}");
	for (i = 0; i < 2; i++)
		n.items[i].timestamp = OSP_STR("nonsense");
	for (; i < 4; i++)
		n.items[i].timestamp = OSP_STR("1700-01-01T00:00:00");
	for (; i < 6; i++)
		n.items[i].timestamp = OSP_STR("2261-01-01T00:00:00");
	notes_store(conn, &n, 0);
	contract_close(conn);
	for (i = 1; i <= 2; i++)
	{
		const otlp_test_span *span = receiver_find(otlp_test_id((unsigned) i));

		assert_int_equal(span->start_time_unix_nano, 0);
		assert_int_equal(span->end_time_unix_nano, 0);
	}
	assert_int_equal(receiver_find(otlp_test_id(3))->end_time_unix_nano,
					 INT64_MAX);
	notes_term(&n);
}

static void
finish(void)
{
	receiver_reset();
	receiver_stop();
}

int
main(void)
{
	static const char *const bad_strings[] = {
		"otlp",
		"otlp://host:port",
		"otlp://host:99999",
		"otlp+http://host",
		"otlp://ho st/",
		"otlp://h?nonsense=1",
		"otlp://h?header=",
		"otlp://h?header=value",
		"otlp://h?header=:value",
		"otlp://h?header=a%20b:value",
		"otlp://h?header=a:b%0d%0ac:d",
		"otlp://h?compression=zip",
		"otlp://h?statement_text=all",
		"otlp://h?proxy=http://p",
		"otlp://h?unfinished=0s",
		"otlp://h?unfinished=week",
		"otlp://h?resource=a",
		"otlp://h?resource=a:1&resource=a:2",
		"otlp://h?resource=service.name:x",
		NULL};
	static const backend b = {.name = "otlp",
							  .driver = &osp_driver_otlp,
							  .reset = receiver_reset,
							  .finish = finish,
							  .connection_string = connection_string,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_foreign_parent),
		cmocka_unit_test(test_own_parent),
		cmocka_unit_test(test_other_ids),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_other_attributes),
		cmocka_unit_test(test_unique_keys),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_statement_text),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_headers_file),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_no_times),
		cmocka_unit_test(test_otlp_across_batches),
		cmocka_unit_test(test_otlp_stop_first),
		cmocka_unit_test(test_otlp_agent_restart),
		cmocka_unit_test(test_otlp_sent_again),
		cmocka_unit_test(test_otlp_unfinished),
		cmocka_unit_test(test_otlp_too_many_open),
		cmocka_unit_test(test_otlp_damaged_state),
		cmocka_unit_test(test_otlp_retry_after),
		cmocka_unit_test(test_otlp_statuses),
		cmocka_unit_test(test_otlp_redirections),
		cmocka_unit_test(test_otlp_partial_success),
		cmocka_unit_test(test_otlp_restart),
		cmocka_unit_test(test_otlp_nobody_there),
		cmocka_unit_test(test_otlp_garbage),
		cmocka_unit_test(test_otlp_strangers),
		cmocka_unit_test(test_otlp_interrupts),
		cmocka_unit_test(test_otlp_tls),
		cmocka_unit_test(test_otlp_proxy),
	};

	receiver_start(NULL);
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
