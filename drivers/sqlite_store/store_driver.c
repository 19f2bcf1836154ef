/* SPDX-License-Identifier: Apache-2.0
 *
 * store_driver.c
 *	  The sqlite driver, which stores traces in a database with tables of its
 *	  own. See docs/store.md.
 */
#include "sqlite_store.h"

static void
store_close(osp_driver_conn *conn)
{
	if (conn == NULL)
		return;
	store_upkeep_end(conn);
	store_close_writer(conn);
	store_index_term(&conn->index);
	osp_buf_term(&conn->page);
	osp_free(conn->alc, conn->path);
	osp_free(conn->alc, conn);
}

static osp_status
store_open(const osp_driver_options *given, osp_driver_conn **out,
		   osp_error *err)
{
	osp_driver_options options;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&options, sizeof(options), given);
	conn = osp_calloc(options.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return store_no_memory(err);
	conn->alc = options.alc;
	conn->options = options;
	conn->options.connection_string = OSP_STR("");
	store_index_init(&conn->index, conn->alc);
	osp_buf_init(&conn->page, conn->alc, 64);
	status = store_read_uri(conn, options.connection_string, err);
	if (status == OSP_OK)
		*out = conn;
	else
		store_close(conn);
	return status;
}

/* Stores the notifications, and everything that belongs to them, in one transaction. */
static osp_status
write_batch(osp_driver_conn *conn, const osp_notification *items, size_t count,
			osp_error *err)
{
	osp_status status;

	if (!store_db_begin(&conn->db))
		return store_db_failed(&conn->db, err);
	status = store_index_refresh(&conn->index, &conn->db, err);
	if (conn->retained_at == 0)
		conn->retained_at = conn->index.next_id;
	if (status == OSP_OK)
		status = store_add_items(conn, items, count, err);
	if (status == OSP_OK && !store_db_commit(&conn->db))
		status = store_db_failed(&conn->db, err);
	return status;
}

static osp_status
store_notify(osp_driver_conn *conn, const osp_notification *items, size_t count,
			 size_t *accepted, osp_error *err)
{
	osp_status status;

	*accepted = 0;
	store_db_begin_call(&conn->db, &conn->options);
	status = store_open_writer(conn, err);
	if (status == OSP_OK && count > 0)
		status = write_batch(conn, items, count, err);

	/* After any failure the connection is closed. The next call opens a new one. */
	if (status != OSP_OK)
	{
		store_close_writer(conn);
		return status;
	}
	*accepted = count;

	/* The batch is stored. If upkeep fails, the next batch tries it again. */
	if (store_upkeep(conn, NULL) != OSP_OK)
		store_close_writer(conn);
	return OSP_OK;
}

static osp_status
store_list(osp_driver_conn *conn, const osp_trace_filter *given,
		   osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter)};

	if (next != NULL)
		*next = OSP_STR("");
	if (given != NULL)
		osp_struct_copy(&filter, sizeof(filter), given);
	return store_list_traces(conn, &filter, fn, ctx, next, err);
}

static const char *const store_schemes[] = {"sqlite", NULL};

extern OSP_API const osp_driver osp_driver_sqlite;
const osp_driver osp_driver_sqlite = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_CAN_REMOVE |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_DROPS_COPIES |
			 OSP_DRIVER_FILTERS,
	.name = "sqlite",
	.schemes = store_schemes,
	.open = store_open,
	.notify = store_notify,
	.get_points = store_get_points,
	.list_traces = store_list,
	.remove_traces = store_remove_traces,
	.close = store_close,
};
