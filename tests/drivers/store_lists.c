/* SPDX-License-Identifier: Apache-2.0
 *
 * store_lists.c
 *	  The summaries of traces that the sqlite driver keeps, and lists of them.
 */
#include "store_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osprofiler/ids.h"

#define NS INT64_C(1000000000)

/* The entries of a list. All texts of an entry are in one string. */
typedef struct entries
{
	char texts[64][400];
	size_t count;
} entries;

static osp_status
keep_entry(void *ctx, const osp_trace_entry *entry)
{
	entries *all = ctx;

	assert_true(all->count < 64);
	(void) snprintf(all->texts[all->count++],
					sizeof(all->texts[0]),
					"%.*s %lld-%lld ops %llu errors %llu %.*s/%.*s/%.*s",
					(int) entry->base_id.len,
					entry->base_id.ptr,
					(long long) entry->first_ns,
					(long long) entry->last_ns,
					(unsigned long long) entry->operations,
					(unsigned long long) entry->errors,
					(int) entry->service.len,
					entry->service.ptr,
					(int) entry->name.len,
					entry->name.ptr,
					(int) entry->text.len,
					entry->text.ptr);
	return OSP_OK;
}

static void
list(osp_driver_conn *conn, const osp_trace_filter *filter, entries *out,
	 char *next, size_t size)
{
	osp_error err = {OSP_OK, ""};
	osp_str page = OSP_STR("");

	out->count = 0;
	if (osp_driver_sqlite.list_traces(
			conn, filter, keep_entry, out, &page, &err) != OSP_OK)
		fail_msg("list_traces: %s", err.msg);
	if (next != NULL)
		(void) snprintf(next, size, "%.*s", (int) page.len, page.ptr);
}

/* Batches arrive in the wrong order. The root is the operation with the earliest
 * start. */
static void
test_summary(void **state)
{
	osp_driver_conn *conn = contract_open();
	static entries got;
	points all;

	(void) state;
	points_init(&all);
	store_add_at(&all, OSP_STR("t"), 5, 20 * NS); /* a stop */
	contract_store(conn, &all);
	list(conn, NULL, &got, NULL, 0);
	assert_string_equal(got.texts[0],
						"t 20000000000-20000000000 ops 0 errors 0 //");
	points_term(&all);
	points_add(&all, OSP_STR("t"), 100, OSP_STR("later \\ \"\xc3\xa9\" text"));
	contract_store(conn, &all);
	list(conn, NULL, &got, NULL, 0);
	assert_non_null(strstr(
		got.texts[0], "ops 1 errors 0 shop/pg/later \\ \"\xc3\xa9\" text"));
	points_term(&all);
	store_add_at(&all, OSP_STR("t"), 0, 10 * NS);
	points_add_error(&all, OSP_STR("t"), 101);
	store_add_at(&all, OSP_STR("t"), 2, 15 * NS);
	contract_store(conn, &all);
	list(conn, NULL, &got, NULL, 0);
	assert_int_equal(got.count, 1);
	assert_non_null(strstr(got.texts[0], "t 10000000000-17953"));
	assert_non_null(strstr(got.texts[0], "ops 3 errors 1 shop/pg/SELECT 1"));
	points_term(&all);
	contract_close(conn);
}

/* Long statements are cut between two characters, whatever escapes they contain. */
static void
test_long_texts(void **state)
{
	static const char *const pieces[] = {
		"x", "\xc3\xa9", "\xf0\x9f\x98\x80", "\"", "\\", "\n", "\x01"};
	osp_driver_conn *conn = contract_open();
	static entries got;
	points all;
	unsigned i;

	(void) state;
	for (i = 0; i < 7 * 16; i++)
	{
		char statement[2000] = "";
		char *end = statement;
		char id[32];
		unsigned k;

		for (k = 0; k < i % 16; k++)
			*end++ = 'a';
		for (k = 0; k < 400; k++)
			end = stpcpy(end, pieces[i / 16]);
		(void) snprintf(id, sizeof(id), "t%u", i);
		points_init(&all);
		points_add(&all, osp_str_of(id), 0, osp_str_of(statement));
		contract_store(conn, &all);
		points_term(&all);
	}

	/* SQLite counts the characters of a column that has valid UTF-8. */
	store_expect_sql(
		"SELECT coalesce(group_concat(base_id || ' ' || length(text) || ' ' || length(CAST(text AS BLOB)) || ' ' || instr(text, char(65533))), '0') FROM trace WHERE length(text) < 15 OR "
		"instr(text, char(65533)) > 0 OR "
		"length(CAST(text AS BLOB)) > 120",
		"0");
	store_expect_sql("SELECT count(*) FROM trace WHERE text IS NULL", "0");
	(void) got;
	contract_close(conn);
}

static void
test_pages(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = 60};
	static entries got;
	char page[64] = "";
	unsigned seen = 0;
	points same;
	unsigned i;

	(void) state;
	store_fill(conn, "t", 1210, 1000);
	points_init(&same);
	for (i = 0; i < 100; i++)
	{
		char id[32];

		(void) snprintf(id, sizeof(id), "t-%u", 1210 + i);
		store_add_at(&same, osp_str_of(id), 0, 5000 * NS);
	}
	contract_store(conn, &same);
	points_term(&same);
	do
	{
		filter.page = osp_str_of(page);
		list(conn, &filter, &got, page, sizeof(page));
		for (i = 0; i < got.count; i++)
		{
			char expected[32];

			(void) snprintf(expected, sizeof(expected), "t-%u ", 1309 - seen++);
			assert_memory_equal(got.texts[i], expected, strlen(expected));
		}
		assert_int_equal(got.count, seen == 1310 ? 1310 % 60 : 60);
	}
	while (page[0] != '\0');
	assert_int_equal(seen, 1310);

	/* The last page may be full. */
	filter.page = OSP_STR("");
	filter.limit = 10;
	filter.until_ns = 1009 * NS;
	list(conn, &filter, &got, page, sizeof(page));
	assert_int_equal(got.count, 10);
	assert_string_equal(page, "");
	contract_close(conn);
}

static void
test_bad_pages(void **state)
{
	static const char *const bad[] = {"x",
									  "1",
									  "1.",
									  ".1",
									  "1.2x",
									  "1 .2",
									  "1.2.3",
									  "11111111111111111111111111111111111111"
									  "11111111111111111111111111"};
	osp_driver_conn *conn = contract_open();
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		osp_trace_filter filter = {.struct_size = sizeof(filter),
								   .page = osp_str_of(bad[i])};
		osp_error err = {OSP_OK, ""};
		static entries got;

		assert_int_equal(osp_driver_sqlite.list_traces(
							 conn, &filter, keep_entry, &got, NULL, &err),
						 OSP_EINVAL);
	}
	contract_close(conn);
}

/* A trace is in a time range if any part of it is, also if it began long before. */
static void
test_times(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_trace_filter filter = {.struct_size = sizeof(filter)};
	static entries got;
	points all;

	(void) state;
	store_fill(conn, "t", 100, 1000);
	points_init(&all);
	store_add_at(&all, OSP_STR("long"), 0, 500 * NS);
	contract_store(conn, &all);
	points_term(&all);
	store_fill(conn, "u", 100, 1100);
	store_add_at(&all, OSP_STR("long"), 1, 1150 * NS);
	contract_store(conn, &all);
	points_term(&all);
	filter.since_ns = 1148 * NS;
	filter.until_ns = 1149 * NS;
	list(conn, &filter, &got, NULL, 0);
	assert_int_equal(got.count, 3);
	assert_memory_equal(got.texts[0], "u-49 ", 5);
	assert_memory_equal(got.texts[1], "u-48 ", 5);
	assert_memory_equal(got.texts[2], "long ", 5);
	filter.since_ns = 1151 * NS;
	filter.until_ns = 1152 * NS;
	list(conn, &filter, &got, NULL, 0);
	assert_int_equal(got.count, 2);
	filter.since_ns = 2000 * NS;
	filter.until_ns = 0;
	list(conn, &filter, &got, NULL, 0);
	assert_int_equal(got.count, 0);
	filter.since_ns = 0;
	filter.until_ns = 999 * NS;
	list(conn, &filter, &got, NULL, 0);
	assert_int_equal(got.count, 1);
	contract_close(conn);
}

/* There are more traces than fit into a segment. Readers, and a writer that was opened
 * later, find each of them once. */
static void
test_segments(void **state)
{
	osp_driver_conn *conn = contract_open();
	points more;
	unsigned i;

	(void) state;
	store_fill(conn, "t", 40000, 1000);
	contract_close(conn);
	store_expect_sql("SELECT count(*) FROM segment", "2");
	store_expect_sql("SELECT count(*) FROM lookup", "32767");
	conn = contract_open();
	points_init(&more);
	for (i = 0; i < 40000; i += 1000)
	{
		char id[32];

		(void) snprintf(id, sizeof(id), "t-%u", i);
		store_add_at(&more, osp_str_of(id), 2, 90000 * NS);
	}
	store_add_at(&more, OSP_STR("new"), 0, 90000 * NS);
	contract_store(conn, &more);
	store_expect_sql("SELECT count(*) FROM trace", "40001");
	for (i = 0; i < more.count; i++)
	{
		osp_error err = {OSP_OK, ""};
		collected got;

		assert_int_equal(store_get(conn, more.items[i].base_id, &got, &err),
						 OSP_OK);
		assert_int_equal(got.count, i == more.count - 1 ? 1 : 3);
		collected_term(&got);
	}
	points_term(&more);
	store_check_integrity();
	contract_close(conn);
}

/* Two processes that write the same traces make one row for each trace. */
static void
test_two_writers(void **state)
{
	osp_driver_conn *conns[2];
	unsigned round;

	(void) state;
	conns[0] = contract_open();
	conns[1] = contract_open();
	for (round = 0; round < 20; round++)
	{
		points batch;
		unsigned i;

		points_init(&batch);
		for (i = 0; i < 30; i++)
		{
			char id[32];

			(void) snprintf(id, sizeof(id), "t-%u", round + i);
			store_add_at(&batch, osp_str_of(id), 2 * round, 1000 * NS);
		}
		contract_store(conns[round % 2], &batch);
		points_term(&batch);
	}
	store_expect_sql("SELECT count(*) FROM trace", "49");
	store_expect_sql("SELECT sum(operations) FROM trace", "600");
	store_check_integrity();
	contract_close(conns[0]);
	contract_close(conns[1]);
}

/* A reader in the middle of a trace delays neither the writer nor the checkpoint of the
 * log. */
typedef struct slow_reader
{
	osp_driver_conn *writer;
	unsigned calls;
	unsigned written;
} slow_reader;

static long
log_size(void)
{
	char path[300];
	FILE *file;
	long size = 0;

	(void) snprintf(path, sizeof(path), "%s-wal", local_path);
	file = fopen(path, "r");
	if (file != NULL)
	{
		(void) fseek(file, 0, SEEK_END);
		size = ftell(file);
		(void) fclose(file);
	}
	return size;
}

static osp_status
write_meanwhile(void *ctx, osp_str json)
{
	slow_reader *reader = ctx;
	points batch;
	unsigned i;

	(void) json;
	if (reader->calls++ % 10 != 0 || reader->written >= 400)
		return OSP_OK;
	points_init(&batch);
	for (i = 0; i < 1000; i++)
	{
		char id[32];

		(void) snprintf(id, sizeof(id), "w%u-%u", reader->written, i);
		store_add_at(&batch, osp_str_of(id), 0, (2000 + i) * NS);
	}
	reader->written++;
	contract_store(reader->writer, &batch);
	points_term(&batch);
	return OSP_OK;
}

static osp_status
write_beside_list(void *ctx, const osp_trace_entry *entry)
{
	return write_meanwhile(ctx, entry->base_id);
}

static void
test_log_is_bounded(void **state)
{
	slow_reader reader = {.writer = contract_open()};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	points all;
	unsigned i;

	(void) state;
	points_init(&all);
	points_fill(&all, local_trace, 0, 1000);
	for (i = 0; i < 10; i++)
	{
		points piece = {.items = all.items + 100 * i, .count = 100};

		contract_store(reader.writer, &piece);
	}
	assert_int_equal(osp_driver_sqlite.get_points(
						 conn, local_trace, write_meanwhile, &reader, &err),
					 OSP_OK);
	assert_int_equal(reader.written, 100);
	assert_int_equal(osp_driver_sqlite.list_traces(
						 conn, NULL, write_beside_list, &reader, NULL, &err),
					 OSP_OK);
	assert_true(reader.written > 150);
	assert_true(log_size() < 40L * 1024 * 1024);
	points_term(&all);
	contract_close(conn);
	contract_close(reader.writer);
	assert_int_equal(log_size(), 0);
}

/* How many bytes this process has written so far, to files and elsewhere. */
static long
bytes_written(void)
{
	FILE *file = fopen("/proc/self/io", "r");
	char line[128];
	long bytes = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		(void) sscanf(line, "wchar: %ld", &bytes);
	if (file != NULL)
		(void) fclose(file);
	return bytes;
}

/* How many bytes are written, and kept, for each notification of traces with random
 * ids. */
static void
test_bytes(void **state)
{
	enum
	{
		BATCHES = 200,
		TRACES = 100, /* in a batch, of four notifications each */
		COUNT = BATCHES * TRACES * 4
	};
	osp_driver_conn *conn = contract_open();
	long before = bytes_written();
	unsigned number = 0;
	long size;
	FILE *file;
	int i;
	int k;

	(void) state;
	for (i = 0; i < BATCHES; i++)
	{
		points batch;

		points_init(&batch);
		for (k = 0; k < TRACES; k++, number += 4)
		{
			char text[OSP_UUID_TEXT_LEN + 1];
			osp_uuid id;

			osp_uuid_new(&id);
			osp_uuid_text(&id, text);
			points_fill(&batch, osp_str_of(text), number, 4);
		}
		contract_store(conn, &batch);
		points_term(&batch);
	}
	contract_close(conn);
	file = fopen(local_path, "r");
	assert_non_null(file);
	(void) fseek(file, 0, SEEK_END);
	size = ftell(file);
	(void) fclose(file);
	assert_in_range(size / COUNT, 1, 100);
	assert_in_range((bytes_written() - before) / COUNT, 0, 800);
	store_expect_sql("SELECT sum(operations) FROM trace", "40000");
}

const struct CMUnitTest store_lists[] = {
	cmocka_unit_test(test_summary),
	cmocka_unit_test(test_long_texts),
	cmocka_unit_test(test_pages),
	cmocka_unit_test(test_bad_pages),
	cmocka_unit_test(test_times),
	cmocka_unit_test(test_segments),
	cmocka_unit_test(test_two_writers),
	cmocka_unit_test(test_log_is_bounded),
	cmocka_unit_test(test_bytes),
};
const size_t store_lists_count = sizeof(store_lists) / sizeof(store_lists[0]);
