/* SPDX-License-Identifier: Apache-2.0
 *
 * store_removals.c
 *	  Removing traces from a store of the sqlite driver, and retention.
 */
#include "store_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS INT64_C(1000000000)

static bool
file_has(const char *suffix, const void *bytes, size_t len)
{
	char path[300];
	char *content;
	FILE *file;
	bool found;
	long size;

	(void) snprintf(path, sizeof(path), "%s%s", local_path, suffix);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	(void) fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	content = malloc((size_t) size + 1);
	assert_non_null(content);
	assert_int_equal(fread(content, 1, (size_t) size, file), size);
	found = memmem(content, (size_t) size, bytes, len) != NULL;
	free(content);
	(void) fclose(file);
	return found;
}

/* Removed traces leave nothing in the file; all other traces stay. */
static void
test_remove(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_uuid secret;
	points all;
	unsigned i;

	(void) state;
	assert_true(osp_uuid_parse(OSP_STR("aaaaaaaa-bbbb-4ccc-8ddd-000000000037"),
							   &secret));
	points_init(&all);
	for (i = 0; i < 60; i++)
	{
		points batch;

		points_fill(&all, OSP_STR("stays"), 1000 + 4 * i, 4);
		if (i == 27)
			points_fill(&all, OSP_STR("goes"), 2 * 0x37, 1);
		batch = (points){.items = all.items, .count = all.count};
		contract_store(conn, &batch);
	}
	assert_true(file_has("-wal", secret.bytes, 16) ||
				file_has("", secret.bytes, 16));
	assert_int_equal(store_remove(conn, "nosuch", 0), 0);
	assert_int_equal(store_remove(conn, "goes", 0), 1);
	assert_int_equal(store_remove(conn, "goes", 0), 0);
	assert_false(file_has("", secret.bytes, 16));
	assert_false(file_has("-wal", secret.bytes, 16));
	contract_expect(conn, OSP_STR("stays"), &all);
	store_expect_sql("SELECT count(*) FROM trace", "1");
	assert_int_equal(store_remove(conn, "stays", 0), 1);
	store_expect_sql("SELECT (SELECT count(*) FROM block) + (SELECT count(*) "
					 "FROM part) + (SELECT count(*) FROM trace)",
					 "0");
	store_check_integrity();
	points_term(&all);
	contract_close(conn);
}

/* A writer that has cached a removed trace writes it as a new trace. No other trace
 * gets the number of the removed one. */
static void
test_remove_under_writer(void **state)
{
	osp_driver_conn *writer = contract_open();
	osp_driver_conn *other = contract_open();
	points all;
	points rest;

	(void) state;
	points_init(&all);
	points_fill(&all, OSP_STR("a"), 0, 2);
	points_fill(&all, OSP_STR("b"), 0, 2);
	contract_store(writer, &all);
	assert_int_equal(store_remove(other, "b", 0), 1);
	points_term(&all);
	points_fill(&all, OSP_STR("c"), 0, 2);
	points_fill(&all, OSP_STR("b"), 2, 2);
	contract_store(other, &all);
	contract_store(writer, &all);
	contract_expect(writer, OSP_STR("c"), &all);
	contract_expect(writer, OSP_STR("b"), &all);
	points_init(&rest);
	points_fill(&rest, OSP_STR("b"), 4, 2);
	contract_store(writer, &rest);
	store_expect_sql("SELECT group_concat(base_id || operations, ' ') FROM "
					 "(SELECT * FROM trace ORDER BY base_id)",
					 "a1 b2 c1");
	store_check_integrity();
	points_term(&all);
	points_term(&rest);
	contract_close(writer);
	contract_close(other);
}

static long
file_size(void)
{
	struct stat st;

	assert_int_equal(stat(local_path, &st), 0);
	return (long) st.st_size;
}

static void
test_remove_by_age(void **state)
{
	osp_driver_conn *conn = contract_open();
	points late;
	long before;

	(void) state;
	points_init(&late);
	store_fill(conn, "t", 20000, 1000);
	store_add_at(&late, OSP_STR("t-5"), 2, 50000 * NS);
	contract_store(conn, &late);
	contract_close(conn);
	before = file_size();
	conn = contract_open();
	assert_int_equal(store_remove(conn, NULL, (1000 + 19000) * NS), 18999);
	store_expect_sql("SELECT count(*) FROM trace", "1001");
	store_expect_sql("SELECT count(*) FROM segment", "1");
	assert_int_equal(store_remove(conn, NULL, 60000 * NS), 1001);
	store_expect_sql("SELECT (SELECT count(*) FROM trace) + (SELECT count(*) "
					 "FROM block) + (SELECT count(*) FROM part)",
					 "0");
	store_check_integrity();
	contract_close(conn);
	assert_true(file_size() < before / 3);
	points_term(&late);
}

/* By default the store removes traces that are older than a week. */
static void
test_keep(void **state)
{
	osp_driver_conn *conn = store_open_with("");
	points all;

	(void) state;
	points_init(&all);
	store_add_at(&all, OSP_STR("old"), 0, (time(NULL) - 8 * 86400) * NS);
	store_add_at(&all, OSP_STR("young"), 0, (time(NULL) - 6 * 86400) * NS);
	contract_store(conn, &all);
	store_expect_sql("SELECT group_concat(base_id) FROM trace", "young");
	contract_close(conn);
	conn = store_open_with("?keep=1h");
	points_term(&all);
	store_add_at(&all, OSP_STR("now"), 0, time(NULL) * NS);
	contract_store(conn, &all);
	store_expect_sql("SELECT group_concat(base_id) FROM trace", "now");
	points_term(&all);
	contract_close(conn);
}

/* The store keeps its size limit while much more is written, and never removes many
 * traces at once. */
static void
test_max_size(void **state)
{
	osp_driver_conn *conn = store_open_with("?keep=0&max_size=2MB");
	long slowest = 0;
	unsigned i;

	(void) state;
	for (i = 0; i < 60; i++)
	{
		char prefix[32];
		long start = contract_now_ms();

		(void) snprintf(prefix, sizeof(prefix), "t%u", i);
		store_fill(conn, prefix, 1000, 1000 * i);
		(void) usleep(20000);
		if (contract_now_ms() - start > slowest)
			slowest = contract_now_ms() - start;
	}
	for (i = 0; i < 100; i++)
	{
		store_fill(conn, "last", 1, 100000);
		(void) usleep(22000);
	}
	assert_true(store_sql_number("SELECT (SELECT * FROM pragma_page_count) - "
								 "(SELECT * FROM pragma_freelist_count)") *
					2048 <
				3L * 1024 * 1024);
	assert_true(store_sql_number("SELECT count(*) FROM trace") > 3000);
	assert_true(store_sql_number("SELECT min(first_us) FROM trace") >
				1000000L * 20000);
	store_check_integrity();
	contract_close(conn);
	assert_true(file_size() < 4L * 1024 * 1024);
}

/* The limit is also kept if each writer ends after its first batches, like 'osprofiler
 * agent --once'. */
static void
test_short_writers(void **state)
{
	int64_t most = 0;
	unsigned i;

	(void) state;
	for (i = 0; i < 12; i++)
	{
		osp_driver_conn *conn = store_open_with("?keep=0&max_size=200kB");
		char prefix[32];
		int64_t traces;

		(void) snprintf(prefix, sizeof(prefix), "t%u", i);
		store_fill(conn, prefix, 3000, 3000 * i);
		contract_close(conn);
		traces = store_sql_number("SELECT count(*) FROM trace");
		most = traces > most ? traces : most;
		assert_true(i == 0 || traces > 0);
	}
	assert_true(most < 6000);
	assert_true(store_sql_number("SELECT min(first_us) FROM trace") >
				1000000L * 3000 * 9);
	store_check_integrity();
}

const struct CMUnitTest store_removals[] = {
	cmocka_unit_test(test_remove),
	cmocka_unit_test(test_remove_under_writer),
	cmocka_unit_test(test_remove_by_age),
	cmocka_unit_test(test_keep),
	cmocka_unit_test(test_max_size),
	cmocka_unit_test(test_short_writers),
};
const size_t store_removals_count =
	sizeof(store_removals) / sizeof(store_removals[0]);
