/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodb.c
 *	  The driver for mongodb://host and mongodb+srv://host. It stores
 *	  notifications as documents of MongoDB, in the same form as upstream's
 *	  driver.
 *
 *	  mongo_session.c  the connection string, the client and its failures
 *	  mongo_stream.c   reading and writing the client's connections
 *	  mongo_bson.c     notifications as documents, and back
 *	  mongo_write.c    storing batches, removing traces
 *	  mongo_read.c     reading and listing traces
 *
 * libmongoc chooses servers and speaks TLS, but uses sockets of ours, which keep
 * to the deadline and stop when the host program interrupts the call.
 */
#include "mongodb.h"

#define TEXT_MAX ((size_t) OSP_NOTIFICATION_MAX * 3)

static void
mongo_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->alc;
	osp__mongo_drop(conn);
	mongoc_uri_destroy(conn->uri);
	osp__json_reader_term(&conn->reader);
	osp__traces_term(&conn->traces);
	osp_buf_term(&conn->text);
	osp_buf_term(&conn->scratch);
	osp_free(alc, conn->space);
	osp_free(alc, conn);
}

static osp_status
mongo_open(const osp_driver_options *options, osp_driver_conn **out,
		   osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp__mongo_no_memory(err);
	conn->alc = known.alc;
	conn->filter_error_trace = known.filter_error_trace;
	conn->memory_max =
		known.memory_max != 0 ? known.memory_max : OSP_DRIVER_MEMORY_MAX;
	osp__wait_init(&conn->wait, &known);
	osp_buf_init(&conn->text, known.alc, TEXT_MAX);
	osp_buf_init(&conn->scratch, known.alc, TEXT_MAX);
	osp__traces_init(&conn->traces, known.alc);
	conn->space = osp_alloc(conn->alc, OSP__JSON_SPACE);
	osp__json_reader_init(
		&conn->reader, conn->alc, conn->space, OSP__JSON_SPACE);
	if (conn->space == NULL)
		status = osp__mongo_no_memory(err);
	else
		status = osp__mongo_read_uri(conn, known.connection_string, err);
	if (status != OSP_OK)
	{
		mongo_close(conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

static const char *const mongodb_schemes[] = {"mongodb", "mongodb+srv", NULL};

extern OSP_API const osp_driver osp_driver_mongodb;
const osp_driver osp_driver_mongodb = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_CAN_REMOVE |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_DROPS_COPIES |
			 OSP_DRIVER_FILTERS,
	.name = "mongodb",
	.schemes = mongodb_schemes,
	.open = mongo_open,
	.notify = osp__mongo_notify,
	.get_points = osp__mongo_get_points,
	.list_traces = osp__mongo_list_traces,
	.remove_traces = osp__mongo_remove_traces,
	.close = mongo_close,
};
