/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sqlite.c
 *	  The sqlite driver: the suite for all drivers, and the form of the table,
 *	  rows of others, locks, full disks and damaged files.
 */
#include "local.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern const osp_driver osp_driver_sqlite;

static void
reset(void)
{
	local_reset("sqlite:///");
}

/* Runs SQL aside from the driver; the connection stays open. */
static sqlite3 *
run_sql(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(local_path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return db;
}

static void
assert_sql(const char *sql, const char *expected)
{
	sqlite3 *db = run_sql("");
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *) sqlite3_column_text(stmt, 0), expected);
	(void) sqlite3_finalize(stmt);
	(void) sqlite3_close(db);
}

static osp_status
get_points(osp_driver_conn *conn, collected *got, osp_error *err)
{
	collected_init(got);
	return osp_driver_sqlite.get_points(
		conn, local_trace, collect_point, got, err);
}

static void
test_form(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	struct stat st;

	(void) state;
	assert_int_equal(stat(local_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_sql("SELECT group_concat(name) FROM pragma_table_info('data')",
			   "id,timestamp,base_id,parent_id,trace_id,project,host,service,"
			   "name,data");
	assert_sql("SELECT timestamp || base_id || parent_id || trace_id || host "
			   "|| service || name || data || coalesce(project, 'null') "
			   "FROM data WHERE id = 1",
			   "2026-11-22T15:00:00.000000tracetrace"
			   "aaaaaaaa-bbbb-4ccc-8ddd-000000000000db1shoppg-start"
			   "{\"info\": {\"db\": {\"statement\": \"SELECT abalance FROM "
			   "accounts WHERE aid = $1\"}, \"host\": \"db1\"}}null");
	assert_sql("SELECT json_extract(data, '$.info.host') FROM data", "db1");
	assert_sql("PRAGMA journal_mode", "wal");
	points_term(&all);
	contract_close(conn);
}

static void
test_no_file(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	collected got;

	(void) state;
	assert_int_equal(get_points(conn, &got, &err), OSP_OK);
	assert_int_equal(access(local_path, F_OK), -1);
	contract_close(conn);
	assert_int_equal(access(local_path, F_OK), -1);
}

/* A database without the table, and one of no bytes. */
static void
test_no_table(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 1);
	points none;

	(void) state;
	points_init(&none);
	(void) sqlite3_close(run_sql("DROP TABLE data"));
	contract_expect(conn, local_trace, &none);
	contract_close(conn);
	assert_int_equal(truncate(local_path, 0), 0);
	conn = contract_open();
	contract_expect(conn, local_trace, &none);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_relative_path(void **state)
{
	osp_driver_conn *conn =
		contract_open_as("sqlite:///relative.db", false, TIMEOUT_MS);
	char before[256];
	points all;

	(void) state;
	assert_non_null(getcwd(before, sizeof(before)));
	*strstr(local_path, "/new dir") = '\0';
	assert_int_equal(chdir(local_path), 0);
	points_init(&all);
	points_fill(&all, local_trace, 0, 2);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	assert_int_equal(access("relative.db", R_OK), 0);
	assert_int_equal(chdir(before), 0);
	points_term(&all);
	contract_close(conn);
}

/* Rows as upstream's SQLAlchemy driver leaves them, and worse ones. */
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
		"{\"host\": null}, \"project\": null, \"service\": null}"};
	points all;
	osp_driver_conn *conn = local_stored(&all, 0);
	osp_error err = {OSP_OK, ""};
	collected got;
	size_t i;

	(void) state;
	(void) sqlite3_close(run_sql(
		"INSERT INTO data (name, base_id, trace_id, parent_id, timestamp, "
		"project, data) VALUES ('pg-start', 'trace', 't1', 'trace', "
		"'2026-11-22T15:00:00.5', 'p', "
		"'\"{\\\"info\\\": {\\\"host\\\": \\\"h\\\", \\\"a\\\": "
		"\\\"\\\\u00e9\\\\\\\"\\\"}}\"');"
		"INSERT INTO data (name, base_id, trace_id, host) "
		"VALUES ('pg-stop', 'trace', 't1', 'h2');"
		"INSERT INTO data (name, base_id, trace_id, data) "
		"VALUES ('xж', 'trace', 't2', '\"no string');"
		"INSERT INTO data (name, base_id, trace_id, data) "
		"VALUES ('y', 'trace', 't3', 7);"));
	assert_int_equal(get_points(conn, &got, &err), OSP_OK);
	assert_int_equal(got.count, 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(got.texts[i], expected[i]);
	collected_term(&got);

	(void) sqlite3_close(
		run_sql("UPDATE data SET data = '\"{\\\"info\\\": {\\\"etype\\\": "
				"\\\"ValueError\\\"}}\"' WHERE trace_id = 't1'"));
	contract_list(conn, true, &got);
	assert_int_equal(got.count, 1);
	collected_term(&got);
	(void) sqlite3_close(
		run_sql("UPDATE data SET data = '{\"info\": {\"etype\": null}}'"));
	contract_list(conn, true, &got);
	assert_int_equal(got.count, 0);
	points_term(&all);
	contract_close(conn);
}

static void
test_locked(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	osp_driver_conn *hasty = contract_open_as(local_uri, false, 100);
	sqlite3 *db = run_sql("BEGIN IMMEDIATE");
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

static void
test_refused_row(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 4);
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	points more;

	(void) state;
	(void) sqlite3_close(run_sql(
		"CREATE TRIGGER no BEFORE INSERT ON data WHEN new.base_id = 'bad' "
		"BEGIN SELECT raise(ABORT, 'not this one'); END"));
	points_init(&more);
	points_fill(&more, local_trace, 4, 2);
	points_fill(&more, OSP_STR("bad"), 6, 1);
	points_fill(&more, local_trace, 8, 2);
	assert_int_equal(
		osp_driver_sqlite.notify(conn, more.items, more.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 4);
	assert_non_null(strstr(err.msg, "not this one"));
	points_fill(&all, local_trace, 4, 2);
	points_fill(&all, local_trace, 8, 2);
	contract_expect(conn, local_trace, &all);
	points_term(&more);
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

	(void) state;
	(void) signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 200 * 1024;
	points_init(&more);
	points_fill(&more, local_trace, 100, 2000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	(void) contract_store_fails(conn, &more, OSP_EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	contract_expect(conn, local_trace, &all);
	contract_store(conn, &more);
	points_fill(&all, local_trace, 100, 2000);
	contract_expect(conn, local_trace, &all);
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
	osp_error err = {OSP_OK, ""};
	collected got;

	(void) state;
	contract_close(conn);
	write_over(0, "This is a letter to my aunt. ", 1);
	conn = contract_open();
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EIO),
						   "is not a SQLite database"));
	assert_int_equal(get_points(conn, &got, &err), OSP_EIO);
	assert_non_null(strstr(err.msg, "is not a SQLite database"));
	points_term(&all);
	contract_close(conn);
}

static void
test_damaged(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2000);
	osp_error err = {OSP_OK, ""};
	collected got;

	(void) state;
	contract_close(conn);
	write_over(4096, "damage ", 100000);
	conn = contract_open();
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EIO), "is damaged"));
	assert_int_equal(get_points(conn, &got, &err), OSP_EIO);
	assert_non_null(strstr(err.msg, "is damaged"));
	collected_term(&got);
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
	(void) contract_store_fails(conn, &all, OSP_EIO);
	contract_expect(conn, local_trace, &all);
	contract_close(conn);
	local_read_write();
	points_term(&all);
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
											  "sqlite:////local_path?mode=ro",
											  NULL};
	static const backend b = {.name = "sqlite",
							  .driver = &osp_driver_sqlite,
							  .reset = reset,
							  .finish = local_finish,
							  .connection_string = local_connection_string,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_relative_path),
		cmocka_unit_test(test_rows_of_others),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_refused_row),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_removed_file),
		cmocka_unit_test(test_no_database),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_read_only),
	};

	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
