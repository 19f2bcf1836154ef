/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.c
 *	  The redis driver, which stores notifications in Redis with the keys and
 *	  bytes of upstream. Its connection strings are
 *	  redis://[[user]:password@]host[:port][/db], rediss:// with TLS, and
 *	  redissentinel://host[:port]/service.
 *
 *	  redis_uri.c       the connection string
 *	  redis_node.c      a connection to one server: connecting, sending
 *	  redis_reply.c     the protocol's replies
 *	  redis_pipeline.c  commands to all servers, and their replies in order
 *	  redis_cluster.c   which node of a cluster holds which key
 *	  redis_sentinel.c  which server is the master
 *	  redis_write.c     storing batches
 *	  redis_points.c    reading a trace
 *	  redis_list.c      listing traces
 *	  redis_legacy.c    keys of upstream's early releases
 *	  redis_remove.c    removing traces
 */
#include "redis.h"

static osp_status
redis_open(const osp_driver_options *options, osp_driver_conn **out,
		   osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	status = osp__redis_init(&conn->redis, &known, err);
	if (status != OSP_OK)
	{
		osp_free(known.alc, conn);
		return status;
	}
	osp_buf_init(&conn->text, known.alc, OSP_NOTIFICATION_MAX);
	osp__traces_init(&conn->first, known.alc);
	osp__traces_init(&conn->traces, known.alc);
	osp__traces_init(&conn->keys, known.alc);
	conn->filter_error_trace = known.filter_error_trace;
	*out = conn;
	return OSP_OK;
}

static void
redis_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->redis.shared.alc;
	osp__redis_term(&conn->redis);
	osp__traces_term(&conn->traces);
	osp__traces_term(&conn->keys);
	osp_buf_term(&conn->text);
	osp__traces_term(&conn->first);
	osp_free(alc, conn->places);
	osp_free(alc, conn);
}

static const char *const redis_schemes[] = {
	"redis", "rediss", "redissentinel", NULL};

extern OSP_API const osp_driver osp_driver_redis;
const osp_driver osp_driver_redis = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_CAN_REMOVE |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_FILTERS,
	.name = "redis",
	.schemes = redis_schemes,
	.open = redis_open,
	.notify = osp__redis_notify,
	.get_points = osp__redis_get_points,
	.list_traces = osp__redis_list_traces,
	.remove_traces = osp__redis_remove_traces,
	.close = redis_close,
};

/* osp_driver_find() finds the driver of the other schemes by these names. */
extern OSP_API const osp_driver osp_driver_rediss
	__attribute__((alias("osp_driver_redis")));
extern OSP_API const osp_driver osp_driver_redissentinel
	__attribute__((alias("osp_driver_redis")));
