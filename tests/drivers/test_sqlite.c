/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sqlite.c
 *	  The sqlite driver: the suite for all drivers, the contents of the file, files that
 *	  are no store, locks, full disks and damage.
 */
#include "store_tests.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "osprofiler/json.h"

/* The contents of a store as plain SQL shows them, without the extension. */
static void
test_form(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 3);
	struct stat st;

	(void) state;
	assert_int_equal(stat(local_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_expect_sql("SELECT base_id || '|' || first || '|' || last || '|' || "
					 "operations || '|' || errors || '|' || service || '|' || "
					 "name || '|' || text FROM traces",
					 "trace|2026-11-22T15:00:00.000000|2026-11-22T15:00:00."
					 "000002|2|0|shop|pg|SELECT abalance FROM accounts WHERE "
					 "aid = $1");
	store_expect_sql("PRAGMA journal_mode", "wal");
	store_expect_sql("PRAGMA auto_vacuum", "2");
	store_expect_sql("PRAGMA application_id", "1330860114");
	store_expect_sql("PRAGMA user_version", "1");
	store_check_integrity();
	points_term(&all);
	contract_close(conn);
}

/* The view of notifications, with the extension that reads blocks. */
static void
test_view(void **state)
{
	static const osp_str uuid = {"11111111-2222-4333-8444-555555555555", 36};
	points all;
	osp_driver_conn *conn = local_stored(&all, 3);
	sqlite3 *db = store_sql("");
	sqlite3_stmt *stmt;
	size_t i;

	(void) state;
	points_fill(&all, uuid, 10, 2);
	contract_store(conn, &all);
	assert_int_equal(sqlite3_enable_load_extension(db, 1), SQLITE_OK);
	assert_int_equal(
		sqlite3_load_extension(db, OSP_STORE_EXTENSION, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
						   "SELECT json_object('name', name, 'base_id', "
						   "base_id, 'trace_id', trace_id, 'parent_id', "
						   "parent_id, 'timestamp', timestamp, 'info', "
						   "json(info), 'project', project, 'service', "
						   "service) FROM notifications",
						   -1,
						   &stmt,
						   NULL),
		SQLITE_OK);
	for (i = 0; i < all.count; i++)
	{
		osp_buf expected;

		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		osp_buf_init(&expected, &osp_allocator_default, 4096);
		assert_int_equal(
			osp_json_rewrite(
				&expected,
				osp_str_of((const char *) sqlite3_column_text(stmt, 0)),
				-1,
				0),
			OSP_OK);
		assert_string_equal(expected.ptr, all.items[i].json.ptr);
		osp_buf_term(&expected);
	}
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	(void) sqlite3_finalize(stmt);

	/* A damaged block is an error, not a crash. */
	(void) sqlite3_close(
		store_sql("UPDATE block SET data = substr(data, 1, 20)"));
	assert_int_equal(
		sqlite3_exec(db, "SELECT * FROM notifications", NULL, NULL, NULL),
		SQLITE_CORRUPT);
	(void) sqlite3_close(db);
	points_term(&all);
	contract_close(conn);
}

/* A missing file or directory is reported with its whole path, and not made. */
static void
test_no_file(void **state)
{
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	collected list;

	(void) state;
	local_reset("sqlite:///");
	conn = contract_open();
	assert_non_null(
		strstr(store_get_fails(conn, local_trace, OSP_ENOENT), local_path));
	collected_init(&list);
	assert_int_equal(osp_driver_sqlite.list_traces(
						 conn, NULL, collect_trace, &list, NULL, &err),
					 OSP_ENOENT);
	assert_non_null(strstr(err.msg, local_path));
	{
		osp_removal what = {.struct_size = sizeof(what), .older_than_ns = 1};
		uint64_t removed;

		assert_int_equal(
			osp_driver_sqlite.remove_traces(conn, &what, &removed, &err),
			OSP_ENOENT);
	}
	contract_close(conn);
	*strrchr(local_path, '/') = '\0';
	assert_int_equal(access(local_path, F_OK), -1);
}

/* An empty file is an empty store. */
static void
test_empty_file(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;
	points none;

	(void) state;
	points_init(&none);
	points_init(&all);
	points_fill(&all, local_trace, 0, 2);
	assert_int_equal(unlink(local_path), 0);
	assert_true(close(open(local_path, O_CREAT | O_WRONLY, 0600)) == 0);
	contract_expect(conn, local_trace, &none);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* A path may be relative to the working directory at the time of opening. Messages have
 * the absolute path. */
static void
test_relative_path(void **state)
{
	char before[256];
	char expected[600];
	osp_driver_conn *conn;
	points all;

	(void) state;
	assert_non_null(getcwd(before, sizeof(before)));
	*strstr(local_path, "/new dir") = '\0';
	assert_int_equal(chdir(local_path), 0);
	conn = contract_open_as("sqlite:///relative.db?keep=0", false, TIMEOUT_MS);
	assert_int_equal(chdir(before), 0);
	(void) snprintf(
		expected, sizeof(expected), " %s/relative.db: ", local_path);
	assert_non_null(
		strstr(store_get_fails(conn, local_trace, OSP_ENOENT), expected));
	points_init(&all);
	points_fill(&all, local_trace, 0, 2);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	(void) snprintf(expected, sizeof(expected), "%s/relative.db", local_path);
	assert_int_equal(access(expected, R_OK), 0);
	points_term(&all);
	contract_close(conn);
}

static char *
read_file(size_t *len)
{
	FILE *file = fopen(local_path, "r");
	char *bytes = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(bytes);
	*len = fread(bytes, 1, 65536, file);
	(void) fclose(file);
	return bytes;
}

/* Readers and writers refuse a database of another program, and do not change it. */
static void
test_strangers(void **state)
{
	static const char *const foreign[] = {
		"CREATE TABLE data (id, name)",
		"CREATE TABLE data (id INTEGER PRIMARY KEY, timestamp VARCHAR(26), "
		"base_id, parent_id, trace_id, project, host, service, name, data); "
		"CREATE TABLE customers (id)",
		"CREATE TABLE customers (id)",
		"CREATE VIEW v AS SELECT 1",
		"PRAGMA application_id = 252006673"};
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, local_trace, 0, 2);
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
	{
		osp_driver_conn *conn;
		char *before;
		char *after;
		size_t len;
		size_t len_after;

		store_reset();
		assert_int_equal(unlink(local_path), 0);
		(void) sqlite3_close(store_sql(foreign[i]));
		before = read_file(&len);
		conn = contract_open();
		assert_non_null(strstr(store_get_fails(conn, local_trace, OSP_EIO),
							   "another program's database"));
		assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EIO),
							   "another program's database"));
		contract_close(conn);
		after = read_file(&len_after);
		assert_int_equal(len, len_after);
		assert_memory_equal(before, after, len);
		free(before);
		free(after);
	}
	points_term(&all);
}

static void
test_newer_format(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);

	(void) state;
	contract_close(conn);
	(void) sqlite3_close(store_sql("PRAGMA user_version = 2"));
	conn = contract_open();
	assert_non_null(strstr(store_get_fails(conn, local_trace, OSP_EIO),
						   "has format 2, of a newer osprofiler"));
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EIO), "newer osprofiler"));
	contract_close(conn);
	points_term(&all);
}

static void
test_locked(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	osp_driver_conn *hasty = contract_open_as(local_uri, false, 100);
	sqlite3 *db = store_sql("BEGIN IMMEDIATE");
	long start = contract_now_ms();

	(void) state;
	assert_non_null(
		strstr(contract_store_fails(hasty, &all, OSP_EUNAVAIL), "in use"));
	assert_true(contract_now_ms() - start < 1500);
	contract_expect(hasty, local_trace, &all);
	(void) sqlite3_close(db);
	contract_store(hasty, &all);
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(hasty);
	contract_close(conn);
}

static bool
always(void *ctx)
{
	(*(int *) ctx)++;
	return true;
}

/* A call ends when the host interrupts it, and at its deadline. */
static void
test_interrupted(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	int asked = 0;
	osp_driver_options options = {.struct_size = sizeof(options),
								  .alc = &osp_allocator_default,
								  .connection_string = osp_str_of(local_uri),
								  .timeout_ms = 20000,
								  .interrupted = always,
								  .interrupted_ctx = &asked};
	osp_driver_conn *waiting;
	sqlite3 *db = store_sql("BEGIN IMMEDIATE");
	long start = contract_now_ms();

	(void) state;
	assert_int_equal(osp_driver_sqlite.open(&options, &waiting, NULL), OSP_OK);
	(void) contract_store_fails(waiting, &all, OSP_EINTR);
	(void) store_get_fails(waiting, local_trace, OSP_EINTR);
	assert_true(asked > 0);
	contract_close(waiting);
	options.interrupted = NULL;
	options.deadline_ms = 100;
	assert_int_equal(osp_driver_sqlite.open(&options, &waiting, NULL), OSP_OK);
	(void) contract_store_fails(waiting, &all, OSP_EUNAVAIL);
	assert_true(contract_now_ms() - start < 5000);
	contract_close(waiting);
	(void) sqlite3_close(db);
	points_term(&all);
	contract_close(conn);
}

static void
test_full_disk(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 100);
	struct rlimit limit;
	struct rlimit small;
	points more;
	unsigned i;

	(void) state;
	(void) signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 200 * 1024;
	points_init(&more);
	for (i = 0; i < 3000; i++)
	{
		char id[32];

		(void) snprintf(id, sizeof(id), "more-%u", i);
		points_fill(&more, osp_str_of(id), 0, 2);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	(void) contract_store_fails(conn, &more, OSP_EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	contract_expect(conn, local_trace, &all);
	contract_store(conn, &more);
	contract_expect(conn, local_trace, &all);
	contract_expect(conn, OSP_STR("more-2999"), &more);
	store_check_integrity();
	points_term(&more);
	points_term(&all);
	contract_close(conn);
}

static void
test_removed_file(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 3);
	char aside[300];

	(void) state;
	(void) snprintf(aside, sizeof(aside), "%s-wal", local_path);
	assert_int_equal(unlink(local_path), 0);
	(void) unlink(aside);
	(void) snprintf(aside, sizeof(aside), "%s-shm", local_path);
	(void) unlink(aside);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(conn);
}

static void
write_over(size_t at, const char *text, size_t count)
{
	FILE *file = fopen(local_path, "r+");
	size_t i;

	assert_non_null(file);
	assert_int_equal(fseek(file, (long) at, SEEK_SET), 0);
	for (i = 0; i < count; i++)
		assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
test_no_database(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 100);

	(void) state;
	contract_close(conn);
	write_over(0, "This is a letter to my aunt. ", 1);
	conn = contract_open();
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EIO),
						   "is not a SQLite database"));
	assert_non_null(strstr(store_get_fails(conn, local_trace, OSP_EIO),
						   "is not a SQLite database"));
	points_term(&all);
	contract_close(conn);
}

static void
test_damaged(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2000);

	(void) state;
	contract_close(conn);
	write_over(2048, "damage ", 2000);
	conn = contract_open();
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EIO), "is damaged"));
	assert_non_null(
		strstr(store_get_fails(conn, local_trace, OSP_EIO), "is damaged"));
	points_term(&all);
	contract_close(conn);
}

/* A block that cannot be read is skipped. After all others were read, it is reported. */
static void
test_damaged_block(void **state)
{
	static const char *const damages[] = {
		"x''",
		"x'01'",
		"'text'",
		"NULL",
		"7",
		"zeroblob(100)",
		"substr(data, 1, length(data) - 1)",
		"substr(data, 1, 30) || x'00' || substr(data, 32)"};
	points all;
	osp_driver_conn *conn = local_stored(&all, 10);
	size_t i;

	(void) state;
	points_fill(&all, local_trace, 10, 10);
	contract_store(conn, &all);
	points_fill(&all, local_trace, 20, 10);
	contract_store(conn, &all);
	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
	{
		osp_error err = {OSP_OK, ""};
		char sql[256];
		collected got;

		(void) snprintf(sql,
						sizeof(sql),
						"UPDATE block SET data = %s WHERE id = 2",
						damages[i]);
		(void) sqlite3_close(store_sql(sql));
		assert_int_equal(store_get(conn, local_trace, &got, &err), OSP_EPROTO);
		assert_non_null(strstr(err.msg, "is damaged: 1 block"));
		assert_int_equal(got.count, 20);
		assert_string_equal(got.texts[9], all.items[9].json.ptr);
		assert_string_equal(got.texts[10], all.items[20].json.ptr);
		collected_term(&got);
	}
	(void) sqlite3_close(store_sql("UPDATE block SET traces = x'ff'"));
	(void) store_get_fails(conn, local_trace, OSP_EPROTO);
	points_term(&all);
	contract_close(conn);
}

/* In a database in WAL mode even a reader makes files beside it. */
static void
test_read_only(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);

	(void) state;
	contract_close(conn);
	local_read_only(0777);
	conn = contract_open();
	(void) contract_store_fails(conn, &all, OSP_EPERM);
	contract_expect(conn, local_trace, &all);
	contract_close(conn);
	local_read_write();
	assert_int_equal(chmod(local_path, 0), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	conn = contract_open();
	assert_non_null(
		strstr(store_get_fails(conn, local_trace, OSP_EPERM), local_path));
	contract_close(conn);
	local_read_write();
	points_term(&all);
}

/* Notifications are sent again, in other batches, and by another process: each is
 * stored once. */
static void
test_sources(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 10);
	points cut;

	(void) state;
	points_fill(&all, local_trace, 10, 5);
	cut = (points){.items = all.items + 7, .count = 8};
	contract_store(conn, &cut);
	contract_expect(conn, local_trace, &all);
	contract_close(conn);
	conn = contract_open();
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	store_expect_sql("SELECT operations FROM traces", "8");
	store_expect_sql("SELECT sequence FROM source", "15");
	points_term(&all);
	contract_close(conn);
}

/* Appends a group of tests to the list of all tests. */
static size_t
add_group(struct CMUnitTest *all, size_t count, const struct CMUnitTest *group,
		  size_t group_count)
{
	memcpy(all + count, group, group_count * sizeof(*group));
	return count + group_count;
}

int
main(void)
{
	static const char *const bad_strings[] = {"sqlite",
											  "sqlite://",
											  "sqlite:///",
											  "sqlite://path",
											  "sqlite://host/path",
											  "sqlite:///:memory:",
											  "sqlite:////x?mode=ro",
											  "sqlite:///?keep=7d",
											  "sqlite:////x?keep=7",
											  "sqlite:////x?keep=7y",
											  "sqlite:////x?keep=-7d",
											  "sqlite:////x?keep=7dd",
											  "sqlite:////x?keep=",
											  "sqlite:////x?keep=99999999d",
											  "sqlite:////x?max_size=much",
											  "sqlite:////x?keep=7d&mode=ro",
											  NULL};
	static const backend b = {.name = "sqlite",
							  .driver = &osp_driver_sqlite,
							  .reset = store_reset,
							  .finish = local_finish,
							  .connection_string = local_connection_string,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_relative_path),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_newer_format),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_removed_file),
		cmocka_unit_test(test_no_database),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_block),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_sources),
	};
	struct CMUnitTest all[100];
	size_t count = add_group(all, 0, own, sizeof(own) / sizeof(own[0]));

	count = add_group(all, count, store_lists, store_lists_count);
	count = add_group(all, count, store_removals, store_removals_count);
	count = add_group(all, count, store_olds, store_olds_count);
	count = add_group(all, count, store_crashes, store_crashes_count);
	return contract_run(&b, all, count);
}
