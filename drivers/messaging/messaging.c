/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging.c
 *	  The driver for messaging://user:password@host/vhost. It sends notifications
 *	  over RabbitMQ with the exchange, queue and bytes of upstream, and so also to
 *	  Ceilometer.
 *
 *	  messaging_uri.c     the connection string
 *	  messaging_topic.c   exchange and queue
 *	  messaging_body.c    notifications as messages
 *	  messaging_write.c   publishing batches
 *	  messaging_queue.c   reading the queue
 *	  messaging_read.c    reading and listing traces
 *	  messaging_remove.c  removing traces from the queue
 *	  messaging_settle.c  acknowledging the messages that are removed
 *	  messaging_temporary.c  deleting an exchange and a queue of its own
 *	  broker.c, broker_connect.c, broker_socket.c  the connection, by librabbitmq
 */
#include "messaging.h"

/* The longest message: a notification, and the JSON around it. */
#define BODY_MAX ((size_t) OSP_NOTIFICATION_MAX + 64 * 1024)

static void
messaging_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->alc;
	osp__messaging_delete_own(conn);
	osp__broker_drop(&conn->broker);
	osp__traces_term(&conn->traces);
	osp_buf_term(&conn->settling.steps);
	osp_buf_term(&conn->body);
	osp_buf_term(&conn->text);
	osp_buf_term(&conn->scratch);
	osp_free(alc, conn->storage);
	osp_free(alc, conn);
}

static osp_status
messaging_open(const osp_driver_options *options, osp_driver_conn **out,
			   osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;
	size_t memory_max;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "messaging: out of memory");
	conn->alc = known.alc;
	memory_max =
		known.memory_max != 0 ? known.memory_max : OSP_DRIVER_MEMORY_MAX;
	osp__broker_init(&conn->broker, &known);
	osp__traces_init(&conn->traces, known.alc);
	osp_buf_init(&conn->settling.steps, known.alc, memory_max);
	osp_buf_init(
		&conn->body, known.alc, memory_max < BODY_MAX ? memory_max : BODY_MAX);
	osp_buf_init(&conn->text, known.alc, BODY_MAX);
	osp_buf_init(&conn->scratch, known.alc, BODY_MAX);
	status = osp__messaging_read_uri(conn, known.connection_string, err);
	if (status != OSP_OK)
	{
		messaging_close(conn);
		return status;
	}
	conn->body_max = BODY_MAX;
	*out = conn;
	return OSP_OK;
}

static const char *const messaging_schemes[] = {
	"messaging", "messaging+amqps", NULL};

extern OSP_API const osp_driver osp_driver_messaging;
const osp_driver osp_driver_messaging = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_CAN_REMOVE |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_FILTERS,
	.name = "messaging",
	.schemes = messaging_schemes,
	.open = messaging_open,
	.notify = osp__messaging_notify,
	.get_points = osp__messaging_get_points,
	.list_traces = osp__messaging_list_traces,
	.remove_traces = osp__messaging_remove_traces,
	.close = messaging_close,
};
