/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_remove.c
 *	  Removing traces.
 *
 * Ids are compared byte by byte, since the column may compare them without
 * regard to case.
 */
#include "mysql_driver.h"

#include <mysqld_error.h>
#include <stdlib.h>

#define EXACT(id) "CAST(CONVERT(" id " USING utf8mb4) AS BINARY)"

/*
 * Finds the traces whose last notification is older than the time that follows.
 * Timestamps of the same form have the order of their times. A trace whose
 * timestamps have another form may be new, and is not removed.
 */
#define FIND_OLD                                                    \
	"SELECT " EXACT("base_id") " AS old_id FROM data "              \
							   "GROUP BY old_id HAVING "            \
							   "MAX(timestamp) LIKE '____-__-__%' " \
							   "AND MAX(timestamp) < "

/*
 * How many old traces are found at a time, and how many are removed by one
 * statement. Each statement scans the table and blocks writers of the rows that
 * it removes, so these limits keep it short. A trace that gets a point after it
 * was found is removed completely.
 */
#define FIND_TRACES   2000
#define REMOVE_TRACES 200
#define OLD_IDS_MAX   ((size_t) FIND_TRACES * 1024)

/*
 * Runs conn->statement. OSP_ENOENT: there is no table, or the server cannot
 * have such a value, so that nothing has to be removed.
 */
static osp_status
run(osp_driver_conn *conn, osp_error *err)
{
	osp_mysql *mysql = &conn->mysql;
	osp_status status;

	if (osp_buf_status(&conn->statement) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
	status = osp__mysql_query(mysql, osp_buf_str(&conn->statement), err);
	if (status == OSP_EREFUSED &&
		(mysql->code == ER_NO_SUCH_TABLE || osp__mysql_is_about_values(mysql)))
		return OSP_ENOENT;
	return osp__mysql_refused(mysql, status, err);
}

static void
begin_removal(osp_buf *statement)
{
	osp_buf_reset(statement);
	osp_buf_add_str(statement, OSP_STR("DELETE FROM data WHERE"));
}

/* Adds a trace to the condition of the statement. */
static void
add_trace(osp_driver_conn *conn, osp_str id)
{
	osp_buf *statement = &conn->statement;

	osp_buf_add_str(statement, OSP_STR(" (base_id = "));
	osp__mysql_quote(conn, statement, id);
	osp_buf_add_str(statement, OSP_STR(" AND " EXACT("base_id") " = CAST("));
	osp__mysql_quote(conn, statement, id);
	osp_buf_add_str(statement, OSP_STR(" AS BINARY))"));
}

static osp_status
remove_one(osp_driver_conn *conn, osp_str id, uint64_t *removed, osp_error *err)
{
	osp_status status;

	begin_removal(&conn->statement);
	add_trace(conn, id);
	status = run(conn, err);
	if (status == OSP_OK)
		*removed += mysql_affected_rows(conn->mysql.session) > 0;
	return status == OSP_ENOENT ? OSP_OK : status;
}

/* ---- by age ---- */

static void
add_id(osp_buf *ids, osp_str id)
{
	uint32_t len = (uint32_t) id.len;

	osp_buf_add(ids, &len, sizeof(len));
	osp_buf_add_str(ids, id);
}

/* Returns the id at *at, as add_id has stored it, and moves *at behind it. */
static osp_str
next_id(const osp_buf *ids, size_t *at)
{
	const char *id = ids->ptr + *at + sizeof(uint32_t);
	uint32_t len;

	memcpy(&len, ids->ptr + *at, sizeof(len));
	*at += sizeof(len) + len;
	return osp_str_n(id, len);
}

/*
 * Finds some of the traces that are older: their ids, and in *found how many
 * there are, including rows without an id.
 */
static osp_status
find_old(osp_driver_conn *conn, int64_t older_than_ns, osp_buf *ids,
		 size_t *found, osp_error *err)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp_str id = OSP_STR("");
	osp_status status;

	osp_timestamp_text(older_than_ns, timestamp);
	osp_buf_reset(&conn->statement);
	osp_buf_add_str(&conn->statement, OSP_STR(FIND_OLD));
	osp__mysql_quote(conn, &conn->statement, osp_str_of(timestamp));
	osp_buf_addf(&conn->statement, " LIMIT %d", FIND_TRACES);
	osp_buf_reset(ids);
	*found = 0;
	status = run(conn, err);
	if (status != OSP_OK)
		return status == OSP_ENOENT ? OSP_OK : status;
	for (; (status = osp__mysql_row(&conn->mysql, &id, 1, err)) == OSP_OK;
		 ++*found)
		if (id.ptr != NULL)
			add_id(ids, id);
	if (status != OSP_ENOENT)
		return osp__mysql_refused(&conn->mysql, status, err);
	if (osp_buf_status(ids) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
	return OSP_OK;
}

/* Removes the traces that were found, REMOVE_TRACES at a time. */
static osp_status
remove_found(osp_driver_conn *conn, const osp_buf *ids, uint64_t *removed,
			 osp_error *err)
{
	size_t at = 0;

	while (at < ids->len)
	{
		unsigned count = 0;
		osp_status status;

		begin_removal(&conn->statement);
		while (at < ids->len && count < REMOVE_TRACES)
		{
			if (count++ > 0)
				osp_buf_add_str(&conn->statement, OSP_STR(" OR"));
			add_trace(conn, next_id(ids, &at));
		}
		status = run(conn, err);
		if (status != OSP_OK)
			return status == OSP_ENOENT ? OSP_OK : status;
		if (mysql_affected_rows(conn->mysql.session) > 0)
			*removed += count;
	}
	return OSP_OK;
}

/*
 * Removes old traces until there are no more, or none of those that were found
 * could be removed: another program may be removing traces, too.
 */
static osp_status
remove_old(osp_driver_conn *conn, int64_t older_than_ns, uint64_t *removed,
		   osp_error *err)
{
	osp_status status;
	uint64_t before;
	size_t found;
	osp_buf ids;

	osp_buf_init(&ids, conn->alc, OLD_IDS_MAX);
	do
	{
		before = *removed;
		status = find_old(conn, older_than_ns, &ids, &found, err);
		if (status == OSP_OK)
			status = remove_found(conn, &ids, removed, err);
	}
	while (status == OSP_OK && found == FIND_TRACES && *removed > before);
	osp_buf_term(&ids);
	return status;
}

osp_status
osp__mysql_remove_traces(osp_driver_conn *conn, const osp_removal *what,
						 uint64_t *removed, osp_error *err)
{
	osp_removal known = {.count = 0};
	osp_status status;
	size_t i;

	*removed = 0;
	osp_struct_copy(&known, sizeof(known), what);
	status = osp__mysql_begin_call(&conn->mysql, err);
	if (status == OSP_OK && known.count == 0)
		return remove_old(conn, known.older_than_ns, removed, err);
	for (i = 0; i < known.count && status == OSP_OK; i++)
		status = remove_one(conn, known.ids[i], removed, err);
	return status;
}
