/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_read.c
 *	  Reading and listing traces. Rows are read one by one.
 */
#include "mysql_driver.h"

#include <mysqld_error.h>
#include <stdio.h>

/*
 * An additional column says that the row is too long for us. Its data is not
 * sent then: the library could only report such a row as a lost connection.
 */
#define TOO_LONG     SQLTABLE_READ_COUNT
#define COLUMN_COUNT (SQLTABLE_READ_COUNT + 1)

#define READ_ALL                                         \
	"SELECT " SQLTABLE_READ                              \
	"IF(LENGTH(data) > %zu, NULL, JSON_UNQUOTE(data)), " \
	"LENGTH(data) > %zu FROM data"

/* Sets conn->statement to a query for all rows. */
static void
write_read_all(osp_driver_conn *conn)
{
	const size_t max = conn->mysql.memory_max;
	char text[sizeof(READ_ALL) + 64];

	(void) snprintf(text, sizeof(text), READ_ALL, max, max);
	osp_buf_reset(&conn->statement);
	osp_buf_add_str(&conn->statement, osp_str_of(text));
}

/* Writes the notification of a row to conn->text. */
static osp_status
make_json(osp_driver_conn *conn, const osp_str row[COLUMN_COUNT])
{
	osp_status status = osp__wait_check(&conn->mysql.wait);

	if (status == OSP_OK && osp_str_eq(row[TOO_LONG], OSP_STR("1")))
		status = OSP_EFULL;
	return status == OSP_OK ? osp__table_json(&conn->text, row) : status;
}

/*
 * Passes the notification of each row of conn->statement to fn. If only is not
 * NULL, rows of other traces are skipped: the server may compare ids without
 * regard to case. Rows that are not notifications are skipped, too. A missing
 * table has no rows.
 */
static osp_status
each_row(osp_driver_conn *conn, const osp_str *only, osp_point_fn fn, void *ctx,
		 osp_error *err)
{
	osp_mysql *mysql = &conn->mysql;
	osp_status status =
		osp__mysql_query(mysql, osp_buf_str(&conn->statement), err);

	if (status == OSP_EREFUSED &&
		(mysql->code == ER_NO_SUCH_TABLE || osp__mysql_is_about_values(mysql)))
		return OSP_OK;
	if (status != OSP_OK)
		return osp__mysql_refused(mysql, status, err);
	while (status == OSP_OK)
	{
		osp_str row[COLUMN_COUNT];

		status = osp__mysql_row(mysql, row, COLUMN_COUNT, err);
		if (status != OSP_OK)
			return status == OSP_ENOENT
					   ? OSP_OK
					   : osp__mysql_refused(mysql, status, err);
		if (only != NULL && !osp_str_eq(row[SQLTABLE_BASE_ID], *only))
			continue;
		status = make_json(conn, row);
		if (status == OSP_OK)
			status = fn(ctx, osp_buf_str(&conn->text));
		else if (status == OSP_EPROTO)
			status = OSP_OK;
		else
			(void) osp_error_set(err,
								 status,
								 "%.80s: %s",
								 mysql->where,
								 osp_status_text(status));
	}
	osp__mysql_drop(mysql);
	return status;
}

osp_status
osp__mysql_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
					  void *ctx, osp_error *err)
{
	osp_buf *statement = &conn->statement;
	osp_status status = osp__mysql_begin_call(&conn->mysql, err);

	if (status != OSP_OK)
		return status;
	write_read_all(conn);
	osp_buf_add_str(statement, OSP_STR(" WHERE base_id = "));
	osp__mysql_quote(conn, statement, base_id);
	osp_buf_add_str(statement, OSP_STR(" ORDER BY id"));
	if (osp_buf_status(statement) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
	return each_row(conn, &base_id, fn, ctx, err);
}

/* Adds a point to the set of traces; an osp_point_fn. */
static osp_status
note_point(void *ctx, osp_str json)
{
	osp_driver_conn *conn = ctx;

	return osp__table_note(&conn->traces, &conn->scratch, json);
}

/*
 * Sets conn->statement to a query for the rows of all traces that may pass the
 * filter.
 */
static void
write_read_candidates(osp_driver_conn *conn, const osp_trace_filter *filter)
{
	write_read_all(conn);
	osp_buf_reset(&conn->scratch);
	if (filter->service.len > 0)
		osp__mysql_quote(conn, &conn->scratch, filter->service);
	osp__table_add_conditions(
		&conn->statement, filter, osp_buf_str(&conn->scratch));
}

osp_status
osp__mysql_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
					   osp_trace_fn fn, void *ctx, osp_str *next,
					   osp_error *err)
{
	osp_status status = osp__mysql_begin_call(&conn->mysql, err);
	osp_trace_filter known = {.limit = 0};

	if (next != NULL)
		*next = OSP_STR("");
	if (filter != NULL)
		osp_struct_copy(&known, sizeof(known), filter);
	osp__traces_reset(&conn->traces);
	if (status == OSP_OK)
	{
		write_read_candidates(conn, &known);
		status = osp_buf_status(&conn->statement);
	}
	if (status == OSP_OK)
		status = osp_buf_status(&conn->scratch);
	if (status == OSP_OK)
		status = each_row(conn, NULL, note_point, conn, err);
	if (status == OSP_ENOMEM || status == OSP_EFULL)
		(void) osp_error_set(err, status, "mysql: %s", osp_status_text(status));
	if (status == OSP_OK)
		status =
			osp__traces_each(&conn->traces, filter, fn, ctx, &conn->text, err);
	if (status == OSP_OK && next != NULL)
		*next = osp_buf_str(&conn->text);
	return status;
}
