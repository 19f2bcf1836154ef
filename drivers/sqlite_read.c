/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_read.c
 *	  Reading traces and lists of traces from a SQLite database.
 *
 * Each reading has a read-only connection of its own, which never makes the
 * file. A notification is put together again from its columns, in upstream's
 * order of members. The column data is JSON, or, as upstream's SQLAlchemy driver
 * leaves it, a JSON string that holds JSON.
 */
#include "sqlite.h"

#include <sys/stat.h>

#include "osprofiler/buf.h"
#include "osprofiler/json.h"

#define DECODED                                       \
	"CASE WHEN data LIKE '\"%' AND json_valid(data) " \
	"THEN json_extract(data, '$') ELSE data END"

#define HAS_TABLE \
	"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'data'"

/* Sorting ids alone is cheaper than sorting rows. */
#define POINTS                                                     \
	"SELECT name, trace_id, parent_id, timestamp, host, project, " \
	"service, " DECODED " FROM data WHERE id IN "                  \
	"(SELECT id FROM data WHERE base_id = ?) ORDER BY id"

/* The first row of each trace; the index alone finds it. */
#define TRACES                                         \
	"SELECT base_id, timestamp FROM data WHERE id IN " \
	"(SELECT min(id) FROM data GROUP BY base_id)"

/* Few rows hold the word; of these JSON tells whether it is the member. */
#define ERROR_TRACES                                                  \
	"SELECT base_id, min(timestamp) FROM data WHERE base_id IN "      \
	"(SELECT base_id FROM data WHERE instr(data, 'etype') > 0 "       \
	"AND json_valid(data) AND json_type(" DECODED ", '$.info.etype')" \
	" <> 'null') GROUP BY base_id"

/* *db stays NULL when there is nothing to be read. */
static osp_status
open_for_reading(const char *path, unsigned timeout_ms, sqlite3 **db,
				 osp_error *err)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	sqlite3_stmt *stmt = NULL;
	osp_status status = OSP_OK;
	struct stat st;
	int rc = SQLITE_ERROR;

	*db = NULL;
	if (stat(path, &st) != 0)
		return OSP_OK;
	if (sqlite3_open_v2(path, db, flags, NULL) == SQLITE_OK &&
		sqlite3_busy_timeout(*db, (int) timeout_ms) == SQLITE_OK &&
		sqlite3_prepare_v2(*db, HAS_TABLE, -1, &stmt, NULL) == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		status = osp__sqlite_trouble(*db, path, err);
	(void) sqlite3_finalize(stmt);
	if (rc != SQLITE_ROW)
	{
		(void) sqlite3_close(*db);
		*db = NULL;
	}
	return status;
}

/* A column's text, borrowed until the next step; empty for null. */
static osp_str
column(sqlite3_stmt *row, int i)
{
	const char *text = (const char *) sqlite3_column_text(row, i);

	return osp_str_n(text, (size_t) sqlite3_column_bytes(row, i));
}

static void
add_member(osp_buf *json, osp_str name, sqlite3_stmt *row, int i)
{
	osp_buf_add_str(json, name);
	if (sqlite3_column_type(row, i) == SQLITE_NULL)
		osp_buf_add_str(json, OSP_STR("null"));
	else
		osp_json_string(json, column(row, i));
}

/* Adds the members of the object that the column data holds; where it holds no
 * object, an info of what the other columns know. */
static void
add_data(osp_buf *json, sqlite3_stmt *row)
{
	osp_str data = column(row, 7);

	if (data.len > 2 && data.ptr[0] == '{' && data.ptr[data.len - 1] == '}')
	{
		osp_buf_add_str(json, OSP_STR(", "));
		osp_buf_add(json, data.ptr + 1, data.len - 2);
		return;
	}
	add_member(json, OSP_STR(", \"info\": {\"host\": "), row, 4);
	osp_buf_add_char(json, '}');
}

static void
build_notification(osp_buf *json, osp_str base_id, sqlite3_stmt *row)
{
	osp_buf_reset(json);
	add_member(json, OSP_STR("{\"name\": "), row, 0);
	osp_buf_add_str(json, OSP_STR(", \"base_id\": "));
	osp_json_string(json, base_id);
	add_member(json, OSP_STR(", \"trace_id\": "), row, 1);
	add_member(json, OSP_STR(", \"parent_id\": "), row, 2);
	add_member(json, OSP_STR(", \"timestamp\": "), row, 3);
	add_data(json, row);
	add_member(json, OSP_STR(", \"project\": "), row, 5);
	add_member(json, OSP_STR(", \"service\": "), row, 6);
	osp_buf_add_char(json, '}');
}

osp_status
osp__sqlite_get_points(const osp_allocator *alc, const char *path,
					   unsigned timeout_ms, osp_str base_id, osp_point_fn fn,
					   void *ctx, osp_error *err)
{
	sqlite3_stmt *row = NULL;
	sqlite3 *db;
	osp_status status = open_for_reading(path, timeout_ms, &db, err);
	osp_buf json;
	int rc;

	if (status != OSP_OK || db == NULL)
		return status;
	osp_buf_init(&json, alc, 2 * (size_t) OSP_NOTIFICATION_MAX);
	rc = sqlite3_prepare_v2(db, POINTS, -1, &row, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text64(
			row, 1, base_id.ptr, base_id.len, SQLITE_STATIC, SQLITE_UTF8);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
	{
		rc = sqlite3_step(row);
		if (rc != SQLITE_ROW)
			break;
		build_notification(&json, base_id, row);
		status = osp_buf_status(&json);
		if (sqlite3_errcode(db) == SQLITE_NOMEM)
			status = OSP_ENOMEM; /* a column's text could not be had */
		if (status != OSP_OK)
			(void) osp_error_set(
				err, status, "sqlite: %s", osp_status_text(status));
		else
			status = fn(ctx, osp_buf_str(&json));
		if (status != OSP_OK)
			break;
	}
	if (status == OSP_OK && rc != SQLITE_DONE)
		status = osp__sqlite_trouble(db, path, err);
	osp_buf_term(&json);
	(void) sqlite3_finalize(row);
	(void) sqlite3_close(db);
	return status;
}

osp_status
osp__sqlite_list_traces(const char *path, unsigned timeout_ms,
						const osp_trace_filter *filter, osp_trace_fn fn,
						void *ctx, osp_error *err)
{
	bool errors = filter != NULL && filter->errors_only;
	sqlite3_stmt *row = NULL;
	sqlite3 *db;
	osp_status status = open_for_reading(path, timeout_ms, &db, err);
	int rc;

	if (status != OSP_OK || db == NULL)
		return status;
	rc = sqlite3_prepare_v2(db, errors ? ERROR_TRACES : TRACES, -1, &row, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
	{
		osp_trace_entry entry;

		rc = sqlite3_step(row);
		if (rc != SQLITE_ROW)
			break;
		memset(&entry, 0, sizeof(entry));
		entry.struct_size = sizeof(entry);
		entry.base_id = column(row, 0);
		if (!osp_timestamp_parse(column(row, 1), &entry.first_ns))
			entry.first_ns = 0;
		entry.operations = entry.errors = OSP_UNKNOWN;
		entry.service = entry.name = entry.text = OSP_STR("");
		status = fn(ctx, &entry);
		if (status != OSP_OK)
			break;
	}
	if (status == OSP_OK && rc != SQLITE_DONE)
		status = osp__sqlite_trouble(db, path, err);
	(void) sqlite3_finalize(row);
	(void) sqlite3_close(db);
	return status;
}
