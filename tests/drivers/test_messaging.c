/* SPDX-License-Identifier: Apache-2.0
 *
 * test_messaging.c
 *	  The messaging driver: the suite for all drivers, upstream's messages, users and
 *	  options. It is one program with messaging_faults.c, messaging_removals.c and
 *	  messaging_strangers.c.
 */
#include "messaging_tests.h"

#include <stdio.h>
#include <stdlib.h>

static osp_str
text_of(amqp_bytes_t bytes)
{
	return osp_str_n(bytes.bytes, bytes.len);
}

static void
store_as(const char *uri, const points *p)
{
	osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);

	contract_store(conn, p);
	contract_close(conn);
}

static void
expect_as(const char *uri, const points *p)
{
	osp_driver_conn *conn = contract_open_as(uri, false, TIMEOUT_MS);

	contract_expect(conn, messaging_trace, p);
	contract_close(conn);
}

/* A message has the form in which oslo.messaging sends a notification. */
static void
test_form(void **state)
{
	static const char before[] =
		"\", \"publisher_id\": \"db1\", \"event_type\": \"profiler.shop\", "
		"\"priority\": \"INFO\", \"payload\": ";
	static const char behind[] = ", \"timestamp\": \"20";
	osp_driver_conn *conn = contract_open();
	amqp_message_t message;
	osp_str body;
	const char *at;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 1);
	contract_store(conn, &all);
	assert_true(messaging_test_get("profiler.info", &message));
	body = text_of(message.body);
	assert_memory_equal(body.ptr, "{\"message_id\": \"", 16);
	at = body.ptr + 16 + OSP_UUID_TEXT_LEN;
	assert_memory_equal(at, before, strlen(before));
	at += strlen(before);
	assert_memory_equal(at, all.items[0].json.ptr, all.items[0].json.len);
	at += all.items[0].json.len;
	assert_memory_equal(at, behind, strlen(behind));
	at = body.ptr + body.len - 34;
	assert_memory_equal(at - 17, ", \"_unique_id\": \"", 17);
	assert_memory_equal(body.ptr + body.len - 2, "\"}", 2);

	assert_int_equal(message.properties._flags, 0xf800);
	assert_true(osp_str_eq(text_of(message.properties.content_type),
						   OSP_STR("application/json")));
	assert_true(osp_str_eq(text_of(message.properties.content_encoding),
						   OSP_STR("utf-8")));
	assert_int_equal(message.properties.headers.num_entries, 0);
	assert_int_equal(message.properties.delivery_mode, 2);
	assert_int_equal(message.properties.priority, 0);
	amqp_destroy_message(&message);
	assert_false(messaging_test_get("profiler.info", &message));
	points_term(&all);
	contract_close(conn);
}

/* A message that is sent again has the same id, so that consumers can drop it. */
static void
test_message_ids(void **state)
{
	osp_driver_conn *conn = contract_open();
	char first[64];
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 2);
	contract_store(conn, &all);
	contract_store(conn, &all);
	for (i = 0; i < 4; i++)
	{
		amqp_message_t message;

		assert_true(messaging_test_get("profiler.info", &message));
		if (i == 0)
			(void) snprintf(
				first, sizeof(first), "%.52s", (char *) message.body.bytes);
		assert_int_equal(strncmp(first, message.body.bytes, 52) == 0,
						 i % 2 == 0);
		amqp_destroy_message(&message);
	}
	points_term(&all);
	contract_close(conn);
}

/* Messages of other programs, and invalid ones. */
static void
test_formats(void **state)
{
	static const char version_2[] =
		"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"payload\\\": "
		"{\\\"name\\\": \\\"a-start\\\", \\\"base_id\\\": \\\"trace\\\", "
		"\\\"trace_id\\\": \\\"t\\\", \\\"parent_id\\\": \\\"p\\\", "
		"\\\"timestamp\\\": \\\"2026-11-22T15:00:00.5\\\"}}\"}";
	static const char *const others[] = {
		"",
		"trace",
		"{\"payload\": \"trace\"}",
		"{\"payload\": {\"base_id\": \"trace\"}}",
		"{\"oslo.version\": \"2.0\", \"oslo.message\": \"trace\"}",
		"{\"oslo.version\": \"2.0\", \"oslo.message\": {\"payload\": 1}}",
		"[\"trace\"]"};
	osp_driver_conn *conn = contract_open();
	collected got;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 1);
	contract_store(conn, &all);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		messaging_test_publish(
			"openstack", "profiler.info", "text/plain", osp_str_of(others[i]));
	messaging_test_publish("openstack",
						   "profiler.info",
						   "application/json",
						   osp_str_of(version_2));
	collected_init(&got);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, &got, NULL),
					 OSP_OK);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.texts[0], all.items[0].json.ptr);
	assert_memory_equal(got.texts[1], "{\"name\": \"a-start\"", 17);
	collected_term(&got);
	contract_list(conn, false, &got);
	assert_int_equal(got.count, 1);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
}

/* Reading and removing keep the order of all other messages. */
static void
test_order_of_others(void **state)
{
	osp_driver_conn *conn = contract_open();
	const osp_str doomed = OSP_STR("doomed");
	const osp_removal what = {sizeof(what), &doomed, 1, 0};
	uint64_t removed = 0;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 30; i++)
		points_fill(
			&all, i % 3 == 1 ? doomed : messaging_trace, (unsigned) i, 1);
	contract_store(conn, &all);
	contract_expect(conn, doomed, &all);
	assert_int_equal(
		osp_driver_messaging.remove_traces(conn, &what, &removed, NULL),
		OSP_OK);
	assert_int_equal(removed, 1);
	for (i = 0; i < 30; i++)
	{
		amqp_message_t message;

		if (i % 3 == 1)
			continue;
		assert_true(messaging_test_get("profiler.info", &message));
		assert_non_null(memmem(message.body.bytes,
							   message.body.len,
							   all.items[i].json.ptr,
							   all.items[i].json.len));
		amqp_destroy_message(&message);
	}
	points_term(&all);
	contract_close(conn);
}

static void
test_other_names(void **state)
{
	char uri[512];
	amqp_message_t message;
	points all;
	int i;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	(void) snprintf(uri,
					sizeof(uri),
					"%s",
					messaging_test_uri("", "?topic=a%20b&exchange=x%26y"));
	store_as(uri, &all);
	expect_as(uri, &all);
	messaging_test_publish("x&y", "a b.info", "text/plain", OSP_STR("x"));
	for (i = 0; i < 4; i++)
	{
		assert_true(messaging_test_get("a b.info", &message));
		amqp_destroy_message(&message);
	}
	points_term(&all);
}

static void
test_virtual_hosts(void **state)
{
	osp_driver_conn *conn;
	char uri[512];
	points all;
	points none;

	(void) state;
	points_init(&all);
	points_init(&none);
	points_fill(&all, messaging_trace, 0, 3);
	(void) snprintf(
		uri, sizeof(uri), "%s", messaging_test_uri("", "/other%2Fone"));
	store_as(uri, &all);
	expect_as(uri, &all);
	expect_as(messaging_test_uri("", "/"), &none);
	expect_as(messaging_test_uri("", "/%2f"), &none);
	conn = contract_open_as(
		messaging_test_uri("", "/nonesuch"), false, TIMEOUT_MS);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "vhost nonesuch not found"));
	contract_close(conn);
	points_term(&all);
}

static const char *
store_fails_as(const char *login, const char *rest)
{
	osp_driver_conn *conn =
		contract_open_as(messaging_test_uri(login, rest), false, TIMEOUT_MS);
	const char *message;
	points all;

	points_init(&all);
	points_fill(&all, messaging_trace, 0, 300);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	points_term(&all);
	contract_close(conn);
	return message;
}

static void
test_logins(void **state)
{
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	store_as(messaging_test_uri("u%40%3A%2F:p%40%3A%2F%25%2C@", ""), &all);
	expect_as(messaging_test_uri("guest:guest@", ""), &all);
	assert_non_null(strstr(store_fails_as("guest:wrong%20word@", ""),
						   "see the broker logfile"));
	assert_null(strstr(store_fails_as("guest:wrong%20word@", ""), "wrong"));
	assert_non_null(strstr(store_fails_as(":@", ""), "Login was refused"));
	points_term(&all);
}

/* A user who may only write needs an exchange and a queue that another user has made. */
static void
test_rights(void **state)
{
	osp_driver_conn *conn =
		contract_open_as(messaging_test_uri("writer:writer@", ""), false, 2000);
	osp_error err = {OSP_OK, ""};
	osp_driver_conn *other;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "no exchange 'openstack'"));
	other = contract_open();
	contract_store(other, &all);
	contract_store(conn, &all);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_non_null(strstr(err.msg, "ACCESS_REFUSED"));
	assert_non_null(
		strstr(store_fails_as("nobody:nobody@", ""), "ACCESS_REFUSED"));
	points_term(&all);
	contract_close(other);
	contract_close(conn);
}

/* If several hosts are given, those that do not answer are skipped. */
static void
test_hosts(void **state)
{
	char uri[256];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	(void) snprintf(uri,
					sizeof(uri),
					"messaging://guest:guest@127.0.0.1:1,nobody:x@127.0.0.1:%d"
					",guest:guest@127.0.0.1:%d,[::1]:2/",
					messaging_test_server.port,
					messaging_test_server.port);
	store_as(uri, &all);
	expect_as(uri, &all);
	points_term(&all);
}

static void
test_tls(void **state)
{
	int port = messaging_test_server.port + 1;
	osp_driver_conn *conn;
	char uri[512];
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 5000);
	(void) snprintf(uri,
					sizeof(uri),
					"messaging+amqps://127.0.0.1:%d?ca=%s/ca.pem",
					port,
					messaging_test_dir);
	store_as(uri, &all);
	expect_as(uri, &all);
	(void) snprintf(
		uri,
		sizeof(uri),
		"messaging://127.0.0.1:%d?ssl=true&ssl_ca_file=%s/other.pem",
		port,
		messaging_test_dir);
	conn = contract_open_as(uri, false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "certificate"));
	contract_close(conn);

	/* The certificate is for the address, not for this name. */
	(void) snprintf(uri,
					sizeof(uri),
					"messaging+amqps://localhost:%d?ca=%s/ca.pem",
					port,
					messaging_test_dir);
	conn = contract_open_as(uri, false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "hostname"));
	contract_close(conn);
	conn = contract_open_as(
		"messaging+amqps://127.0.0.1:1?ca=/no/such", false, TIMEOUT_MS);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "authorities cannot be read"));
	contract_close(conn);
	conn = contract_open_as("messaging+amqps://127.0.0.1:1", false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "connect to"));
	contract_close(conn);

	/* A connection without TLS to the port for TLS, and one with TLS to the port
	 * without. */
	(void) snprintf(uri, sizeof(uri), "messaging://127.0.0.1:%d", port);
	conn = contract_open_as(uri, false, TIMEOUT_MS);
	(void) contract_store_fails(conn, &all, OSP_EUNAVAIL);
	contract_close(conn);
	(void) snprintf(
		uri, sizeof(uri), "messaging+amqps://127.0.0.1:%d", port - 1);
	conn = contract_open_as(uri, false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "TLS with"));
	contract_close(conn);
	points_term(&all);
}

/* Reading waits for further messages if idle_timeout is given. */
static void
test_idle_timeout(void **state)
{
	points all;
	long begin;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	store_as(messaging_test_uri("", ""), &all);
	begin = contract_now_ms();
	expect_as(messaging_test_uri("", "?idle_timeout=1s"), &all);
	assert_in_range(contract_now_ms() - begin, 1000, 1800);
	begin = contract_now_ms();
	expect_as(messaging_test_uri("", ""), &all);
	assert_in_range(contract_now_ms() - begin, 0, 900);
	points_term(&all);
}

/* Stores and reads three points over a temporary connection. If removes is set, removes
 * them, too. */
static void
try_temporarily(const char *rest, const points *all, bool removes)
{
	osp_driver_conn *conn =
		contract_open_as(messaging_test_uri("", rest), false, TIMEOUT_MS);
	const osp_removal what = {sizeof(what), &messaging_trace, 1, 0};
	uint64_t removed = 0;

	contract_store(conn, all);
	contract_expect(conn, messaging_trace, all);
	if (removes)
		assert_int_equal(
			osp_driver_messaging.remove_traces(conn, &what, &removed, NULL),
			OSP_OK);
	contract_close(conn);
}

/* Queues and exchanges that a temporary connection makes are deleted at its end, unless
 * they hold messages or existed before. */
static void
test_temporary(void **state)
{
	const char *durable = "?durable=1&temporary=1";
	osp_driver_conn *conn;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	try_temporarily("?temporary=1", &all, true);
	try_temporarily(durable, &all, true);
	try_temporarily("?temporary=1", &all, false);
	expect_as(messaging_test_uri("", ""), &all);
	conn = contract_open_as(messaging_test_uri("", durable), false, TIMEOUT_MS);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "is not durable"));
	contract_close(conn);
	expect_as(messaging_test_uri("", ""), &all);
	points_term(&all);
}

int
main(void)
{
	static const char *const bad_strings[] = {
		"messaging",
		"messaging://host:port",
		"messaging://host:99999",
		"messaging://a,b:0,c",
		"messaging://host?db=1",
		"messaging://host?topic=",
		"messaging://host?exchange=",
		"messaging://host?durable=x",
		"messaging://host?declare=",
		"messaging://host?temporary=x",
		"messaging://host?idle_timeout=x",
		"messaging://host?ssl=perhaps",
		"messaging://host?ca=/ca.pem",
		"messaging+amqps://host?ca=ca.pem",
		"messaging+tls://host",
		NULL};
	static const backend b = {.name = "messaging",
							  .driver = &osp_driver_messaging,
							  .reset = messaging_test_reset,
							  .finish = messaging_test_finish,
							  .connection_string =
								  messaging_test_connection_string,
							  .server = &messaging_test_server,
							  .start = messaging_test_start,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_message_ids),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_order_of_others),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_virtual_hosts),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_idle_timeout),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_other_exchange),
		cmocka_unit_test(test_other_durability),
		cmocka_unit_test(test_queue_deleted),
		cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_message_too_long),
		cmocka_unit_test(test_other_consumer),
		cmocka_unit_test(test_other_reader_ends),
		cmocka_unit_test(test_only_consumer),
		cmocka_unit_test(test_busy_broker),
		cmocka_unit_test(test_remove_alternating),
		cmocka_unit_test(test_remove_behind_others),
		cmocka_unit_test(test_remove_in_pieces),
		cmocka_unit_test(test_remove_all),
		cmocka_unit_test(test_failed_removal),
		cmocka_unit_test(test_removal_without_memory),
		cmocka_unit_test(test_interrupted_removal),
		cmocka_unit_test(test_remove_beside_reader),
		cmocka_unit_test(test_remove_from_quorum_queue),
		cmocka_unit_test(test_remove_from_single_consumer),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_during_batch),
		cmocka_unit_test(test_broker_that_hangs),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_no_broker),
		cmocka_unit_test(test_dripping_broker),
		cmocka_unit_test(test_lying_broker),
		cmocka_unit_test(test_large_answers),
		cmocka_unit_test(test_alarm),
	};

	if (!script_server_exists(RABBIT_SERVER))
		return contract_skip("there is no rabbitmq-server");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
