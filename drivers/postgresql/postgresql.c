/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql.c
 *	  The driver for postgresql://user:password@host/database. It stores
 *	  notifications in a table of PostgreSQL, in the same form as upstream's
 *	  SQLAlchemy driver.
 *
 *	  pg_session.c        connecting, statements, results
 *	  postgresql_write.c  storing batches
 *	  postgresql_read.c   reading, listing and removing traces
 */
#include "postgresql.h"

#define ROWS_MAX ((size_t) OSP_NOTIFICATION_MAX * 3)

static void
postgresql_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->alc;
	osp__pg_term(&conn->pg);
	osp__traces_term(&conn->traces);
	osp_buf_term(&conn->rows);
	osp_buf_term(&conn->text);
	osp_buf_term(&conn->scratch);
	osp_free(alc, conn);
}

static osp_status
postgresql_open(const osp_driver_options *options, osp_driver_conn **out,
				osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "postgresql: out of memory");
	conn->alc = known.alc;
	conn->memory_max =
		known.memory_max != 0 ? known.memory_max : OSP_DRIVER_MEMORY_MAX;
	osp_buf_init(&conn->rows, known.alc, ROWS_MAX);
	osp_buf_init(&conn->text, known.alc, ROWS_MAX);
	osp_buf_init(&conn->scratch, known.alc, ROWS_MAX);
	osp__traces_init(&conn->traces, known.alc);
	status = osp__pg_init(&conn->pg, &known, err);
	if (status != OSP_OK)
	{
		postgresql_close(conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

static const char *const postgresql_schemes[] = {"postgresql", NULL};

extern OSP_API const osp_driver osp_driver_postgresql;
const osp_driver osp_driver_postgresql = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_CAN_REMOVE |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_FILTERS,
	.name = "postgresql",
	.schemes = postgresql_schemes,
	.open = postgresql_open,
	.notify = osp__postgresql_notify,
	.get_points = osp__postgresql_get_points,
	.list_traces = osp__postgresql_list_traces,
	.remove_traces = osp__postgresql_remove_traces,
	.close = postgresql_close,
};
