/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_remove.c
 *	  Removing traces.
 *
 * Ids are compared byte by byte; the column may compare without regard to case.
 */
#include "mysql_driver.h"

#include <mysqld_error.h>
#include <stdlib.h>

#define EXACT(id) "CAST(CONVERT(" id " USING utf8mb4) AS BINARY)"

/* The traces whose last notification is older than what follows. Timestamps of
 * one form are in the order of their times. */
#define OLD                                             \
	"(SELECT " EXACT("base_id") " AS old_id FROM data " \
								"GROUP BY old_id HAVING MAX(timestamp) < "

#define COUNT_OLD "SELECT COUNT(*) FROM " OLD
#define REMOVE_OLD                                    \
	"DELETE FROM data WHERE " EXACT("base_id") " IN " \
											   "(SELECT old_id FROM " OLD

/* Runs conn->statement. OSP_ENOENT: there is no table, or the server finds the
 * value impossible, so that nothing can be removed. */
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

static osp_status
remove_one(osp_driver_conn *conn, osp_str id, uint64_t *removed, osp_error *err)
{
	osp_buf *statement = &conn->statement;
	osp_status status;

	osp_buf_reset(statement);
	osp_buf_add_str(statement, OSP_STR("DELETE FROM data WHERE base_id = "));
	osp__mysql_quote(conn, statement, id);
	osp_buf_add_str(statement, OSP_STR(" AND " EXACT("base_id") " = CAST("));
	osp__mysql_quote(conn, statement, id);
	osp_buf_add_str(statement, OSP_STR(" AS BINARY)"));
	status = run(conn, err);
	if (status == OSP_OK)
		*removed += mysql_affected_rows(conn->mysql.session) > 0;
	return status == OSP_ENOENT ? OSP_OK : status;
}

/* Sets conn->statement to one about the old traces. */
static void
write_about_old(osp_driver_conn *conn, const char *begin, int64_t older_than_ns,
				const char *end)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];

	osp_timestamp_text(older_than_ns, timestamp);
	osp_buf_reset(&conn->statement);
	osp_buf_add_str(&conn->statement, osp_str_of(begin));
	osp__mysql_quote(conn, &conn->statement, osp_str_of(timestamp));
	osp_buf_add_str(&conn->statement, osp_str_of(end));
}

static osp_status
remove_old(osp_driver_conn *conn, int64_t older_than_ns, uint64_t *removed,
		   osp_error *err)
{
	osp_str count = OSP_STR("");
	uint64_t found = 0;
	osp_status status;

	write_about_old(conn, COUNT_OLD, older_than_ns, ") AS old");
	status = run(conn, err);
	if (status != OSP_OK)
		return status == OSP_ENOENT ? OSP_OK : status;
	while ((status = osp__mysql_row(&conn->mysql, &count, 1, err)) == OSP_OK)
		found = count.ptr != NULL ? strtoull(count.ptr, NULL, 10) : 0;
	if (status != OSP_ENOENT)
		return osp__mysql_refused(&conn->mysql, status, err);
	write_about_old(conn, REMOVE_OLD, older_than_ns, ") AS old)");
	status = run(conn, err);
	if (status == OSP_OK)
		*removed = found;
	return status == OSP_ENOENT ? OSP_OK : status;
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
