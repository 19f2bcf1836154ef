/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_driver.c
 *	  The driver for mysql://user:password@host/database. It stores notifications
 *	  in a table of MariaDB or MySQL, in the same form as upstream's SQLAlchemy
 *	  driver.
 *
 *	  mysql_uri.c      the connection string
 *	  mysql_session.c  connecting, statements, rows
 *	  mysql_write.c    storing batches
 *	  mysql_read.c     reading and listing traces
 *	  mysql_remove.c   removing traces
 */
#include "mysql_driver.h"

#define TEXT_MAX ((size_t) OSP_NOTIFICATION_MAX * 4)

static void
close_driver(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->alc;
	osp__mysql_term(&conn->mysql);
	osp__traces_term(&conn->traces);
	osp_buf_term(&conn->statement);
	osp_buf_term(&conn->text);
	osp_buf_term(&conn->scratch);
	osp_free(alc, conn);
}

static osp_status
open_driver(const osp_driver_options *options, osp_driver_conn **out,
			osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
	conn->alc = known.alc;
	osp_buf_init(&conn->statement, known.alc, TEXT_MAX);
	osp_buf_init(&conn->text, known.alc, TEXT_MAX);
	osp_buf_init(&conn->scratch, known.alc, TEXT_MAX);
	osp__traces_init(&conn->traces, known.alc);
	status = osp__mysql_init(&conn->mysql, &known, err);
	if (status != OSP_OK)
	{
		close_driver(conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

static const char *const mysql_schemes[] = {"mysql", NULL};

extern OSP_API const osp_driver osp_driver_mysql;
const osp_driver osp_driver_mysql = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_CAN_REMOVE |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_FILTERS,
	.name = "mysql",
	.schemes = mysql_schemes,
	.open = open_driver,
	.notify = osp__mysql_notify,
	.get_points = osp__mysql_get_points,
	.list_traces = osp__mysql_list_traces,
	.remove_traces = osp__mysql_remove_traces,
	.close = close_driver,
};
