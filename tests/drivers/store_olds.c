/* SPDX-License-Identifier: Apache-2.0
 *
 * store_olds.c
 *	  Stores of earlier versions are read, and are converted when points are written to
 *	  them.
 */
#include "store_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SCHEMA                                    \
	"PRAGMA journal_mode = WAL;"                      \
	"CREATE TABLE data ("                             \
	"id INTEGER PRIMARY KEY, timestamp VARCHAR(26), " \
	"base_id VARCHAR(255), parent_id VARCHAR(255), "  \
	"trace_id VARCHAR(255), project VARCHAR(255), "   \
	"host VARCHAR(255), service VARCHAR(255), "       \
	"name VARCHAR(255), data JSON);"                  \
	"CREATE UNIQUE INDEX ix_data_point ON data "      \
	"(base_id, trace_id, name);"

#define OLD_TRACES 4000
#define OLD_POINTS 25

static void
make_old(const char *rows)
{
	assert_int_equal(unlink(local_path), 0);
	(void) sqlite3_close(store_sql(OLD_SCHEMA));
	(void) sqlite3_close(store_sql(rows));
}

/* Rows of upstream's SQLAlchemy driver, and invalid ones, read the same before and
 * after the conversion. */
static void
test_rows_of_others(void **state)
{
	static const char *const expected[] = {
		"{\"name\": \"pg-start\", \"base_id\": \"trace\", \"trace_id\": "
		"\"t1\", \"parent_id\": \"trace\", \"timestamp\": "
		"\"2026-11-22T15:00:00.5\", \"info\": {\"host\": \"h\", \"a\": "
		"\"\\u00e9\\\"\"}, \"project\": \"p\", \"service\": null}",
		"{\"name\": \"pg-stop\", \"base_id\": \"trace\", \"trace_id\": "
		"\"t1\", \"parent_id\": null, \"timestamp\": null, \"info\": "
		"{\"host\": \"h2\"}, \"project\": null, \"service\": null}",
		"{\"name\": \"x\\u0436\", \"base_id\": \"trace\", \"trace_id\": "
		"\"t2\", \"parent_id\": null, \"timestamp\": null, \"info\": "
		"{\"host\": null}, \"project\": null, \"service\": null}",
		"{\"name\": \"y\", \"base_id\": \"trace\", \"trace_id\": "
		"\"t3\", \"parent_id\": null, \"timestamp\": null, \"info\": "
		"{\"host\": null}, \"project\": null, \"service\": null}",
		"{\"name\": \"z-stop\", \"base_id\": \"trace\", \"trace_id\": "
		"\"t3\", \"parent_id\": \"t1\", \"timestamp\": "
		"\"2026-11-22T15:00:01.000000\", \"info\": {\"etype\": "
		"\"ValueError\", \"host\": null}, \"project\": null, \"service\": "
		"null}"};
	osp_driver_conn *conn = contract_open();
	unsigned round;

	(void) state;
	make_old("INSERT INTO data (name, base_id, trace_id, parent_id, timestamp, "
			 "project, data) VALUES ('pg-start', 'trace', 't1', 'trace', "
			 "'2026-11-22T15:00:00.5', 'p', "
			 "'\"{\\\"info\\\": {\\\"host\\\": \\\"h\\\", \\\"a\\\": "
			 "\\\"\\\\u00e9\\\\\\\"\\\"}}\"');"
			 "INSERT INTO data (name, base_id, trace_id, host) "
			 "VALUES ('pg-stop', 'trace', 't1', 'h2');"
			 "INSERT INTO data (name, base_id, trace_id, data) "
			 "VALUES ('xж', 'trace', 't2', '\"no string');"
			 "INSERT INTO data (name, base_id, trace_id, data) "
			 "VALUES ('y', 'trace', 't3', 7);"
			 "INSERT INTO data (name, base_id, trace_id, parent_id, timestamp, "
			 "data) VALUES ('z-stop', 'trace', 't3', 't1', "
			 "'2026-11-22T15:00:01.000000', '{\"info\": {\"etype\": "
			 "\"ValueError\", \"host\": null}}');");
	for (round = 0; round < 2; round++)
	{
		osp_error err = {OSP_OK, ""};
		collected got;
		points other;
		size_t i;

		assert_int_equal(store_get(conn, local_trace, &got, &err), OSP_OK);
		assert_int_equal(got.count, 5);
		for (i = 0; i < 5; i++)
			assert_string_equal(got.texts[i], expected[i]);
		collected_term(&got);
		contract_list(conn, true, &got);
		assert_int_equal(got.count, 1);
		collected_term(&got);
		points_init(&other);
		points_fill(&other, OSP_STR("other"), round, 1);
		contract_store(conn, &other);
		points_term(&other);
		(void) usleep(30000);
		points_fill(&other, OSP_STR("other"), 10 + round, 1);
		contract_store(conn, &other);
		points_term(&other);
	}
	store_expect_sql("SELECT count(*) FROM sqlite_master WHERE name = 'data'",
					 "0");
	store_check_integrity();
	contract_close(conn);
}

/* Fills a large store of an earlier version. */
static void
fill_old(void)
{
	(void) sqlite3_close(store_sql(
		"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 99999) INSERT INTO data (timestamp, base_id, parent_id, "
		"trace_id, host, service, name, data) SELECT "
		"strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + i % 4000, 'unixepoch') "
		"|| '.000000', printf('%08x-2222-4333-8444-555555555555', i % 4000), "
		"printf('%08x-2222-4333-8444-555555555555', i % 4000), "
		"printf('%08x-aaaa-4333-8444-555555555555', i / 8000), 'h', 's', "
		"CASE WHEN i / 4000 % 2 = 0 THEN 'pg-start' ELSE 'pg-stop' END, "
		"'{\"info\": {\"db\": {\"statement\": \"SELECT ' || i || "
		"'\"}, \"host\": \"h\"}}' FROM n"));
}

static void
expect_whole(osp_driver_conn *conn, unsigned trace)
{
	osp_error err = {OSP_OK, ""};
	char id[64];
	collected got;
	unsigned i;

	(void) snprintf(id, sizeof(id), "%08x-2222-4333-8444-555555555555", trace);
	assert_int_equal(store_get(conn, osp_str_of(id), &got, &err), OSP_OK);
	assert_int_equal(got.count, OLD_POINTS);
	for (i = 0; i < OLD_POINTS; i++)
	{
		char statement[64];

		(void) snprintf(statement,
						sizeof(statement),
						"\"SELECT %u\"",
						trace + OLD_TRACES * i);
		assert_non_null(strstr(got.texts[i], statement));
	}
	collected_term(&got);
}

/* 100,000 rows are converted a few at a time. Meanwhile they can be read and listed. */
static void
test_large_old(void **state)
{
	osp_driver_conn *conn = contract_open();
	struct stat before;
	struct stat after;
	unsigned steps = 0;
	collected list;

	(void) state;
	make_old("");
	fill_old();
	assert_int_equal(stat(local_path, &before), 0);
	expect_whole(conn, 17);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, OLD_TRACES);
	collected_term(&list);
	do
	{
		points one;

		points_init(&one);
		points_fill(&one, OSP_STR("new"), steps++, 1);
		contract_store(conn, &one);
		points_term(&one);
		if (steps % 50 == 0)
		{
			expect_whole(conn, steps % OLD_TRACES);
			contract_list(conn, false, &list);
			assert_int_equal(list.count, OLD_TRACES + 1);
			collected_term(&list);
		}
		if (steps == 77)
		{
			/* Another writer continues the conversion. */
			contract_close(conn);
			conn = contract_open();
		}
		(void) usleep(21000);
	}
	while (store_sql_number("SELECT count(*) FROM sqlite_master WHERE name = "
							"'data'") > 0);
	assert_true(steps > 100);
	expect_whole(conn, 0);
	expect_whole(conn, OLD_TRACES - 1);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, OLD_TRACES + 1);
	collected_term(&list);
	store_expect_sql("SELECT sum(operations) FROM trace WHERE base_id <> "
					 "'new'",
					 "52000");
	store_expect_sql("PRAGMA auto_vacuum", "2");
	store_check_integrity();
	contract_close(conn);
	assert_int_equal(stat(local_path, &after), 0);
	assert_true(after.st_size < before.st_size / 4);
}

static void
test_remove_from_old(void **state)
{
	osp_driver_conn *conn = contract_open();
	points none;

	(void) state;
	points_init(&none);
	make_old("");
	fill_old();
	assert_int_equal(
		store_remove(conn, "00000011-2222-4333-8444-555555555555", 0), 1);
	contract_expect(
		conn, OSP_STR("00000011-2222-4333-8444-555555555555"), &none);
	expect_whole(conn, 18);
	assert_int_equal(store_remove(conn, NULL, INT64_C(1700003990) * 1000000000),
					 3989);
	expect_whole(conn, 3999);
	store_check_integrity();
	contract_close(conn);
}

const struct CMUnitTest store_olds[] = {
	cmocka_unit_test(test_rows_of_others),
	cmocka_unit_test(test_large_old),
	cmocka_unit_test(test_remove_from_old),
};
const size_t store_olds_count = sizeof(store_olds) / sizeof(store_olds[0]);
