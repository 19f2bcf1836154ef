/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_read.c
 *	  Reading the queue, which leaves everything in it.
 *
 * All messages are taken by a consumer that acknowledges none of them. When its
 * channel is closed the broker puts them back, each in its old place. Upstream's
 * reader acknowledges, and so removes, whatever it gets.
 *
 * How many messages there are is asked first, so that nobody has to wait for one
 * that does not come, unless another consumer has taken some meanwhile.
 */
#include "messaging.h"

#include "trace_match.h"

/* Without idle_timeout: how long to wait for messages that another consumer may
 * have taken. */
#define TAKEN_MS 1000

/* ---- messages ---- */

/* Reads the body of the message that has been announced into conn->body. */
static osp_status
read_body(osp_driver_conn *conn, osp_error *err)
{
	osp_broker *broker = &conn->broker;
	osp_buf *body = &conn->body;
	amqp_frame_t frame;
	osp_status status = osp__broker_next(broker, &frame, 0, err);
	uint64_t size;

	if (status != OSP_OK)
		return status;
	if (frame.frame_type != AMQP_FRAME_HEADER)
		return osp__broker_malformed(broker, err);
	size = frame.payload.properties.body_size;
	if (size > body->max)
		return osp__broker_broken(
			broker, OSP_EFULL, err, "more than fits the memory was sent by");
	osp_buf_reset(body);
	while (body->len < size)
	{
		osp_str part;

		status = osp__broker_next(broker, &frame, 0, err);
		if (status != OSP_OK)
			return status;
		if (frame.frame_type != AMQP_FRAME_BODY)
			return osp__broker_malformed(broker, err);
		part = osp__broker_text(frame.payload.body_fragment);
		if (part.len == 0 || part.len > size - body->len)
			return osp__broker_malformed(broker, err);
		osp_buf_add_str(body, part);
		if (osp_buf_status(body) != OSP_OK)
			return osp__broker_broken(
				broker, osp_buf_status(body), err, "out of memory for");
	}
	return OSP_OK;
}

/* The next message. OSP_ENOENT: there is none within idle_ms. */
static osp_status
next_message(osp_driver_conn *conn, unsigned idle_ms, uint64_t *tag,
			 osp_error *err)
{
	osp_broker *broker = &conn->broker;
	const amqp_basic_deliver_t *deliver;
	amqp_frame_t frame;
	osp_status status = osp__broker_next(broker, &frame, idle_ms, err);

	if (status != OSP_OK)
		return status;
	if (osp__broker_method(&frame) == AMQP_BASIC_CANCEL_METHOD)
		return osp__broker_broken(
			broker, OSP_EUNAVAIL, err, "the queue was deleted meanwhile at");
	if (osp__broker_method(&frame) != AMQP_BASIC_DELIVER_METHOD)
		return osp__broker_malformed(broker, err);
	deliver = frame.payload.method.decoded;
	*tag = deliver->delivery_tag;
	return read_body(conn, err);
}

/* The reading ends for a reason of our own; its messages go back. */
static osp_status
end_reading(osp_driver_conn *conn, osp_status status, osp_error *err)
{
	osp_status closed = OSP_EINTR;

	if (status != OSP_EINTR && conn->broker.link != NULL)
		closed = osp__broker_close_channel(&conn->broker,
										   status == OSP_OK ? err : NULL);
	if (closed != OSP_OK)
		osp__broker_drop(&conn->broker);
	return status == OSP_OK ? closed : status;
}

osp_status
osp__messaging_each(osp_driver_conn *conn, osp_messaging_fn fn, void *ctx,
					osp_error *err)
{
	uint64_t seen = 0;
	uint64_t count;
	osp_status status = osp__messaging_consume(conn, &count, err);

	if (status == OSP_ENOENT)
		return OSP_OK;
	while (status == OSP_OK && (seen < count || conn->idle_ms != 0))
	{
		uint64_t tag = 0;

		status = next_message(
			conn, conn->idle_ms != 0 ? conn->idle_ms : TAKEN_MS, &tag, err);
		if (status == OSP_ENOENT)
			return end_reading(conn, OSP_OK, err);
		if (status == OSP_EREFUSED)
			return osp__broker_broken(
				&conn->broker, OSP_EUNAVAIL, err, "lost the channel to");
		if (status != OSP_OK)
			return status;
		seen++;
		status = fn(ctx, conn, tag, osp_buf_str(&conn->body));
	}
	return end_reading(conn, status, err);
}

/* ---- a trace ---- */

typedef struct point_sieve
{
	osp_trace_match match;
	osp_point_fn fn;
	void *ctx;
} point_sieve;

/* An osp_messaging_fn. What is no notification is passed over. */
static osp_status
give_point(void *ctx, osp_driver_conn *conn, uint64_t tag, osp_str body)
{
	point_sieve *sieve = ctx;
	osp_status status;
	osp_str json;

	(void) tag;
	if (!osp__trace_may_match(&sieve->match, body))
		return OSP_OK;
	status = osp__messaging_payload(conn, body, &json);
	if (status == OSP_OK)
		status = osp__trace_matches(&sieve->match, json, &conn->scratch);
	if (status == OSP_OK)
		return sieve->fn(sieve->ctx, json);
	return status == OSP_ENOMEM ? status : OSP_OK;
}

osp_status
osp__messaging_get_points(osp_driver_conn *conn, osp_str base_id,
						  osp_point_fn fn, void *ctx, osp_error *err)
{
	point_sieve sieve = {.fn = fn, .ctx = ctx};
	osp_status status = osp__broker_begin_call(&conn->broker, err);

	osp__trace_match_init(&sieve.match, base_id);
	if (status == OSP_OK)
		status = osp__messaging_each(conn, give_point, &sieve, err);
	if (status == OSP_ENOMEM)
		(void) osp_error_set(err, status, "messaging: out of memory");
	return status;
}

/* ---- all traces ---- */

/* An osp_messaging_fn. */
static osp_status
note_point(void *ctx, osp_driver_conn *conn, uint64_t tag, osp_str body)
{
	osp_notification point;
	osp_status status;
	osp_str json;

	(void) ctx;
	(void) tag;
	status = osp__messaging_payload(conn, body, &json);
	if (status == OSP_OK)
		status = osp_notification_read(json, &conn->scratch, &point, NULL);
	if (status == OSP_OK)
		status = osp__traces_note(&conn->traces, &point);
	return status == OSP_EPROTO ? OSP_OK : status;
}

osp_status
osp__messaging_find_traces(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	osp__traces_reset(&conn->traces);
	status = osp__messaging_each(conn, note_point, NULL, err);
	if (status != OSP_OK && err != NULL && err->code != status)
		(void) osp_error_set(
			err, status, "messaging: %s", osp_status_text(status));
	return status;
}

osp_status
osp__messaging_list_traces(osp_driver_conn *conn,
						   const osp_trace_filter *filter, osp_trace_fn fn,
						   void *ctx, osp_str *next, osp_error *err)
{
	osp_status status = osp__broker_begin_call(&conn->broker, err);

	if (next != NULL)
		*next = OSP_STR("");
	if (status == OSP_OK)
		status = osp__messaging_find_traces(conn, err);
	if (status == OSP_OK)
		status =
			osp__traces_each(&conn->traces, filter, fn, ctx, &conn->text, err);
	if (status == OSP_OK && next != NULL)
		*next = osp_buf_str(&conn->text);
	return status;
}
