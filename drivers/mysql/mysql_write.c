/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_write.c
 *	  Storing batches, as multi-row INSERTs of about a megabyte.
 *
 * Each statement is stored whole or not at all. Rows that the server will never
 * accept (an id that is longer than the column, text that is not UTF-8, a row
 * that is longer than max_allowed_packet) are found by halving the batch, and
 * left out.
 *
 * The table has no key that would reveal a copy of a notification: upstream has
 * none, and another index would make every row more expensive. Readers drop the
 * copies.
 */
#include "mysql_driver.h"

#include <mysqld_error.h>
#include <stdlib.h>

/* The length from which a statement is sent. */
#define SEND_BYTES ((size_t) 1024 * 1024)

/* How much of max_allowed_packet is needed for the packet itself. */
#define PACKET_EXTRA 64

/*
 * Makes the table. Upstream makes an index for each column; our own queries
 * need only that of base_id.
 */
static const char make_table[] =
	"CREATE TABLE IF NOT EXISTS data (id INTEGER NOT NULL AUTO_INCREMENT "
	"PRIMARY KEY, " SQLTABLE_TYPES ", INDEX ix_data_base_id (base_id)) "
	"DEFAULT CHARACTER SET utf8mb4";

static const char ask[] =
	"SELECT @@max_allowed_packet, (SELECT COUNT(*) FROM "
	"information_schema.tables WHERE table_schema = DATABASE() "
	"AND table_name = 'data')";

static const char insert[] = "INSERT INTO data (" SQLTABLE_COLUMNS ") VALUES ";

/* ---- statements ---- */

void
osp__mysql_quote(osp_driver_conn *conn, osp_buf *statement, osp_str text)
{
	osp_buf_add_char(statement, '\'');
	if (osp_buf_reserve(statement, 2 * text.len + 1))
		statement->len +=
			mysql_real_escape_string(conn->mysql.session,
									 statement->ptr + statement->len,
									 text.ptr,
									 text.len);
	osp_buf_add_char(statement, '\'');
}

bool
osp__mysql_is_about_values(const osp_mysql *mysql)
{
	switch (mysql->code)
	{
		case ER_DATA_TOO_LONG:
		case ER_INVALID_CHARACTER_STRING:
		case ER_TRUNCATED_WRONG_VALUE:
		case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
		case ER_NET_PACKET_TOO_LARGE:
			return true;
		default:
			return false;
	}
}

static void
add_value(osp_driver_conn *conn, osp_str text)
{
	osp__mysql_quote(conn, &conn->statement, text);
	osp_buf_add_char(&conn->statement, ',');
}

/* Adds a value to the statement; an empty one is NULL. */
static void
add_nullable(osp_driver_conn *conn, osp_str text)
{
	if (text.len > 0)
		add_value(conn, text);
	else
		osp_buf_add_str(&conn->statement, OSP_STR("NULL,"));
}

static osp_status
add_row(osp_driver_conn *conn, const osp_notification *item)
{
	osp_buf *statement = &conn->statement;
	osp_status status;

	osp_buf_reset(&conn->scratch);
	status = osp__table_add_data(&conn->scratch, &conn->text, item);
	if (status != OSP_OK)
		return status;
	osp_buf_add_char(statement, '(');
	add_value(conn, item->timestamp);
	add_value(conn, item->base_id);
	add_nullable(conn, item->parent_id);
	add_value(conn, item->trace_id);
	add_nullable(conn, item->project);
	add_nullable(conn, item->host);
	add_nullable(conn, item->service);
	add_value(conn, item->name);
	osp__mysql_quote(conn, statement, osp_buf_str(&conn->scratch));
	osp_buf_add_char(statement, ')');
	return osp_buf_status(statement);
}

/* ---- batches ---- */

static osp_status
no_memory(osp_driver_conn *conn, osp_error *err)
{
	osp__mysql_drop(&conn->mysql);
	return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
}

/* Stores notifications by one statement; an osp_table_store_fn. */
static osp_status
insert_items(osp_driver_conn *conn, const osp_notification *items, size_t count,
			 osp_error *err)
{
	osp_mysql *mysql = &conn->mysql;
	osp_buf *statement = &conn->statement;
	osp_status status;
	size_t i;

	osp_buf_reset(statement);
	osp_buf_add_str(statement, osp_str_of(insert));
	for (i = 0; i < count; i++)
	{
		if (i > 0)
			osp_buf_add_char(statement, ',');
		status = items[i].json.len <= conn->packet_max
					 ? add_row(conn, &items[i])
					 : OSP_EFULL;
		if (status == OSP_EFULL)
			break;
		if (status != OSP_OK)
			return no_memory(conn, err);
	}
	if (i < count || statement->len > conn->packet_max)
		return osp_error_set(
			err,
			OSP_EREFUSED,
			"%.80s: a notification is longer than max_allowed_packet",
			mysql->where);
	status = osp__mysql_query(mysql, osp_buf_str(statement), err);
	return status == OSP_EREFUSED && !osp__mysql_is_about_values(mysql)
			   ? osp__mysql_refused(mysql, status, err)
			   : status;
}

/* Asks the server how long a statement may be, and whether the table exists. */
static osp_status
ask_server(osp_driver_conn *conn, bool *has_table, osp_error *err)
{
	osp_mysql *mysql = &conn->mysql;
	osp_status status = osp__mysql_query(mysql, osp_str_of(ask), err);
	osp_str row[2];

	*has_table = true;
	while (status == OSP_OK)
	{
		status = osp__mysql_row(mysql, row, 2, err);
		if (status != OSP_OK)
			break;
		conn->packet_max =
			row[0].ptr != NULL ? strtoul(row[0].ptr, NULL, 10) : 0;
		conn->packet_max -= conn->packet_max > PACKET_EXTRA ? PACKET_EXTRA : 0;
		*has_table = !osp_str_eq(row[1], OSP_STR("0"));
	}
	return status == OSP_ENOENT ? OSP_OK : status;
}

/* Prepares a session for writing, once. */
static osp_status
prepare(osp_driver_conn *conn, osp_error *err)
{
	osp_mysql *mysql = &conn->mysql;
	osp_status status;
	bool has_table;

	if (conn->prepared == mysql->sessions)
		return OSP_OK;
	status = ask_server(conn, &has_table, err);
	if (status == OSP_OK && !has_table)
		status = osp__mysql_query(mysql, osp_str_of(make_table), err);
	if (status != OSP_OK)
		return osp__mysql_refused(mysql, status, err);
	conn->prepared = mysql->sessions;
	return OSP_OK;
}

/* How many of the notifications fit into one statement. */
static size_t
statement_count(const osp_driver_conn *conn, const osp_notification *items,
				size_t count)
{
	size_t max =
		conn->packet_max / 4 < SEND_BYTES ? conn->packet_max / 4 : SEND_BYTES;
	size_t bytes = 0;
	size_t i;

	for (i = 0; i < count && (i == 0 || bytes < max); i++)
		bytes += items[i].json.len;
	return i;
}

static osp_status
store_items(osp_driver_conn *conn, const osp_notification *items, size_t count,
			size_t *accepted, osp_error *err)
{
	osp_status first = OSP_OK;
	size_t done = 0;

	while (done < count)
	{
		size_t some = statement_count(conn, items + done, count - done);
		size_t stored = 0;
		osp_status status = osp__table_store(
			insert_items, conn, items + done, some, &stored, err);

		if (status != OSP_OK && status != OSP_EREFUSED)
			return status;
		if (status == OSP_EREFUSED)
			first = status;
		*accepted += stored;
		done += some;
	}
	return first;
}

osp_status
osp__mysql_notify(osp_driver_conn *conn, const osp_notification *items,
				  size_t count, size_t *accepted, osp_error *err)
{
	osp_status status;
	size_t stored = 0;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = osp__mysql_begin_call(&conn->mysql, err);
	if (status == OSP_OK)
		status = prepare(conn, err);
	if (status == OSP_OK)
		status = store_items(conn, items, count, &stored, err);
	if (status == OSP_OK || status == OSP_EREFUSED)
		*accepted = stored;
	return status;
}
