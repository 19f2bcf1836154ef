/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis.c
 *	  The redis driver: the suite for all drivers, upstream's data, databases and
 *	  logins. It is one program with redis_faults.c and redis_strangers.c.
 */
#include "redis_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
test_form(void **state)
{
	osp_driver_conn *conn = contract_open();
	char stamp[OSP_TIMESTAMP_LEN + 1];
	char expected[128];
	redisReply *reply;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 0, 2);
	points_add_error(&all, redis_trace, 3);
	points_add_error(&all, OSP_STR("ж\"😀"), 5);
	contract_store(conn, &all);

	reply = redis_test_command("KEYS *");
	assert_int_equal(reply->elements, 6);
	freeReplyObject(reply);
	reply = redis_test_command("LRANGE osprofiler_opt:trace 0 -1");
	assert_int_equal(reply->elements, 3);
	assert_string_equal(reply->element[0]->str, all.items[2].json.ptr);
	assert_string_equal(reply->element[2]->str, all.items[0].json.ptr);
	freeReplyObject(reply);
	reply = redis_test_command("TTL osprofiler_opt:trace");
	assert_int_equal(reply->integer, -1);
	freeReplyObject(reply);

	points_timestamp(3, stamp);
	(void) snprintf(expected,
					sizeof(expected),
					"{\"base_id\": \"trace\", \"timestamp\": \"%s\"}",
					stamp);
	reply = redis_test_command("GET osprofiler_error:trace");
	assert_string_equal(reply->str, expected);
	freeReplyObject(reply);
	points_timestamp(5, stamp);
	(void) snprintf(expected,
					sizeof(expected),
					"{\"base_id\": \"\\u0436\\\"\\ud83d\\ude00\", "
					"\"timestamp\": \"%s\"}",
					stamp);
	reply = redis_test_command("GET %s", "osprofiler_error:ж\"😀");
	assert_string_equal(reply->str, expected);
	freeReplyObject(reply);
	points_term(&all);
	contract_close(conn);
}

static void
test_errors_not_noted(void **state)
{
	osp_driver_conn *conn = contract_open_as(redis_test_uri, false, TIMEOUT_MS);
	redisReply *reply;
	points all;

	(void) state;
	points_init(&all);
	points_add_error(&all, redis_trace, 3);
	contract_store(conn, &all);
	reply = redis_test_command("KEYS *");
	assert_int_equal(reply->elements, 2);
	freeReplyObject(reply);
	points_term(&all);
	contract_close(conn);
}

static void
test_legacy_keys(void **state)
{
	osp_driver_conn *writer = contract_open();
	osp_driver_conn *conn =
		contract_open_as(redis_test_uri_of("", "?legacy=1"), false, TIMEOUT_MS);
	char stamp[OSP_TIMESTAMP_LEN + 1];
	collected got;
	points all;
	points newer;
	unsigned i;

	(void) state;
	points_init(&all);
	points_init(&newer);
	points_fill(&all, redis_trace, 0, 600);
	points_fill(&newer, redis_trace, 600, 2);
	for (i = 0; i < 600; i++)
		freeReplyObject(redis_test_command("SET osprofiler:trace%04u %b",
										   i,
										   all.items[i].json.ptr,
										   all.items[i].json.len));
	freeReplyObject(
		redis_test_command("SET osprofiler:trace2-x %s",
						   "{\"name\": \"x\", \"base_id\": \"trace2\", "
						   "\"trace_id\": \"t\", \"parent_id\": \"p\", "
						   "\"timestamp\": \"2016-04-18T17:42:10.77\"}"));
	redis_test_command_ok("SET osprofiler:trace-nonsense nonsense");
	redis_test_command_ok("LPUSH osprofiler:trace-list nonsense");
	contract_store(writer, &newer);

	/* A trace that is stored in both forms is read as one trace, the old form first. */
	collected_init(&got);
	assert_int_equal(osp_driver_redis.get_points(
						 conn, redis_trace, collect_point, &got, NULL),
					 OSP_OK);
	assert_int_equal(got.count, 602);
	for (i = 0; i < 600; i++)
		assert_in_range(collected_find(&got, all.items[i].json.ptr), 0, 599);
	assert_string_equal(got.texts[600], newer.items[0].json.ptr);
	assert_string_equal(got.texts[601], newer.items[1].json.ptr);
	collected_term(&got);

	/* The old form is read only if the connection string asks for it. */
	contract_expect(writer, redis_trace, &newer);
	contract_list(writer, false, &got);
	assert_int_equal(got.count, 1);
	collected_term(&got);
	contract_close(writer);

	contract_list(conn, false, &got);
	assert_int_equal(got.count, 2);
	points_timestamp(0, stamp);
	assert_string_equal(got.timestamps[collected_find(&got, "trace")], stamp);
	assert_true(collected_find(&got, "trace2") >= 0);
	collected_term(&got);
	points_term(&all);
	points_term(&newer);
	contract_close(conn);
}

static void
test_nonsense_is_listed(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected list;

	(void) state;
	redis_test_command_ok("LPUSH osprofiler_opt:one nonsense");
	redis_test_command_ok("SET osprofiler_opt:two nonsense");
	redis_test_command_ok("SET osprofiler_error:three nonsense");
	redis_test_command_ok("SET osprofilerx nonsense");
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.texts[0], "one");
	assert_string_equal(list.timestamps[0], "");
	collected_term(&list);
	contract_list(conn, true, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.texts[0], "three");
	collected_term(&list);
	contract_close(conn);
}

/* A list that grows at its head while it is read. */
typedef struct growing
{
	collected got;
	unsigned more;
} growing;

static osp_status
collect_and_grow(void *ctx, osp_str json)
{
	growing *g = ctx;

	if (g->got.count % 300 == 0)
	{
		points p;
		osp_driver_conn *other = contract_open();

		points_init(&p);
		points_fill(&p, redis_trace, 100000 + g->more++, 1);
		contract_store(other, &p);
		points_term(&p);
		contract_close(other);
	}
	return collect_point(&g->got, json);
}

static void
test_growing_list(void **state)
{
	osp_driver_conn *conn = contract_open();
	growing g = {.more = 0};
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 0, 9000);
	contract_store(conn, &all);
	assert_int_equal(osp_driver_redis.get_points(
						 conn, redis_trace, collect_and_grow, &g, NULL),
					 OSP_OK);
	assert_int_equal(g.got.count, 9000);
	for (i = 0; i < 9000; i++)
		assert_string_equal(g.got.texts[i], all.items[i].json.ptr);
	collected_term(&g.got);
	points_term(&all);
	contract_close(conn);
}

/* How often the driver has searched the server's keys. */
static long
count_scans(void)
{
	static const char name[] = "cmdstat_scan:calls=";
	redisReply *reply = redis_test_command("INFO commandstats");
	const char *found = strstr(reply->str, name);
	long calls = found == NULL ? 0 : strtol(found + sizeof(name) - 1, NULL, 10);

	freeReplyObject(reply);
	return calls;
}

static void
list_newest(osp_driver_conn *conn, osp_trace_filter *filter, collected *got)
{
	osp_error err = {OSP_OK, ""};
	static char page[256];
	osp_str next;

	collected_init(got);
	if (osp_driver_redis.list_traces(
			conn, filter, collect_trace, got, &next, &err) != OSP_OK)
		fail_msg("list_traces: %s", err.msg);
	assert_true(next.len < sizeof(page));
	memcpy(page, next.ptr, next.len);
	filter->page = osp_str_n(page, next.len);
}

/* On a server with many keys, listing the newest traces page by page and reading one of
 * them needs no search of the keys. */
static void
test_many_keys(void **state)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = 7};
	osp_driver_conn *conn = contract_open();
	char id[32];
	collected got;
	long scans;
	points all;
	size_t i;
	int n;

	(void) state;
	points_init(&all);
	for (n = 0; n < 20; n++)
	{
		(void) snprintf(id, sizeof(id), "trace-%d", n);
		points_fill(&all, osp_str_of(id), 1000U * (unsigned) n, 4);
	}
	points_add_error(&all, OSP_STR("trace-2"), 2004);
	contract_store(conn, &all);
	freeReplyObject(redis_test_command(
		"EVAL %s 0",
		"for i = 1, 21000 do redis.call('SET', 'other:' .. i, '') end"));
	scans = count_scans();
	for (n = 19; n >= 0;)
	{
		list_newest(conn, &filter, &got);
		assert_int_equal(got.count, n >= 7 ? 7 : n + 1);
		for (i = 0; i < got.count; i++, n--)
		{
			(void) snprintf(id, sizeof(id), "trace-%d", n);
			assert_string_equal(got.texts[i], id);
		}
		collected_term(&got);
		assert_true((filter.page.len > 0) == (n >= 0));
	}

	/* The same for traces with errors, and for the last ones. */
	filter = (osp_trace_filter){
		.struct_size = sizeof(filter), .limit = 1, .errors_only = true};
	list_newest(conn, &filter, &got);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.texts[0], "trace-2");
	collected_term(&got);
	filter = (osp_trace_filter){.struct_size = sizeof(filter), .limit = 3};
	points_timestamp(18000, id);
	assert_true(osp_timestamp_parse(osp_str_of(id), &filter.since_ns));
	list_newest(conn, &filter, &got);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.texts[0], "trace-19");
	collected_term(&got);
	contract_expect(conn, OSP_STR("trace-5"), &all);
	assert_int_equal(count_scans(), scans);
	points_term(&all);
	contract_close(conn);
}

/* Keeps the times of the only trace in the list. */
static osp_status
keep_times(void *ctx, const osp_trace_entry *entry)
{
	osp_trace_entry *kept = ctx;

	kept->first_ns = entry->first_ns;
	kept->last_ns = entry->last_ns;
	return OSP_OK;
}

static void
assert_times(osp_driver_conn *conn, size_t limit, unsigned first, unsigned last)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = limit};
	osp_trace_entry kept = {.struct_size = sizeof(kept)};
	char expected[OSP_TIMESTAMP_LEN + 1];
	char found[OSP_TIMESTAMP_LEN + 1];

	assert_int_equal(osp_driver_redis.list_traces(
						 conn, &filter, keep_times, &kept, NULL, NULL),
					 OSP_OK);
	points_timestamp(first, expected);
	osp_timestamp_text(kept.first_ns, found);
	assert_string_equal(found, expected);
	points_timestamp(last, expected);
	osp_timestamp_text(kept.last_ns, found);
	assert_string_equal(found, expected);
}

static void
store_some(osp_driver_conn *conn, unsigned from, unsigned count)
{
	points some;

	points_init(&some);
	points_fill(&some, redis_trace, from, count);
	contract_store(conn, &some);
	points_term(&some);
}

/* The server's part of a trace arrives after a later part of its client, and before an
 * earlier one. The list has the times of the whole trace. */
static void
test_late_arrivals(void **state)
{
	osp_driver_conn *conn = contract_open();

	(void) state;
	store_some(conn, 10, 1);
	store_some(conn, 0, 10);
	store_some(conn, 200, 100);
	store_some(conn, 100, 100);
	assert_times(conn, 0, 0, 299);
	assert_times(conn, 1, 0, 299);

	/* With many keys the times come from the index. */
	freeReplyObject(redis_test_command(
		"EVAL %s 0",
		"for i = 1, 21000 do redis.call('SET', 'other:' .. i, '') end"));
	assert_times(conn, 1, 0, 299);

	/* Points that upstream's library writes are not in the index. */
	freeReplyObject(
		redis_test_command("LPUSH osprofiler_opt:%b %s",
						   redis_trace.ptr,
						   redis_trace.len,
						   "{\"name\": \"wsgi-stop\", \"base_id\": \"trace\", "
						   "\"trace_id\": \"t\", \"parent_id\": \"p\", "
						   "\"timestamp\": \"2106-04-18T17:42:10.770000\"}"));
	{
		osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = 1};
		osp_trace_entry kept = {.struct_size = sizeof(kept)};
		int64_t expected;

		assert_true(osp_timestamp_parse(OSP_STR("2106-04-18T17:42:10.770000"),
										&expected));
		assert_int_equal(osp_driver_redis.list_traces(
							 conn, &filter, keep_times, &kept, NULL, NULL),
						 OSP_OK);
		assert_true(kept.last_ns == expected);
	}
	contract_close(conn);
}

/* The points of a batch need not be in the order of their times. */
static void
test_batch_in_disorder(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;
	int i;

	(void) state;
	points_init(&all);
	points_fill(&all, redis_trace, 300, 4);
	points_fill(&all, redis_trace, 0, 10);
	contract_store(conn, &all);
	points_term(&all);
	for (i = 0; i < 2; i++)
		assert_times(conn, (size_t) i, 0, 303);
	contract_close(conn);
}

/* A user without the right to use ZSCORE gets a list, too. */
static void
test_score_forbidden(void **state)
{
	osp_driver_conn *conn = contract_open();

	(void) state;
	store_some(conn, 0, 10);
	contract_close(conn);
	redis_test_command_ok("ACL SETUSER reader on nopass ~* +@all -zscore");
	conn = contract_open_as(
		redis_test_uri_of("reader:x@", "/0"), false, TIMEOUT_MS);
	assert_times(conn, 0, 0, 9);
	contract_close(conn);
	redis_test_command_ok("ACL DELUSER reader");
}

static void
test_databases(void **state)
{
	static const char *const same[] = {
		"/3", "/3/", "?db=3", "/?db=3", "/1?db=3"};
	osp_driver_conn *conn =
		contract_open_as(redis_test_uri_of("", "/3"), false, TIMEOUT_MS);
	osp_driver_conn *zero = contract_open();
	points all;
	points none;
	size_t i;

	(void) state;
	points_init(&all);
	points_init(&none);
	points_fill(&all, redis_trace, 0, 3);
	contract_store(conn, &all);
	contract_expect(zero, redis_trace, &none);
	contract_close(zero);
	contract_close(conn);
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		conn =
			contract_open_as(redis_test_uri_of("", same[i]), false, TIMEOUT_MS);
		contract_expect(conn, redis_trace, &all);
		contract_close(conn);
	}
	conn = contract_open_as(redis_test_uri_of("", "/999"), false, TIMEOUT_MS);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "index is out of range"));
	contract_close(conn);
	points_term(&all);
}

static void
test_socket(void **state)
{
	osp_driver_conn *conn;
	char text[256];
	points all;

	(void) state;
	(void) snprintf(
		text, sizeof(text), "redis+unix://%s/sock?db=2", redis_test_dir);
	conn = contract_open_as(text, false, TIMEOUT_MS);
	points_init(&all);
	points_fill(&all, redis_trace, 0, 3);
	contract_store(conn, &all);
	contract_expect(conn, redis_trace, &all);
	contract_close(conn);
	conn = contract_open_as(redis_test_uri_of("", "/2"), false, TIMEOUT_MS);
	contract_expect(conn, redis_trace, &all);
	contract_close(conn);
	conn = contract_open_as("redis+unix:///no/such", false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "/no/such"));
	contract_close(conn);
	points_term(&all);
}

static void
assert_login_fails(const char *login, const char *says)
{
	osp_driver_conn *conn =
		contract_open_as(redis_test_uri_of(login, ""), false, TIMEOUT_MS);
	osp_error err = {OSP_OK, ""};
	const char *message;
	points all;

	points_init(&all);
	points_fill(&all, redis_trace, 0, 300);
	message = contract_store_fails(conn, &all, OSP_EUNAVAIL);
	assert_non_null(strstr(message, says));
	assert_null(strstr(message, "wrong word"));
	assert_int_equal(osp_driver_redis.get_points(
						 conn, redis_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_int_equal(osp_driver_redis.list_traces(
						 conn, NULL, collect_trace, NULL, NULL, &err),
					 OSP_EUNAVAIL);
	points_term(&all);
	contract_close(conn);
}

static void
assert_login(const char *login)
{
	osp_driver_conn *conn =
		contract_open_as(redis_test_uri_of(login, "/1"), false, TIMEOUT_MS);
	points all;

	points_init(&all);
	points_fill(&all, osp_str_of(login), 0, 3);
	contract_store(conn, &all);
	contract_expect(conn, osp_str_of(login), &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_passwords(void **state)
{
	(void) state;
	redis_test_restart("--requirepass 'se cret@/:%'");
	assert_login_fails("", "password");
	assert_login_fails(":wrong%20word@", "WRONGPASS");
	assert_login_fails("nobody:se%20cret%40%2f%3a%25@", "WRONGPASS");
	assert_login(":se%20cret%40%2F%3A%25@");
	assert_login("default:se%20cret%40%2f%3a%25@");
	redis_test_restart("");
	assert_login_fails(":wrong%20word@", "AUTH");
}

int
main(void)
{
	static const char *const bad_strings[] = {"redis",
											  "redis://host:port",
											  "redis://host:99999",
											  "redis://host/zero",
											  "redis://host/-1",
											  "redis://host/1/2",
											  "redis://host?db=",
											  "redis://host?db=x",
											  "redis://host?ssl=true",
											  "redis://host?ttl=week",
											  "redis://host?legacy=perhaps",
											  "redis+unix://relative",
											  "redis+unix://",
											  "redis+unix:///sock?db=one",
											  "redis+tls://host",
											  NULL};
	static const backend b = {.name = "redis",
							  .driver = &osp_driver_redis,
							  .reset = redis_test_reset,
							  .finish = redis_test_finish,
							  .connection_string = redis_test_connection_string,
							  .server = &redis_test_server,
							  .start = redis_test_again,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_errors_not_noted),
		cmocka_unit_test(test_legacy_keys),
		cmocka_unit_test(test_nonsense_is_listed),
		cmocka_unit_test(test_growing_list),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_late_arrivals),
		cmocka_unit_test(test_batch_in_disorder),
		cmocka_unit_test(test_score_forbidden),
		cmocka_unit_test(test_databases),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_killed_during_batch),
		cmocka_unit_test(test_wrong_type),
		cmocka_unit_test(test_value_too_long),
		cmocka_unit_test(test_server_in_trouble),
		cmocka_unit_test(test_server_drops_us),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_mute_server),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_unasked_answers),
		cmocka_unit_test(test_dripping_server),
		cmocka_unit_test(test_large_answers),
		cmocka_unit_test(test_other_servers),
		cmocka_unit_test(test_turned_away),
		cmocka_unit_test(test_wrong_shapes),
	};

	if (!script_server_exists(REDIS_SERVER))
		return contract_skip("there is no redis-server");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
