/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_read.c
 *	  Reading and listing traces, and removing them.
 *
 * Rows are read one by one.
 */
#include "postgresql.h"

#include <stdlib.h>

#define COLUMNS SQLTABLE_READ "data #>> '{}'"

static const char read_trace[] =
	"SELECT " COLUMNS " FROM data WHERE base_id = $1 ORDER BY id";
static const char read_all[] = "SELECT " COLUMNS " FROM data";

/*
 * Writes the notification of a row to conn->text. OSP_EPROTO: the column data
 * was not written by a profiler.
 */
static osp_status
make_json(osp_driver_conn *conn, const PGresult *row)
{
	osp_str columns[SQLTABLE_READ_COUNT];
	int i;

	for (i = 0; i < SQLTABLE_READ_COUNT; i++)
		columns[i] = osp__table_column(
			PQgetisnull(row, 0, i) ? NULL : PQgetvalue(row, 0, i),
			(size_t) PQgetlength(row, 0, i));
	return osp__table_json(&conn->text, columns);
}

/* Does the row fit into the memory that the driver may use? */
static bool
fits(const osp_driver_conn *conn, const PGresult *row)
{
	return (size_t) PQgetlength(row, 0, SQLTABLE_DATA) <= conn->memory_max;
}

/*
 * Passes the notification of each row of a statement to fn. Rows that are not
 * notifications are skipped. A missing table has no rows.
 */
static osp_status
each_row(osp_driver_conn *conn, const char *statement, const char *parameter,
		 osp_point_fn fn, void *ctx, osp_error *err)
{
	osp_pg *pg = &conn->pg;
	osp_status status = osp__pg_query(pg, statement, parameter, err);

	while (status == OSP_OK)
	{
		PGresult *row;

		status = osp__pg_result(pg, &row, err);
		if (status == OSP_EREFUSED &&
			strcmp(pg->sqlstate, PG_UNDEFINED_TABLE) == 0)
		{
			osp__pg_drop(pg);
			return OSP_OK;
		}
		if (status != OSP_OK || row == NULL)
			return osp__pg_refused(pg, status, err);
		if (PQresultStatus(row) == PGRES_SINGLE_TUPLE)
		{
			status = osp__wait_check(&pg->wait);
			if (status == OSP_OK)
				status = fits(conn, row) ? make_json(conn, row) : OSP_EFULL;
			if (status == OSP_OK)
				status = fn(ctx, osp_buf_str(&conn->text));
			else if (status == OSP_EPROTO)
				status = OSP_OK;
			else
				(void) osp_error_set(err,
									 status,
									 "%.80s: %s",
									 pg->where,
									 osp_status_text(status));
		}
		PQclear(row);
	}
	osp__pg_drop(pg);
	return status;
}

/* Makes a terminated parameter of an id; NULL: no row can have this id. */
static const char *
parameter_of(osp_driver_conn *conn, osp_str id)
{
	if (memchr(id.ptr, '\0', id.len) != NULL)
		return NULL;
	osp_buf_reset(&conn->scratch);
	osp_buf_add_str(&conn->scratch, id);
	osp_buf_add_char(&conn->scratch, '\0');
	return osp_buf_status(&conn->scratch) == OSP_OK ? conn->scratch.ptr : NULL;
}

osp_status
osp__postgresql_get_points(osp_driver_conn *conn, osp_str base_id,
						   osp_point_fn fn, void *ctx, osp_error *err)
{
	osp_status status = osp__pg_begin_call(&conn->pg, err);
	const char *id = parameter_of(conn, base_id);

	if (osp_buf_status(&conn->scratch) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "postgresql: out of memory");
	return status == OSP_OK && id != NULL
			   ? each_row(conn, read_trace, id, fn, ctx, err)
			   : status;
}

/* ---- lists ---- */

/* Adds a point to the set of traces; an osp_point_fn. */
static osp_status
note_point(void *ctx, osp_str json)
{
	osp_driver_conn *conn = ctx;

	return osp__table_note(&conn->traces, &conn->scratch, json);
}

/* Reads the rows of all traces that may pass the filter. */
static osp_status
read_candidates(osp_driver_conn *conn, const osp_trace_filter *filter,
				osp_error *err)
{
	const char *service =
		filter->service.len > 0 ? parameter_of(conn, filter->service) : NULL;
	osp_status status;
	osp_buf statement;

	osp_buf_init(&statement, conn->alc, SIZE_MAX / 4);
	osp_buf_add_str(&statement, osp_str_of(read_all));
	osp__table_add_conditions(
		&statement, filter, service != NULL ? OSP_STR("$1") : OSP_STR(""));
	osp_buf_add_char(&statement, '\0');
	status = osp_buf_status(&statement);
	if (status == OSP_OK)
		status = osp_buf_status(&conn->scratch);
	if (status == OSP_OK)
		status = each_row(conn, statement.ptr, service, note_point, conn, err);
	osp_buf_term(&statement);
	return status;
}

osp_status
osp__postgresql_list_traces(osp_driver_conn *conn,
							const osp_trace_filter *filter, osp_trace_fn fn,
							void *ctx, osp_str *next, osp_error *err)
{
	osp_trace_filter known = {.limit = 0};
	osp_status status = osp__pg_begin_call(&conn->pg, err);

	if (next != NULL)
		*next = OSP_STR("");
	if (filter != NULL)
		osp_struct_copy(&known, sizeof(known), filter);
	osp__traces_reset(&conn->traces);
	if (status == OSP_OK)
		status = read_candidates(conn, &known, err);
	if (status == OSP_ENOMEM || status == OSP_EFULL)
		(void) osp_error_set(
			err, status, "postgresql: %s", osp_status_text(status));
	if (status == OSP_OK)
		status =
			osp__traces_each(&conn->traces, filter, fn, ctx, &conn->text, err);
	if (status == OSP_OK && next != NULL)
		*next = osp_buf_str(&conn->text);
	return status;
}

/* ---- removing ---- */

#define REMOVED                                                          \
	"gone AS (DELETE FROM data WHERE base_id IN (SELECT * FROM doomed) " \
	"RETURNING base_id) SELECT count(DISTINCT base_id) FROM gone"

static const char remove_one[] = "WITH doomed AS (SELECT $1::text), " REMOVED;

/*
 * Removes traces by age. Timestamps of the same form have the order of their
 * times. A trace whose timestamps have another form may be new, and is not
 * removed.
 */
static const char remove_older[] =
	"WITH doomed AS (SELECT base_id FROM data GROUP BY base_id "
	"HAVING max(timestamp) < $1 AND max(timestamp) LIKE '____-__-__%'), " REMOVED;

/* Runs a statement whose result is the number of removed traces. */
static osp_status
remove_by(osp_driver_conn *conn, const char *statement, const char *parameter,
		  uint64_t *removed, osp_error *err)
{
	osp_pg *pg = &conn->pg;
	osp_status status = osp__pg_query(pg, statement, parameter, err);
	PGresult *result = NULL;

	while (status == OSP_OK)
	{
		status = osp__pg_result(pg, &result, err);
		if (status == OSP_EREFUSED &&
			strcmp(pg->sqlstate, PG_UNDEFINED_TABLE) == 0)
		{
			osp__pg_drop(pg);
			return osp__pg_begin_call(pg, err);
		}
		if (status != OSP_OK || result == NULL)
			break;
		if (PQntuples(result) == 1)
			*removed += strtoull(PQgetvalue(result, 0, 0), NULL, 10);
		PQclear(result);
	}
	return osp__pg_refused(pg, status, err);
}

osp_status
osp__postgresql_remove_traces(osp_driver_conn *conn, const osp_removal *what,
							  uint64_t *removed, osp_error *err)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp_removal known = {.count = 0};
	osp_status status;
	size_t i;

	*removed = 0;
	osp_struct_copy(&known, sizeof(known), what);
	status = osp__pg_begin_call(&conn->pg, err);
	if (status == OSP_OK && known.count == 0)
	{
		osp_timestamp_text(known.older_than_ns, timestamp);
		return remove_by(conn, remove_older, timestamp, removed, err);
	}
	for (i = 0; i < known.count && status == OSP_OK; i++)
	{
		const char *id = parameter_of(conn, known.ids[i]);

		if (osp_buf_status(&conn->scratch) != OSP_OK)
			status =
				osp_error_set(err, OSP_ENOMEM, "postgresql: out of memory");
		else if (id != NULL)
			status = remove_by(conn, remove_one, id, removed, err);
	}
	return status;
}
