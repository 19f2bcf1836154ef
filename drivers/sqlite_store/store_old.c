/* SPDX-License-Identifier: Apache-2.0
 *
 * store_old.c
 *	  The table `data` of earlier versions, which has a row for each
 *	  notification and the columns of upstream's SQLAlchemy driver.
 *
 * The table is read as long as it exists. A writer converts its rows into our
 * tables, some in each transaction, and drops it after the last one. The table
 * meta has the last row that was converted, so that each row is read from
 * exactly one of the two.
 */
#include "sqlite_store.h"

#include "osprofiler/json.h"

#define STEP_ROWS 500

#define DECODED                                       \
	"CASE WHEN data LIKE '\"%' AND json_valid(data) " \
	"THEN json_extract(data, '$') ELSE data END"

#define COLUMNS                                                  \
	"SELECT id, name, base_id, trace_id, parent_id, timestamp, " \
	"host, project, service, " DECODED " FROM data "

#define OF_TRACE                                                            \
	COLUMNS "WHERE id IN (SELECT id FROM data WHERE base_id = ?1 AND id > " \
			"?2) ORDER BY id"
#define OF_ALL COLUMNS "WHERE id > ?2 ORDER BY id LIMIT ?1"

/* Without this pragma a file of earlier versions could never become smaller. */
#define DROP   "DROP TABLE data; DELETE FROM meta WHERE name = 'converted'"
#define SHRINK "PRAGMA auto_vacuum = INCREMENTAL; VACUUM"

enum
{
	ID,
	NAME,
	BASE_ID,
	TRACE_ID,
	PARENT_ID,
	TIMESTAMP,
	HOST,
	PROJECT,
	SERVICE,
	DATA
};

static void
add_member(osp_buf *json, osp_str name, sqlite3_stmt *row, int column)
{
	osp_buf_add_str(json, name);
	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		osp_buf_add_str(json, OSP_STR("null"));
	else
		osp_json_string(json, store_db_text(row, column));
}

/*
 * Adds the members of the object in the column data. If the column has no
 * object, adds an info with the host instead.
 */
static void
add_data(osp_buf *json, sqlite3_stmt *row)
{
	osp_str data = store_db_text(row, DATA);

	if (data.len > 2 && data.ptr[0] == '{' && data.ptr[data.len - 1] == '}')
	{
		osp_buf_add_str(json, OSP_STR(", "));
		osp_buf_add(json, data.ptr + 1, data.len - 2);
		return;
	}
	add_member(json, OSP_STR(", \"info\": {\"host\": "), row, HOST);
	osp_buf_add_char(json, '}');
}

/* Builds the JSON of a notification from a row, with upstream's order of members. */
static void
build_notification(osp_buf *json, sqlite3_stmt *row)
{
	add_member(json, OSP_STR("{\"name\": "), row, NAME);
	add_member(json, OSP_STR(", \"base_id\": "), row, BASE_ID);
	add_member(json, OSP_STR(", \"trace_id\": "), row, TRACE_ID);
	add_member(json, OSP_STR(", \"parent_id\": "), row, PARENT_ID);
	add_member(json, OSP_STR(", \"timestamp\": "), row, TIMESTAMP);
	add_data(json, row);
	add_member(json, OSP_STR(", \"project\": "), row, PROJECT);
	add_member(json, OSP_STR(", \"service\": "), row, SERVICE);
	osp_buf_add_char(json, '}');
}

/* Reads the id of the last row that was converted; 0: none was. */
static osp_status
read_converted(store_db *db, int64_t *last, osp_error *err)
{
	*last = 0;
	if (db->form == STORE_MIXED && !store_db_get_meta(db, "converted", last))
		return store_db_failed(db, err);
	return OSP_OK;
}

osp_status
store_old_points(osp_driver_conn *conn, store_db *db, osp_str base_id,
				 osp_point_fn fn, void *ctx, osp_error *err)
{
	sqlite3_stmt *row = NULL;
	osp_status status;
	osp_buf json;
	int64_t last;
	int rc;

	status = read_converted(db, &last, err);
	if (status != OSP_OK)
		return status;
	osp_buf_init(&json, conn->alc, 2 * (size_t) OSP_NOTIFICATION_MAX);
	rc = sqlite3_prepare_v2(db->db, OF_TRACE, -1, &row, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text64(
			row, 1, base_id.ptr, base_id.len, SQLITE_STATIC, SQLITE_UTF8);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(row, 2, last);
	while (status == OSP_OK && (rc == SQLITE_OK || rc == SQLITE_ROW))
	{
		rc = sqlite3_step(row);
		if (rc != SQLITE_ROW)
			break;
		osp_buf_reset(&json);
		build_notification(&json, row);
		status = osp_buf_status(&json);
		if (sqlite3_errcode(db->db) == SQLITE_NOMEM)
			status = OSP_ENOMEM; /* there was no memory for a column's text */
		if (status != OSP_OK)
			(void) osp_error_set(
				err, status, "sqlite: %s", osp_status_text(status));
		else
			status = fn(ctx, osp_buf_str(&json));
	}
	if (status == OSP_OK && rc != SQLITE_DONE)
		status = store_db_failed(db, err);
	osp_buf_term(&json);
	(void) sqlite3_finalize(row);
	return status;
}

/* ---- conversion ---- */

/* Some rows of the table, as notifications, and all their texts in one buffer. */
typedef struct piece
{
	osp_buf texts;
	osp_notification items[STEP_ROWS];
	size_t ends[STEP_ROWS][9];
	size_t count;
	int64_t last;
} piece;

static bool
is_error(osp_str info)
{
	return memmem(info.ptr, info.len, "\"etype\": ", 9) != NULL &&
		   memmem(info.ptr, info.len, "\"etype\": null", 13) == NULL;
}

/* Adds a row to the piece. resolve() sets its texts once the buffer no longer moves. */
static void
add_row(piece *p, sqlite3_stmt *row)
{
	static const int columns[] = {
		NAME, BASE_ID, TRACE_ID, PARENT_ID, TIMESTAMP, HOST, PROJECT, SERVICE};
	size_t *ends = p->ends[p->count++];
	size_t i;

	p->last = sqlite3_column_int64(row, ID);
	build_notification(&p->texts, row);
	ends[0] = p->texts.len;
	for (i = 0; i < 8; i++)
	{
		osp_buf_add_str(&p->texts, store_db_text(row, columns[i]));
		ends[i + 1] = p->texts.len;
	}
}

/* Finds the info in a notification that build_notification made. */
static osp_str
info_of(osp_str json)
{
	const char *begin = memmem(json.ptr, json.len, ", \"info\": ", 10);
	const char *end = NULL;
	const char *found = begin;

	/* The last ", "project": " stands after the info. Earlier ones are part of it. */
	while (found != NULL)
	{
		size_t left = json.len - (size_t) (found - json.ptr);

		found = memmem(found, left, ", \"project\": ", 13);
		if (found != NULL)
			end = found++;
	}
	return begin != NULL && end != NULL && end > begin + 10
			   ? osp_str_n(begin + 10, (size_t) (end - begin - 10))
			   : OSP_STR("");
}

static void
resolve(piece *p)
{
	size_t begin = 0;
	size_t i;

	for (i = 0; i < p->count; i++)
	{
		osp_notification *item = &p->items[i];
		osp_str *const texts[] = {&item->json,
								  &item->name,
								  &item->base_id,
								  &item->trace_id,
								  &item->parent_id,
								  &item->timestamp,
								  &item->host,
								  &item->project,
								  &item->service};
		size_t k;

		memset(item, 0, sizeof(*item));
		for (k = 0; k < 9; k++)
		{
			*texts[k] = osp_str_n(p->texts.ptr + begin, p->ends[i][k] - begin);
			begin = p->ends[i][k];
		}
		item->info = info_of(item->json);
		item->error = is_error(item->info);
	}
}

static osp_status
read_piece(store_db *db, piece *p, osp_error *err)
{
	sqlite3_stmt *row = NULL;
	osp_status status;
	int rc = sqlite3_prepare_v2(db->db, OF_ALL, -1, &row, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(row, 1, STEP_ROWS);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(row, 2, p->last);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
	{
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW)
			add_row(p, row);
	}
	status = osp_buf_status(&p->texts);
	if (sqlite3_errcode(db->db) == SQLITE_NOMEM || status == OSP_ENOMEM)
		status = store_no_memory(err);
	else if (rc != SQLITE_DONE)
		status = store_db_failed(db, err);
	(void) sqlite3_finalize(row);
	return status;
}

/*
 * Converts the next rows, in the transaction that is open. *last: there were
 * none left.
 */
static osp_status
convert_piece(osp_driver_conn *conn, piece *p, bool *last, osp_error *err)
{
	store_db *db = &conn->db;
	osp_status status = read_converted(db, &p->last, err);

	if (status == OSP_OK)
		status = store_index_refresh(&conn->index, db, err);
	if (status == OSP_OK)
		status = read_piece(db, p, err);
	if (status != OSP_OK)
		return status;
	*last = p->count == 0;
	resolve(p);
	if (p->count > 0)
		status = store_add_items(conn, p->items, p->count, err);
	if (status == OSP_OK &&
		!(*last ? store_db_exec(db, DROP)
				: store_db_set_meta(db, "converted", p->last)))
		status = store_db_failed(db, err);
	return status;
}

osp_status
store_old_convert(osp_driver_conn *conn, osp_error *err)
{
	piece *p = osp_calloc(conn->alc, 1, sizeof(*p));
	store_db *db = &conn->db;
	osp_status status;
	bool last = false;

	if (p == NULL)
		return store_no_memory(err);
	osp_buf_init(&p->texts, conn->alc, 4 * (size_t) OSP_NOTIFICATION_MAX);
	if (store_db_begin(db))
		status = convert_piece(conn, p, &last, err);
	else
		status = store_db_failed(db, err);
	if (status == OSP_OK && !store_db_commit(db))
		status = store_db_failed(db, err);
	if (status == OSP_OK && last)
	{
		db->form = STORE_OURS;
		if (!store_db_exec(db, SHRINK))
			status = store_db_failed(db, err);
	}
	osp_buf_term(&p->texts);
	osp_free(conn->alc, p);
	return status;
}
