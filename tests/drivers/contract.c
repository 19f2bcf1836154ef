/* SPDX-License-Identifier: Apache-2.0
 *
 * contract.c
 *	  The suite that every driver has to pass.
 */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "failing_alloc.h"

#define HUGE_STATEMENT ((size_t) 10 * 1024 * 1024)
#define WRITERS        3
#define WRITER_BATCHES 20
#define WRITER_POINTS  50

static const osp_str trace_a = {"11111111-2222-4333-8444-555555555555", 36};
static const osp_str trace_b = {"99999999-8888-4777-8666-555555555555", 36};

const backend *contract_backend;

osp_driver_options
contract_options(const char *connection_string)
{
	osp_driver_options options;

	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(connection_string);
	options.filter_error_trace = true;
	options.timeout_ms = TIMEOUT_MS;
	return options;
}

osp_driver_conn *
contract_open_with(const osp_driver_options *options)
{
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};

	if (contract_backend->driver->open(options, &conn, &err) != OSP_OK)
		fail_msg("open: %s", err.msg);
	assert_non_null(conn);
	return conn;
}

osp_driver_conn *
contract_open_as(const char *connection_string, bool filter_error_trace,
				 unsigned timeout_ms)
{
	osp_driver_options options = contract_options(connection_string);

	options.filter_error_trace = filter_error_trace;
	options.timeout_ms = timeout_ms;
	return contract_open_with(&options);
}

osp_driver_conn *
contract_open_reader(void)
{
	osp_driver_options options =
		contract_options(contract_backend->connection_string());

	options.read_only = true;
	return contract_open_with(&options);
}

osp_driver_conn *
contract_open(void)
{
	return contract_open_as(
		contract_backend->connection_string(), true, TIMEOUT_MS);
}

void
contract_close(osp_driver_conn *conn)
{
	contract_backend->driver->close(conn);
}

void
contract_store(osp_driver_conn *conn, const points *p)
{
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;

	if (contract_backend->driver->notify(
			conn, p->items, p->count, &accepted, &err) != OSP_OK)
		fail_msg("notify: %s", err.msg);
	assert_int_equal(accepted, p->count);
}

const char *
contract_store_fails(osp_driver_conn *conn, const points *p,
					 osp_status expected)
{
	static osp_error err;
	size_t accepted = 0;
	osp_status status;

	memset(&err, 0, sizeof(err));
	status = contract_backend->driver->notify(
		conn, p->items, p->count, &accepted, &err);
	if (status != expected)
		fail_msg("notify: %s (%s)", osp_status_text(status), err.msg);
	assert_true(accepted < p->count);
	if (status != OSP_EREFUSED)
		assert_int_equal(accepted, 0);
	assert_int_equal(err.code, status);
	assert_true(strlen(err.msg) > 0);
	return err.msg;
}

static void
get(osp_driver_conn *conn, osp_str base_id, collected *out)
{
	osp_error err = {OSP_OK, ""};

	collected_init(out);
	if (contract_backend->driver->get_points(
			conn, base_id, collect_point, out, &err) != OSP_OK)
		fail_msg("get_points: %s", err.msg);
}

void
contract_expect(osp_driver_conn *conn, osp_str base_id, const points *p)
{
	collected got;
	size_t seen = 0;
	size_t i;

	get(conn, base_id, &got);
	for (i = 0; i < p->count; i++)
	{
		if (!osp_str_eq(p->items[i].base_id, base_id))
			continue;
		assert_true(seen < got.count);
		assert_string_equal(got.texts[seen], p->items[i].json.ptr);
		seen++;
	}
	assert_int_equal(got.count, seen);
	collected_term(&got);
}

void
contract_list(osp_driver_conn *conn, bool errors_only, collected *out)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter),
							   .errors_only = errors_only};
	osp_error err = {OSP_OK, ""};

	collected_init(out);
	if (contract_backend->driver->list_traces(
			conn, &filter, collect_trace, out, NULL, &err) != OSP_OK)
		fail_msg("list_traces: %s", err.msg);
}

long
contract_now_ms(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static bool
can_read(void)
{
	return (contract_backend->driver->flags & OSP_DRIVER_CAN_READ) != 0;
}

static void
test_table(void **state)
{
	const osp_driver *driver = contract_backend->driver;

	(void) state;
	assert_int_equal(driver->abi, OSP_DRIVER_ABI);
	assert_string_equal(driver->name, contract_backend->name);
	assert_string_equal(driver->schemes[0], contract_backend->name);
	assert_int_equal((driver->flags & OSP_DRIVER_CAN_READ) != 0,
					 (driver->flags & OSP_DRIVER_CAN_LIST) != 0);
	driver->close(NULL);
}

static void
test_bad_strings(void **state)
{
	const char *const *bad = contract_backend->bad_strings;

	(void) state;
	for (; *bad != NULL; bad++)
	{
		osp_driver_conn *conn = (osp_driver_conn *) &conn;
		osp_driver_options options = contract_options(*bad);
		osp_error err = {OSP_OK, ""};

		if (contract_backend->driver->open(&options, &conn, &err) != OSP_EINVAL)
			fail_msg("%s was not refused", *bad);
		assert_null(conn);
		assert_int_equal(err.code, OSP_EINVAL);
		assert_true(strlen(err.msg) > 0);
	}
}

static void
test_nothing_there(void **state)
{
	osp_driver_conn *conn = contract_open();
	points none;
	collected list;

	(void) state;
	points_init(&none);
	contract_expect(conn, trace_a, &none);
	contract_expect(conn, OSP_STR(""), &none);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 0);
	contract_list(conn, true, &list);
	assert_int_equal(list.count, 0);
	contract_store(conn, &none);
	contract_expect(conn, trace_a, &none);
	contract_close(conn);
}

static void
test_order(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;
	unsigned i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 300; i++)
		points_add(
			&all, i % 7 < 3 ? trace_a : trace_b, i, OSP_STR("SELECT now()"));
	for (i = 0; i < 300; i += 100)
	{
		points batch = {.items = all.items + i, .count = 100};

		contract_store(conn, &batch);
	}
	contract_expect(conn, trace_a, &all);
	contract_expect(conn, trace_b, &all);
	contract_expect(conn, OSP_STR("11111111"), &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_sizes_of_batches(void **state)
{
	static const size_t sizes[] = {1, 2, 255, 256, 257, 513, 10000};
	osp_driver_conn *conn = contract_open();
	points all;
	size_t done = 0;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 0, 1 + 2 + 255 + 256 + 257 + 513 + 10000);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		points batch = {.items = all.items + done, .count = sizes[i]};

		contract_store(conn, &batch);
		done += sizes[i];
	}
	assert_int_equal(done, all.count);
	contract_expect(conn, trace_a, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_characters(void **state)
{
	osp_driver_conn *conn = contract_open();
	char every[256];
	points all;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(every); i++)
		every[i] = (char) i;
	points_init(&all);
	points_add(&all, trace_a, 0, OSP_STR("SELECT 'ж', '😀', '\"', '\\'"));
	points_add(&all, trace_a, 1, osp_str_n(every, sizeof(every)));
	points_add(&all, trace_a, 2, OSP_STR(""));
	points_add(&all, trace_a, 3, OSP_STR("-- etype\r\nSELECT $1 \x7f \t"));
	contract_store(conn, &all);
	contract_expect(conn, trace_a, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_odd_ids(void **state)
{
	static const char *const ids[] = {"a",
									  "ab",
									  "A",
									  "a*",
									  "a?",
									  "a[b]",
									  "a\\",
									  "it's \"quoted\"",
									  "../../etc/passwd",
									  "%s%n%00",
									  "a b\tc",
									  "жук 😀",
									  "'; DROP TABLE data; --",
									  "ffffffff"};
	osp_driver_conn *conn = contract_open();
	const size_t count = sizeof(ids) / sizeof(ids[0]);
	collected list;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	for (i = 0; i < count; i++)
		points_fill(&all, osp_str_of(ids[i]), 2 * (unsigned) i, 2);
	contract_store(conn, &all);
	for (i = 0; i < count; i++)
		contract_expect(conn, osp_str_of(ids[i]), &all);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, count);
	for (i = 0; i < count; i++)
		assert_true(collected_find(&list, ids[i]) >= 0);
	collected_term(&list);
	points_term(&all);
	contract_close(conn);
}

static void
test_huge_statement(void **state)
{
	osp_driver_conn *conn = contract_open();
	char *huge = malloc(HUGE_STATEMENT);
	points all;

	(void) state;
	assert_non_null(huge);
	memset(huge, 'x', HUGE_STATEMENT);
	points_init(&all);
	points_fill(&all, trace_a, 0, 10);
	points_add(&all, trace_a, 10, osp_str_n(huge, HUGE_STATEMENT));
	points_fill(&all, trace_a, 11, 500);
	contract_store(conn, &all);
	contract_expect(conn, trace_a, &all);
	free(huge);
	points_term(&all);
	contract_close(conn);
}

static void
test_list(void **state)
{
	osp_driver_conn *conn = contract_open();
	char first[OSP_TIMESTAMP_LEN + 1];
	collected list;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 100, 1);
	points_fill(&all, trace_b, 200, 40);
	points_fill(&all, OSP_STR("third"), 400, 2);
	contract_store(conn, &all);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 3);
	points_timestamp(100, first);
	assert_string_equal(list.timestamps[collected_find(&list, trace_a.ptr)],
						first);
	points_timestamp(200, first);
	assert_string_equal(list.timestamps[collected_find(&list, trace_b.ptr)],
						first);
	collected_term(&list);
	points_term(&all);
	contract_close(conn);
}

static void
test_many_traces(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected list;
	points all;
	unsigned i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 3000; i++)
	{
		char id[32];

		(void) snprintf(id, sizeof(id), "trace-%u", i);
		points_fill(&all, osp_str_of(id), 2 * i, 1 + i % 2);
	}
	contract_store(conn, &all);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 3000);
	for (i = 0; i < 3000; i += 500)
	{
		char id[32];

		(void) snprintf(id, sizeof(id), "trace-%u", i);
		assert_true(collected_find(&list, id) >= 0);
		contract_expect(conn, osp_str_of(id), &all);
	}
	collected_term(&list);
	points_term(&all);
	contract_close(conn);
}

static void
test_error_traces(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected list;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 0, 4);
	points_fill(&all, trace_b, 10, 1);
	points_add_error(&all, trace_b, 11);
	points_fill(&all, trace_b, 12, 1);
	points_add_error(&all, trace_b, 13);
	points_add(&all, OSP_STR("says etype"), 20, OSP_STR("\"etype\": 1"));
	contract_store(conn, &all);
	contract_list(conn, true, &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.texts[0], trace_b.ptr);
	assert_int_equal(strlen(list.timestamps[0]), OSP_TIMESTAMP_LEN);
	collected_term(&list);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 3);
	collected_term(&list);
	contract_expect(conn, trace_b, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_stored_twice(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected got;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 0, 10);
	contract_store(conn, &all);
	contract_store(conn, &all);
	get(conn, trace_a, &got);
	assert_int_equal(
		got.count,
		contract_backend->driver->flags & OSP_DRIVER_DROPS_COPIES ? 10 : 20);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
}

static void
add_trace(points *all, int i)
{
	char id[32];

	(void) snprintf(id, sizeof(id), "trace-%d", i);
	points_fill(all, osp_str_of(id), (unsigned) (1000 * i), 4);
}

/* Reads a list page by page. Each trace has to be listed once and, if the driver
 * promises that order, the newest one first. */
static void
test_pages(void **state)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open();
	osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = 7};
	osp_error err = {OSP_OK, ""};
	char page[256];
	osp_str next;
	collected got;
	points all;
	int calls = 0;
	int i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 30; i++)
		add_trace(&all, i);
	contract_store(conn, &all);
	collected_init(&got);
	do
	{
		if (driver->list_traces(
				conn, &filter, collect_trace, &got, &next, &err) != OSP_OK)
			fail_msg("list_traces: %s", err.msg);
		assert_true(next.len < sizeof(page));
		memcpy(page, next.ptr, next.len);
		filter.page = osp_str_n(page, next.len);
		assert_true(++calls < 10);
	}
	while (filter.page.len > 0);
	assert_int_equal(got.count, 30);
	for (i = 0; i < 30; i++)
	{
		char id[32];
		long place;

		(void) snprintf(id, sizeof(id), "trace-%d", i);
		place = collected_find(&got, id);
		assert_true(place >= 0);
		if ((driver->flags & OSP_DRIVER_NEWEST_FIRST) != 0)
			assert_int_equal(place, 29 - i);
	}
	collected_term(&got);
	filter.page = OSP_STR("no page of ours");
	assert_int_equal(
		driver->list_traces(conn, &filter, collect_trace, &got, &next, &err),
		OSP_EINVAL);
	points_term(&all);
	contract_close(conn);
}

static osp_status
check_entry(void *ctx, const osp_trace_entry *entry)
{
	char first[OSP_TIMESTAMP_LEN + 1];
	char last[OSP_TIMESTAMP_LEN + 1];
	char expected[OSP_TIMESTAMP_LEN + 1];

	(*(int *) ctx)++;
	assert_int_equal(entry->struct_size, sizeof(*entry));
	osp_timestamp_text(entry->first_ns, first);
	osp_timestamp_text(entry->last_ns, last);
	points_timestamp(2000, expected);
	assert_string_equal(first, expected);
	points_timestamp(2003, expected);
	assert_string_equal(last, expected);
	assert_int_equal(entry->operations, 2);
	assert_true(entry->errors == 0 || entry->errors == OSP_UNKNOWN);
	assert_true(osp_str_eq(entry->service, OSP_STR("shop")));
	assert_true(osp_str_eq(entry->name, OSP_STR("pg")));
	assert_true(osp_str_eq(
		entry->text, OSP_STR("SELECT abalance FROM accounts WHERE aid = $1")));
	return OSP_OK;
}

/* Checks the members of an entry, and lists of a time range. */
static void
test_entries(void **state)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open();
	osp_trace_filter filter = {.struct_size = sizeof(filter)};
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	points all;
	int count = 0;
	int i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 5; i++)
		add_trace(&all, i);
	contract_store(conn, &all);
	points_timestamp(2000, timestamp);
	assert_true(osp_timestamp_parse(osp_str_of(timestamp), &filter.since_ns));
	points_timestamp(2100, timestamp);
	assert_true(osp_timestamp_parse(osp_str_of(timestamp), &filter.until_ns));
	assert_int_equal(
		driver->list_traces(conn, &filter, check_entry, &count, NULL, NULL),
		OSP_OK);
	assert_int_equal(count, 1);
	points_term(&all);
	contract_close(conn);
}

static osp_status
count_entry(void *ctx, const osp_trace_entry *entry)
{
	(void) entry;
	++*(int *) ctx;
	return OSP_OK;
}

/* A caller that was compiled with an older filter, which lacked the last members, gets
 * the whole list. */
static void
test_older_callers(void **state)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open();
	osp_trace_filter filter = {.struct_size = offsetof(osp_trace_filter, limit),
							   .limit = 1,
							   .page = OSP_STR("no page")};
	points all;
	int count = 0;
	int i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 3; i++)
		add_trace(&all, i);
	contract_store(conn, &all);
	assert_int_equal(
		driver->list_traces(conn, &filter, count_entry, &count, NULL, NULL),
		OSP_OK);
	assert_int_equal(count, 3);
	points_term(&all);
	contract_close(conn);
}

static void
remove_traces(osp_driver_conn *conn, const osp_removal *what, uint64_t expected)
{
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 0;

	if (contract_backend->driver->remove_traces(conn, what, &removed, &err) !=
		OSP_OK)
		fail_msg("remove_traces: %s", err.msg);
	assert_int_equal(removed, expected);
}

static void
test_removal(void **state)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open();
	const osp_str ids[] = {
		osp_str_of("trace-0"), osp_str_of("nonesuch"), osp_str_of("trace-3")};
	osp_removal by_id = {sizeof(by_id), ids, 3, 0};
	osp_removal by_age = {sizeof(by_age), NULL, 0, 0};
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	collected list;
	points all;
	points none;
	int i;

	(void) state;
	points_init(&all);
	points_init(&none);
	for (i = 0; i < 10; i++)
		add_trace(&all, i);
	points_add_error(&all, OSP_STR("trace-1"), 1004);
	contract_store(conn, &all);
	points_timestamp(4003, timestamp);
	assert_true(
		osp_timestamp_parse(osp_str_of(timestamp), &by_age.older_than_ns));
	if ((driver->flags & OSP_DRIVER_CAN_REMOVE) == 0)
	{
		uint64_t removed = 1;

		assert_int_equal(driver->remove_traces(conn, &by_id, &removed, NULL),
						 OSP_EUNSUPPORTED);
		assert_int_equal(removed, 0);
	}
	else
	{
		remove_traces(conn, &by_id, 2);
		contract_expect(conn, ids[0], &none);
		contract_list(conn, false, &list);
		assert_int_equal(list.count, 8);
		collected_term(&list);
		remove_traces(conn, &by_age, 2);
		contract_list(conn, false, &list);
		assert_int_equal(list.count, 6);
		assert_int_equal(collected_find(&list, "trace-2"), -1);
		assert_true(collected_find(&list, "trace-4") >= 0);
		collected_term(&list);
		contract_list(conn, true, &list);
		assert_int_equal(list.count, 0);
		collected_term(&list);
		contract_expect(conn, OSP_STR("trace-4"), &all);
	}
	points_term(&all);
	contract_close(conn);
}

/* Replaces the timestamp of the point by another one of the same length. */
static void
set_timestamp(osp_notification *point, const char *timestamp)
{
	char *in_json = memmem(point->json.ptr,
						   point->json.len,
						   point->timestamp.ptr,
						   point->timestamp.len);

	assert_non_null(in_json);
	assert_int_equal(strlen(timestamp), point->timestamp.len);
	memcpy(in_json, timestamp, point->timestamp.len);
	memcpy((char *) point->timestamp.ptr, timestamp, point->timestamp.len);
}

/* A trace whose time cannot be read may be new, so it is not removed because of its
 * age. */
static void
test_undated_traces_stay(void **state)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open();
	const osp_str undated = OSP_STR("undated");
	osp_removal by_id = {sizeof(by_id), &undated, 1, 0};
	osp_removal by_age = {sizeof(by_age), NULL, 0, 0};
	collected list;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	add_trace(&all, 0);
	points_fill(&all, undated, 100, 2);
	for (i = all.count - 2; i < all.count; i++)
		set_timestamp(&all.items[i], "05/11/1999 15:00:00.000000");
	contract_store(conn, &all);
	assert_true(osp_timestamp_parse(OSP_STR("2027-01-01T00:00:00.000000"),
									&by_age.older_than_ns));
	if ((driver->flags & OSP_DRIVER_CAN_REMOVE) != 0)
	{
		remove_traces(conn, &by_age, 1);
		contract_list(conn, false, &list);
		assert_int_equal(list.count, 1);
		assert_int_equal(collected_find(&list, "undated"), 0);
		collected_term(&list);
		remove_traces(conn, &by_id, 1);
		contract_list(conn, false, &list);
		assert_int_equal(list.count, 0);
		collected_term(&list);
	}
	points_term(&all);
	contract_close(conn);
}

static bool
is_interrupted(void *ctx)
{
	return ++*(int *) ctx > 3;
}

/* A reading ends when the host's interrupted() returns true. */
static void
test_interrupted(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_driver_options options =
		contract_options(contract_backend->connection_string());
	osp_error err = {OSP_OK, ""};
	int asked = 0;
	collected got;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 0, 50000);
	contract_store(conn, &all);
	contract_close(conn);
	options.interrupted = is_interrupted;
	options.interrupted_ctx = &asked;
	options.read_only = true;
	conn = contract_open_with(&options);
	collected_init(&got);
	assert_int_equal(contract_backend->driver->get_points(
						 conn, trace_a, collect_point, &got, &err),
					 OSP_EINTR);
	assert_int_equal(err.code, OSP_EINTR);
	assert_true(got.count < 50000);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
}

static void
test_two_connections(void **state)
{
	osp_driver_conn *one = contract_open();
	osp_driver_conn *two = contract_open();
	points all;
	points first;
	points second;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 0, 20);
	first = (points){.items = all.items, .count = 10};
	second = (points){.items = all.items + 10, .count = 10};
	contract_store(one, &first);
	contract_expect(two, trace_a, &first);
	contract_store(two, &second);
	contract_expect(one, trace_a, &all);
	contract_close(one);
	contract_expect(two, trace_a, &all);
	contract_close(two);
	one = contract_open_reader();
	contract_expect(one, trace_a, &all);
	contract_close(one);
	points_term(&all);
}

/*
 * One of several processes that write at the same time. False: it failed. This
 * function asserts nothing, because a failed assertion in a child process would
 * continue with the next tests.
 */
static bool
write_as_process(unsigned number)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_options options;
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	osp_status status;
	unsigned i;

	options = contract_options(contract_backend->connection_string());
	options.timeout_ms = 10 * TIMEOUT_MS;
	status = driver->open(&options, &conn, &err);
	for (i = 0; i < WRITER_BATCHES && status == OSP_OK; i++)
	{
		size_t accepted = 0;
		points batch;

		points_init(&batch);
		points_fill(&batch,
					trace_a,
					(number * WRITER_BATCHES + i) * WRITER_POINTS,
					WRITER_POINTS);
		status =
			driver->notify(conn, batch.items, batch.count, &accepted, &err);
		points_term(&batch);
	}
	if (status != OSP_OK)
		(void) fprintf(stderr, "# writer %u: %s\n", number, err.msg);
	else
		driver->close(conn);
	return status == OSP_OK;
}

static void
test_many_processes(void **state)
{
	pid_t pids[WRITERS];
	osp_driver_conn *conn;
	collected got;
	unsigned i;

	(void) state;
	for (i = 0; i < WRITERS; i++)
	{
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(write_as_process(i) ? 0 : 1);
	}
	for (i = 0; i < WRITERS; i++)
	{
		int result = -1;

		assert_int_equal(waitpid(pids[i], &result, 0), pids[i]);
		assert_int_equal(result, 0);
	}
	conn = contract_open();
	get(conn, trace_a, &got);
	assert_int_equal(got.count, WRITERS * WRITER_BATCHES * WRITER_POINTS);
	collected_term(&got);
	contract_close(conn);
}

static void
test_reading_stopped(void **state)
{
	osp_driver_conn *conn = contract_open();
	collected got;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, trace_a, 0, 2000);
	points_fill(&all, trace_b, 3000, 2);
	contract_store(conn, &all);
	collected_init(&got);
	got.stop_after = 5;
	assert_int_equal(contract_backend->driver->get_points(
						 conn, trace_a, collect_point, &got, NULL),
					 OSP_EPROTO);
	assert_int_equal(got.count, 5);
	collected_term(&got);
	got.stop_after = 1;
	assert_int_equal(contract_backend->driver->list_traces(
						 conn, NULL, collect_trace, &got, NULL, NULL),
					 OSP_EPROTO);
	assert_int_equal(got.count, 1);
	collected_term(&got);
	contract_expect(conn, trace_a, &all);
	points_term(&all);
	contract_close(conn);
}

static void
assert_unsupported(osp_status status, const osp_error *err)
{
	assert_int_equal(status, OSP_EUNSUPPORTED);
	assert_int_equal(err->code, OSP_EUNSUPPORTED);
	assert_true(strlen(err->msg) > 0);
	assert_null(strchr(err->msg, '\n'));
}

/* A driver that can only write reports that in one line. */
static void
test_cannot_read(void **state)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open_reader();
	osp_removal what = {
		.struct_size = sizeof(what), .ids = &trace_a, .count = 1};
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 1;
	collected got;
	osp_str next;

	(void) state;
	collected_init(&got);
	assert_unsupported(
		driver->get_points(conn, trace_a, collect_point, &got, &err), &err);
	assert_unsupported(
		driver->list_traces(conn, NULL, collect_trace, &got, &next, &err),
		&err);
	assert_unsupported(driver->remove_traces(conn, &what, &removed, &err),
					   &err);
	assert_int_equal(removed, 0);
	assert_int_equal(got.count, 0);
	contract_close(conn);
}

static osp_status
ignore_point(void *ctx, osp_str json)
{
	(void) ctx;
	(void) json;
	return OSP_OK;
}

static osp_status
ignore_trace(void *ctx, const osp_trace_entry *entry)
{
	(void) ctx;
	(void) entry;
	return OSP_OK;
}

/* Calls each function of the driver once, until one fails. */
static osp_status
use_driver(const osp_driver_options *options, const points *p, osp_error *err)
{
	const osp_driver *driver = contract_backend->driver;
	osp_trace_filter errors = {.struct_size = sizeof(errors),
							   .errors_only = true};
	osp_driver_conn *conn;
	size_t accepted;
	osp_status status = driver->open(options, &conn, err);

	if (status != OSP_OK)
		return status;
	status = driver->notify(conn, p->items, p->count, &accepted, err);
	if (status == OSP_OK && can_read())
		status = driver->get_points(conn, trace_a, ignore_point, NULL, err);
	if (status == OSP_OK && can_read())
		status = driver->list_traces(conn, NULL, ignore_trace, NULL, NULL, err);
	if (status == OSP_OK && can_read())
		status =
			driver->list_traces(conn, &errors, ignore_trace, NULL, NULL, err);
	driver->close(conn);
	return status;
}

static void
test_out_of_memory(void **state)
{
	osp_driver_options options;
	failing_alloc fa;
	points all;
	osp_str statement = {"SELECT '\\u0436'", 15};

	(void) state;
	points_init(&all);
	points_add(&all, trace_a, 0, statement);
	points_add_error(&all, trace_a, 1);
	points_add(&all, OSP_STR("жук"), 2, statement);
	options = contract_options(contract_backend->connection_string());
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_error err = {OSP_OK, ""};
		osp_status status;

		options.alc = &fa.alc;
		status = use_driver(&options, &all, &err);
		assert_int_equal(err.code, status);
		failing_alloc_check(&fa, status);
	}
	assert_true(fa.fail_at > (contract_backend->allocates_little ? 1 : 4));
	points_term(&all);
}

static int
reset_backend(void **state)
{
	(void) state;
	contract_backend->reset();
	return 0;
}

static int
finish_backend(void **state)
{
	(void) state;
	contract_backend->finish();
	return 0;
}

int
contract_run(const backend *b, const struct CMUnitTest *own, size_t count)
{
	static const struct CMUnitTest unreadable[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bad_strings),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_cannot_read),
	};
	static const struct CMUnitTest suite[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bad_strings),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sizes_of_batches),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_odd_ids),
		cmocka_unit_test(test_huge_statement),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_many_traces),
		cmocka_unit_test(test_error_traces),
		cmocka_unit_test(test_stored_twice),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_older_callers),
		cmocka_unit_test(contract_test_filters),
		cmocka_unit_test(contract_test_texts),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_undated_traces_stay),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_two_connections),
		cmocka_unit_test(test_many_processes),
		cmocka_unit_test(test_reading_stopped),
		cmocka_unit_test(test_out_of_memory),
	};
	const bool reads = (b->driver->flags & OSP_DRIVER_CAN_READ) != 0;
	const size_t common = reads ? sizeof(suite) / sizeof(suite[0])
								: sizeof(unreadable) / sizeof(unreadable[0]);
	struct CMUnitTest *all = calloc(common + count, sizeof(*all));
	size_t i;
	int failed;

	if (all == NULL)
		return 1;
	memcpy(all, reads ? suite : unreadable, common * sizeof(*all));
	if (count > 0)
		memcpy(all + common, own, count * sizeof(*own));
	for (i = 0; i < common + count; i++)
		all[i].setup_func = reset_backend;
	contract_backend = b;
	failed = _cmocka_run_group_tests(
		b->name, all, common + count, NULL, finish_backend);
	free(all);
	return failed;
}

int
contract_skip(const char *reason)
{
	const char *ci = getenv("CI");
	const char *all = getenv("OSP_REQUIRE_ALL");

	if ((ci != NULL && strcmp(ci, "true") == 0) ||
		(all != NULL && strcmp(all, "1") == 0))
	{
		(void) printf("1..1\nnot ok 1 - %s\n", reason);
		return 1;
	}
	(void) printf("1..0 # SKIP %s\n", reason);
	return 0;
}
