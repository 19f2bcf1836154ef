/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_write.c
 *	  Publishes batches.
 *
 * A window of messages is sent, then their confirmations are read: the broker
 * numbers the messages as we do, and confirms one message, or all up to one. A
 * message that it cannot route to a queue is returned before that. The longest
 * message that it accepts is not known before it refuses one by closing the
 * channel; then the longest of the batch is left out, until the rest is
 * accepted.
 */
#include "messaging.h"

#include <stdio.h>
#include <time.h>

/* The size of a window in bytes, unless a single message is longer. */
#define WINDOW_BYTES ((size_t) 1024 * 1024)

/*
 * The properties of a message: content_type, content_encoding, headers,
 * delivery_mode and priority.
 */
#define PROPERTIES                                                     \
	(AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | \
	 AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |         \
	 AMQP_BASIC_PRIORITY_FLAG)

static int64_t
wall_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- sending ---- */

static osp_status
send_header(osp_driver_conn *conn, osp_error *err)
{
	amqp_basic_properties_t properties = {
		._flags = PROPERTIES,
		.content_type = amqp_cstring_bytes("application/json"),
		.content_encoding = amqp_cstring_bytes("utf-8"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT};
	amqp_frame_t frame;

	memset(&frame, 0, sizeof(frame));
	frame.frame_type = AMQP_FRAME_HEADER;
	frame.channel = BROKER_CHANNEL;
	frame.payload.properties.class_id = AMQP_BASIC_CLASS;
	frame.payload.properties.body_size = conn->text.len;
	frame.payload.properties.decoded = &properties;
	return osp__broker_send_frame(&conn->broker, &frame, err);
}

/* Sends conn->text in frames that are not longer than the broker accepts. */
static osp_status
send_body(osp_driver_conn *conn, osp_error *err)
{
	const size_t max = conn->broker.frame_max - BROKER_FRAME_EXTRA;
	osp_str rest = osp_buf_str(&conn->text);
	osp_status status = OSP_OK;
	amqp_frame_t frame;

	memset(&frame, 0, sizeof(frame));
	frame.frame_type = AMQP_FRAME_BODY;
	frame.channel = BROKER_CHANNEL;
	while (rest.len > 0 && status == OSP_OK)
	{
		size_t len = rest.len < max ? rest.len : max;

		frame.payload.body_fragment =
			osp__broker_bytes(osp_str_n(rest.ptr, len));
		rest = osp_str_n(rest.ptr + len, rest.len - len);
		status = osp__broker_send_frame(&conn->broker, &frame, err);
	}
	return status;
}

/* Publishes conn->text. */
static osp_status
publish(osp_driver_conn *conn, osp_error *err)
{
	amqp_basic_publish_t method = {
		.exchange = osp__broker_bytes(conn->exchange),
		.routing_key = osp__broker_bytes(conn->queue),
		.mandatory = 1};
	osp_status status = osp__broker_send(
		&conn->broker, BROKER_CHANNEL, AMQP_BASIC_PUBLISH_METHOD, &method, err);

	if (status == OSP_OK)
		status = send_header(conn, err);
	return status == OSP_OK ? send_body(conn, err) : status;
}

/* ---- confirmations ---- */

/* Messages that were published together. */
typedef struct window
{
	uint64_t before; /* the tag before that of the first message */
	size_t count;
	size_t low;     /* all messages before this one are settled */
	size_t settled; /* how many are settled in all */
	size_t longest; /* the longest body */
	size_t refused; /* left out because of their length */
} window;

static void
settle(osp_driver_conn *conn, window *w, size_t place)
{
	if (conn->settled[place])
		return;
	conn->settled[place] = true;
	w->settled++;
	while (w->low < w->count && conn->settled[w->low])
		w->low++;
}

/*
 * Handles a confirmation of one message, or of all up to one. False: these are
 * not ours.
 */
static bool
confirm(osp_driver_conn *conn, window *w, const amqp_basic_ack_t *ack)
{
	uint64_t tag = ack->delivery_tag;
	size_t place;

	if (ack->multiple && tag == 0)
		tag = w->before + w->count;
	if (tag <= w->before || tag > w->before + w->count)
		return false;
	place = (size_t) (tag - w->before - 1);
	while (ack->multiple && w->low < place)
		settle(conn, w, w->low);
	settle(conn, w, place);
	return true;
}

/* Reports that the broker does not store a message. */
static osp_status
not_stored(osp_driver_conn *conn, const char *why, const char *advice,
		   osp_error *err)
{
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%.60s %s %.40s by the key %.40s (%s)",
						 conn->broker.where,
						 why,
						 conn->exchange.ptr,
						 conn->queue.ptr,
						 advice);
	osp__broker_drop(&conn->broker);
	return OSP_EUNAVAIL;
}

static osp_status
wait_confirmed(osp_driver_conn *conn, window *w, osp_error *err)
{
	osp_broker *broker = &conn->broker;

	while (w->settled < w->count)
	{
		amqp_frame_t frame;
		osp_status status = osp__broker_next(broker, &frame, 0, err);

		if (status != OSP_OK)
			return status;
		switch (osp__broker_method(&frame))
		{
			case AMQP_BASIC_ACK_METHOD:
				if (!confirm(conn, w, frame.payload.method.decoded))
					return osp__broker_malformed(broker, err);
				break;
			case AMQP_BASIC_NACK_METHOD:
				return not_stored(conn,
								  "does not take what is sent to exchange",
								  "give a full queue room: empty it, or raise "
								  "its max-length",
								  err);
			case AMQP_BASIC_RETURN_METHOD:
				return not_stored(conn,
								  "has no queue that is bound to exchange",
								  "bind one by this key",
								  err);
			default:
				return osp__broker_malformed(broker, err);
		}
	}
	return OSP_OK;
}

/* ---- batches ---- */

/* Publishes one window of messages, from *next on, and moves *next behind it. */
static osp_status
publish_window(osp_driver_conn *conn, const osp_notification *items,
			   size_t count, size_t *next, window *w, osp_error *err)
{
	int64_t now_ns = wall_now();
	amqp_frame_t frame;
	osp_status status = osp__broker_take_waiting(&conn->broker, &frame, err);
	size_t bytes = 0;

	memset(w, 0, sizeof(*w));
	w->before = conn->tag;

	/* A frame that arrives before anything was sent cannot be a confirmation. */
	if (status == OSP_OK)
		return osp__broker_malformed(&conn->broker, err);
	if (status != OSP_ENOENT)
		return status;
	status = OSP_OK;
	osp__broker_collect(&conn->broker, true);
	while (*next < count && w->count < MESSAGING_WINDOW &&
		   bytes < WINDOW_BYTES && status == OSP_OK)
	{
		const osp_notification *item = &items[(*next)++];
		osp_status made;
		size_t size;

		osp__messaging_body(conn, item, now_ns);
		made = osp_buf_status(&conn->text);
		if (made == OSP_ENOMEM || osp_buf_status(&conn->scratch) != OSP_OK)
			return osp__broker_broken(
				&conn->broker, OSP_ENOMEM, err, "out of memory for");
		size = conn->text.len;
		if (made == OSP_EFULL || size > conn->body_max)
		{
			w->refused++;
			continue;
		}
		conn->settled[w->count++] = false;
		w->longest = size > w->longest ? size : w->longest;
		bytes += size;
		status = publish(conn, err);
	}
	osp__broker_collect(&conn->broker, false);
	conn->tag += w->count;
	return status;
}

/*
 * Handles a channel that the broker has closed: because of a message's length,
 * or for another reason, which ends the call.
 */
static osp_status
channel_closed(osp_driver_conn *conn, const window *w, osp_error *err)
{
	osp_broker *broker = &conn->broker;

	if (broker->closed_code == AMQP_PRECONDITION_FAILED && w->count > 0 &&
		strstr(broker->closed_text, "message size") != NULL)
	{
		conn->body_max = w->longest - 1;
		return osp__messaging_prepare(conn, err);
	}
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%.60s says: %.180s",
						 broker->where,
						 broker->closed_text);
	osp__broker_drop(broker);
	return OSP_EUNAVAIL;
}

osp_status
osp__messaging_notify(osp_driver_conn *conn, const osp_notification *items,
					  size_t count, size_t *accepted, osp_error *err)
{
	size_t refused = 0;
	size_t done = 0;
	osp_status status;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = osp__broker_begin_call(&conn->broker, err);
	if (status == OSP_OK)
		status = osp__messaging_prepare(conn, err);
	while (status == OSP_OK && done < count)
	{
		size_t next = done;
		window w;

		status = publish_window(conn, items, count, &next, &w, err);
		if (status == OSP_OK)
			status = wait_confirmed(conn, &w, err);
		if (status == OSP_EREFUSED)
		{
			status = channel_closed(conn, &w, err);
			continue;
		}
		done = next;
		refused += w.refused;
	}
	if (status != OSP_OK)
		return status;
	*accepted = count - refused;
	return refused == 0
			   ? OSP_OK
			   : osp_error_set(err,
							   OSP_EREFUSED,
							   "%.60s takes no message longer than %zu bytes",
							   conn->broker.where,
							   conn->body_max);
}
