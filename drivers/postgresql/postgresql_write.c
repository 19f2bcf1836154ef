/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_write.c
 *	  Storing batches.
 *
 * A batch is one COPY, which is stored whole or not at all. Rows that the
 * server will never accept (an id that is longer than the column, text that
 * does not exist in the database's encoding) are found by halving the batch.
 *
 * The table has no key that would reveal a copy of a notification: upstream has
 * none, and another index would make every row more expensive. Readers drop the
 * copies.
 */
#include "postgresql.h"

#include <endian.h>

/* The length from which rows are sent. */
#define SEND_BYTES ((size_t) 256 * 1024)

#define COPY_HEADER OSP_STR("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0")
#define COPY_END    OSP_STR("\377\377")

#define COLUMN_COUNT 9

static const char copy_in[] =
	"COPY data (" SQLTABLE_COLUMNS ") FROM STDIN (FORMAT binary)";

/*
 * Makes the table. Upstream makes an index for each column; our own queries
 * need only that of base_id.
 */
static const char make_table[] =
	"DO $$ BEGIN IF to_regclass('data') IS NULL THEN "
	"CREATE TABLE data (id serial PRIMARY KEY, " SQLTABLE_TYPES "); "
	"CREATE INDEX ix_data_base_id ON data (base_id); END IF; END $$";

/* ---- rows ---- */

static void
add_i32(osp_buf *buf, int32_t value)
{
	const uint32_t bytes = htobe32((uint32_t) value);

	osp_buf_add(buf, &bytes, sizeof(bytes));
}

static void
add_column(osp_buf *rows, osp_str text)
{
	add_i32(rows, (int32_t) text.len);
	osp_buf_add_str(rows, text);
}

/* Adds a column to the row; an empty text is NULL. */
static void
add_nullable(osp_buf *rows, osp_str text)
{
	if (text.len > 0)
		add_column(rows, text);
	else
		add_i32(rows, -1);
}

static osp_status
add_data(osp_driver_conn *conn, const osp_notification *item)
{
	osp_buf *rows = &conn->rows;
	osp_status status;
	uint32_t length;
	size_t at;

	add_i32(rows, 0);
	at = rows->len;
	status = osp__table_add_data(rows, &conn->text, item);
	if (status != OSP_OK)
		return status;
	length = htobe32((uint32_t) (rows->len - at));
	memcpy(rows->ptr + at - sizeof(length), &length, sizeof(length));
	return OSP_OK;
}

static osp_status
add_row(osp_driver_conn *conn, const osp_notification *item)
{
	const uint16_t columns = htobe16(COLUMN_COUNT);
	osp_buf *rows = &conn->rows;

	osp_buf_add(rows, &columns, sizeof(columns));
	add_column(rows, item->timestamp);
	add_column(rows, item->base_id);
	add_nullable(rows, item->parent_id);
	add_column(rows, item->trace_id);
	add_nullable(rows, item->project);
	add_nullable(rows, item->host);
	add_nullable(rows, item->service);
	add_column(rows, item->name);
	return add_data(conn, item);
}

/* ---- batches ---- */

static osp_status
no_memory(osp_driver_conn *conn, osp_error *err)
{
	osp__pg_drop(&conn->pg);
	return osp_error_set(err, OSP_ENOMEM, "postgresql: out of memory");
}

static osp_status
send_rows(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	if (osp_buf_status(&conn->rows) != OSP_OK)
		return no_memory(conn, err);
	status = osp__pg_copy(&conn->pg, osp_buf_str(&conn->rows), err);
	osp_buf_reset(&conn->rows);
	return status;
}

/*
 * Makes the table, once in a session, if it does not exist. If that fails,
 * since rights are missing or another writer is making it, COPY shows whether
 * it matters.
 */
static osp_status
need_table(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	if (conn->prepared == conn->pg.sessions)
		return OSP_OK;
	status = osp__pg_run(&conn->pg, make_table, NULL, err);
	if (status != OSP_OK && status != OSP_EREFUSED)
		return status;
	conn->prepared = conn->pg.sessions;
	return OSP_OK;
}

/* Waits until the server is ready for rows. */
static osp_status
begin_copy(osp_driver_conn *conn, osp_error *err)
{
	osp_pg *pg = &conn->pg;
	PGresult *result = NULL;
	osp_status status = osp__pg_query(pg, copy_in, NULL, err);
	bool ready;

	if (status == OSP_OK)
		status = osp__pg_result(pg, &result, err);
	if (status != OSP_OK)
		return osp__pg_refused(pg, status, err);
	ready = PQresultStatus(result) == PGRES_COPY_IN;
	PQclear(result);
	if (ready)
		return OSP_OK;
	osp__pg_drop(pg);
	return osp_error_set(
		err, OSP_EUNAVAIL, "%.80s: it takes no rows", pg->where);
}

/* Did the server refuse a value in the rows? */
static bool
is_about_rows(const osp_pg *pg)
{
	return memcmp(pg->sqlstate, "22", 2) == 0 || /* wrong values */
		   memcmp(pg->sqlstate, "54", 2) == 0;   /* limits of the server */
}

/* Stores notifications by one COPY; an osp_table_store_fn. */
static osp_status
copy_items(osp_driver_conn *conn, const osp_notification *items, size_t count,
		   osp_error *err)
{
	osp_status status = begin_copy(conn, err);
	size_t i;

	osp_buf_reset(&conn->rows);
	osp_buf_add_str(&conn->rows, COPY_HEADER);
	for (i = 0; i < count && status == OSP_OK; i++)
	{
		status = add_row(conn, &items[i]);
		if (status != OSP_OK)
			return no_memory(conn, err);
		if (conn->rows.len >= SEND_BYTES)
			status = send_rows(conn, err);
	}
	osp_buf_add_str(&conn->rows, COPY_END);
	if (status == OSP_OK)
		status = send_rows(conn, err);
	if (status == OSP_OK)
		status = osp__pg_end_copy(&conn->pg, err);
	return status == OSP_EREFUSED && !is_about_rows(&conn->pg)
			   ? osp__pg_refused(&conn->pg, status, err)
			   : status;
}

osp_status
osp__postgresql_notify(osp_driver_conn *conn, const osp_notification *items,
					   size_t count, size_t *accepted, osp_error *err)
{
	osp_status status;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = osp__pg_begin_call(&conn->pg, err);
	if (status == OSP_OK)
		status = need_table(conn, err);
	return status == OSP_OK
			   ? osp__table_store(copy_items, conn, items, count, accepted, err)
			   : status;
}
