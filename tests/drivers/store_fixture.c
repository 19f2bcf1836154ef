/* SPDX-License-Identifier: Apache-2.0
 *
 * store_fixture.c
 *	  Shared by the tests of the sqlite driver.
 */
#include "store_tests.h"

#include <stdio.h>
#include <stdlib.h>

void
store_reset(void)
{
	osp_driver_conn *conn;
	points none;
	size_t len;

	local_reset("sqlite:///");
	len = strlen(local_uri);
	(void) snprintf(
		local_uri + len, sizeof(local_uri) - len, "?keep=0&max_size=0");

	/* Readers report a missing file, so the suite begins with an empty store. */
	points_init(&none);
	conn = contract_open();
	contract_store(conn, &none);
	contract_close(conn);
}

osp_driver_conn *
store_open_with(const char *options)
{
	char uri[400];

	(void) snprintf(uri, sizeof(uri), "sqlite:///%s%s", local_path, options);
	return contract_open_as(uri, false, TIMEOUT_MS);
}

sqlite3 *
store_sql(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(local_path, &db), SQLITE_OK);
	(void) sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return db;
}

void
store_expect_sql(const char *sql, const char *expected)
{
	sqlite3 *db = store_sql("");
	sqlite3_stmt *stmt;
	const char *text;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	text = (const char *) sqlite3_column_text(stmt, 0);
	assert_string_equal(text != NULL ? text : "NULL", expected);
	(void) sqlite3_finalize(stmt);
	(void) sqlite3_close(db);
}

long
store_sql_number(const char *sql)
{
	sqlite3 *db = store_sql("");
	sqlite3_stmt *stmt;
	long number;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	number = (long) sqlite3_column_int64(stmt, 0);
	(void) sqlite3_finalize(stmt);
	(void) sqlite3_close(db);
	return number;
}

void
store_check_integrity(void)
{
	store_expect_sql("PRAGMA integrity_check", "ok");

	/* Each part belongs to an existing trace and block, and each trace and each block has
	 * a part. */
	store_expect_sql("SELECT count(*) FROM part WHERE trace NOT IN (SELECT id "
					 "FROM trace) OR block NOT IN (SELECT id FROM block)",
					 "0");
	store_expect_sql("SELECT count(*) FROM trace WHERE id NOT IN (SELECT trace "
					 "FROM part)",
					 "0");
	store_expect_sql("SELECT count(*) FROM block WHERE id NOT IN (SELECT block "
					 "FROM part)",
					 "0");
}

osp_status
store_get(osp_driver_conn *conn, osp_str base_id, collected *got,
		  osp_error *err)
{
	collected_init(got);
	return osp_driver_sqlite.get_points(conn, base_id, collect_point, got, err);
}

const char *
store_get_fails(osp_driver_conn *conn, osp_str base_id, osp_status expected)
{
	static osp_error err;
	collected got;
	osp_status status;

	memset(&err, 0, sizeof(err));
	status = store_get(conn, base_id, &got, &err);
	if (status != expected)
		fail_msg("get_points: %s (%s)", osp_status_text(status), err.msg);
	assert_int_equal(err.code, expected);
	collected_term(&got);
	return err.msg;
}

void
store_add_at(points *p, osp_str base_id, unsigned number, int64_t wall_ns)
{
	osp_notification *item;
	char *at;

	points_add(p, base_id, number, OSP_STR("SELECT 1"));
	item = &p->items[p->count - 1];
	item->sequence = 0;

	/* The time is in the JSON and also in item->timestamp. */
	at = strstr((char *) (uintptr_t) item->json.ptr, item->timestamp.ptr);
	assert_non_null(at);
	{
		char text[OSP_TIMESTAMP_LEN + 1];

		osp_timestamp_text(wall_ns, text);
		memcpy(at, text, OSP_TIMESTAMP_LEN);
		memcpy(
			(char *) (uintptr_t) item->timestamp.ptr, text, OSP_TIMESTAMP_LEN);
	}
}

void
store_fill(osp_driver_conn *conn, const char *prefix, unsigned count,
		   int64_t first_s)
{
	points batch;
	unsigned i;

	points_init(&batch);
	for (i = 0; i < count; i++)
	{
		char id[64];
		unsigned k;

		(void) snprintf(id, sizeof(id), "%s-%u", prefix, i);
		for (k = 0; k < 2; k++)
			store_add_at(&batch,
						 osp_str_of(id),
						 k,
						 (first_s + i) * INT64_C(1000000000) + k * 1000000);
		if (batch.count == 500 || i == count - 1)
		{
			contract_store(conn, &batch);
			points_term(&batch);
		}
	}
}

uint64_t
store_remove(osp_driver_conn *conn, const char *base_id, int64_t older_than_ns)
{
	osp_str id = osp_str_of(base_id);
	osp_removal what = {.struct_size = sizeof(what),
						.ids = &id,
						.count = base_id != NULL,
						.older_than_ns = older_than_ns};
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 0;

	if (osp_driver_sqlite.remove_traces(conn, &what, &removed, &err) != OSP_OK)
		fail_msg("remove_traces: %s", err.msg);
	return removed;
}
