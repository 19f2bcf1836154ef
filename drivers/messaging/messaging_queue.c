/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_queue.c
 *	  Reads the queue, and leaves everything in it.
 *
 * All messages go to a consumer that acknowledges none of them. When its
 * channel is closed the broker puts them back, each in its old place.
 * Upstream's reader acknowledges, and so removes, all messages that it gets.
 *
 * The number of messages is asked for first, so that the reader does not wait
 * for one that does not exist. If the broker falls silent before all have
 * arrived, it is asked again: it may be busy, or another consumer may have
 * taken some. The answer may arrive before messages that the queue has sent
 * earlier, but a second answer cannot. So all messages have arrived when two
 * answers in a row, with no message before or between them, say that none is
 * left.
 *
 * A consumer that was there before, such as another reader, may have messages
 * that it will return. Their number cannot be asked for. A reader that gets no
 * message waits longer than one that has some, so that of two readers one gets
 * all. If the other consumer is still there in the end, conn->beside_others is
 * set.
 */
#include "messaging.h"

#include "record/clock.h"

#define NS_PER_MS INT64_C(1000000)

/* After a silence of this length the broker is asked for the number of messages. */
#define SILENCE_MS 200

/*
 * How long to wait for messages that other consumers may return, and how much
 * longer if they have all messages.
 */
#define TAKEN_MS     1000
#define TAKEN_ALL_MS 500

/*
 * A broker that answers, but does not send messages although there is no other
 * consumer, is busy. It may be silent for this many timeouts.
 */
#define BUSY 10

/* How many messages even a busy broker puts back in a millisecond. */
#define PUT_BACK_PER_MS 5

typedef struct reading
{
	uint64_t seen;     /* messages so far */
	uint64_t expected; /* messages, at least */
	bool exact;        /* expected is exact: nobody else has one */
	unsigned nothing;  /* successive answers that none is left */
	bool asked;        /* an answer is awaited */
	int64_t last_ns;   /* time of the last message, osp_mono_now */

	osp_messaging_end_fn end; /* NULL: none */
	void *ctx;
} reading;

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

static osp_status
read_message(osp_driver_conn *conn, reading *r, const amqp_frame_t *frame,
			 uint64_t *tag, osp_error *err)
{
	const amqp_basic_deliver_t *deliver = frame->payload.method.decoded;

	*tag = deliver->delivery_tag;
	r->seen++;
	r->nothing = 0;
	r->last_ns = osp_mono_now();
	return read_body(conn, err);
}

/* ---- silence ---- */

static bool
is_silent_for(const reading *r, unsigned ms)
{
	return osp_mono_now() - r->last_ns >= (int64_t) ms * NS_PER_MS;
}

static osp_status
ask(osp_driver_conn *conn, reading *r, osp_error *err)
{
	r->asked = true;
	return osp__messaging_ask_state(conn, err);
}

/* Handles the broker's answer about the number of messages. */
static osp_status
read_answer(osp_driver_conn *conn, reading *r, const amqp_frame_t *frame,
			osp_error *err)
{
	unsigned limit_ms = conn->broker.wait.timeout_ms;
	unsigned taken_ms = TAKEN_MS + (r->seen == 0 ? TAKEN_ALL_MS : 0);
	osp_messaging_state state;
	bool alone;

	osp__messaging_read_state(frame, &state);
	alone = state.consumers <= 1;
	conn->beside_others = !alone;
	r->asked = false;
	r->nothing = state.ready == 0 ? r->nothing + 1 : 0;
	if (state.ready > 0 && is_silent_for(r, alone ? BUSY * limit_ms : limit_ms))
		return osp__broker_broken(
			&conn->broker,
			OSP_EUNAVAIL,
			err,
			alone ? "no message of the queue comes from"
				  : "another consumer gets the messages of");
	if (r->nothing == 1)
		return ask(conn, r, err);
	if (r->nothing > 1 && (alone || is_silent_for(r, taken_ms)))
	{
		r->expected = r->seen;
		r->exact = true;
	}
	return OSP_OK;
}

/* ---- all messages ---- */

static bool
is_complete(const reading *r)
{
	return r->exact && r->seen >= r->expected;
}

/*
 * Reads the next frame, which is a message if *tag is not 0. OSP_ENOENT: no
 * more messages are expected, and none arrived within conn->idle_ms.
 */
static osp_status
read_next(osp_driver_conn *conn, reading *r, uint64_t *tag, osp_error *err)
{
	osp_broker *broker = &conn->broker;
	unsigned idle_ms = is_complete(r) ? conn->idle_ms : SILENCE_MS;
	amqp_frame_t frame;
	osp_status status =
		osp__broker_next(broker, &frame, r->asked ? 0 : idle_ms, err);

	*tag = 0;
	if (status == OSP_ENOENT)
		return is_complete(r) ? status : ask(conn, r, err);
	if (status == OSP_EREFUSED)
		return osp__broker_broken(
			broker, OSP_EUNAVAIL, err, "lost the channel to");
	if (status != OSP_OK)
		return status;
	switch (osp__broker_method(&frame))
	{
		case AMQP_BASIC_DELIVER_METHOD:
			return read_message(conn, r, &frame, tag, err);
		case AMQP_QUEUE_DECLARE_OK_METHOD:
			return read_answer(conn, r, &frame, err);
		case AMQP_BASIC_CANCEL_METHOD:
			return osp__broker_broken(broker,
									  OSP_EUNAVAIL,
									  err,
									  "the queue was deleted meanwhile at");
		default:
			return osp__broker_malformed(broker, err);
	}
}

/*
 * Ends a reading. If all was read, r->end is called. Then the messages go back
 * to the queue. The broker is silent while it puts them back, so the wait is
 * longer: otherwise the next reader would find only some of them.
 */
static osp_status
end_reading(osp_driver_conn *conn, const reading *r, osp_status status,
			osp_error *err)
{
	osp_wait *wait = &conn->broker.wait;
	const unsigned timeout_ms = wait->timeout_ms;
	osp_status closed = OSP_EINTR;

	wait->timeout_ms += (unsigned) (r->seen / PUT_BACK_PER_MS);
	if (status == OSP_OK && r->end != NULL)
		status = r->end(r->ctx, conn, err);
	if (status != OSP_EINTR && conn->broker.link != NULL)
		closed = osp__broker_close_channel(&conn->broker,
										   status == OSP_OK ? err : NULL);
	if (closed != OSP_OK)
		osp__broker_drop(&conn->broker);
	wait->timeout_ms = timeout_ms;
	return status == OSP_OK ? closed : status;
}

osp_status
osp__messaging_each(osp_driver_conn *conn, osp_messaging_fn fn,
					osp_messaging_end_fn end, void *ctx, osp_error *err)
{
	reading r = {.last_ns = osp_mono_now(), .end = end, .ctx = ctx};
	osp_messaging_state before = {0, 0};
	osp_status status;

	conn->beside_others = false;
	status = osp__messaging_consume(conn, &before, err);
	if (status == OSP_ENOENT)
		return OSP_OK;
	conn->beside_others = before.consumers > 0;
	r.expected = before.ready;
	r.exact = before.consumers == 0;
	while (status == OSP_OK && (conn->idle_ms != 0 || !is_complete(&r)))
	{
		uint64_t tag;

		status = read_next(conn, &r, &tag, err);
		if (status == OSP_ENOENT)
			return end_reading(conn, &r, OSP_OK, err);
		if (status != OSP_OK)
			return status;
		if (tag != 0)
			status = fn(ctx, conn, tag, osp_buf_str(&conn->body));
	}
	return end_reading(conn, &r, status, err);
}

osp_status
osp__messaging_missing(osp_driver_conn *conn, osp_error *err)
{
	if (!conn->beside_others)
		return OSP_OK;
	return osp_error_set(
		err,
		OSP_EBUSY,
		"%s: another consumer of the queue %.100s is at work, "
		"and what it has taken cannot be read: end it, or give "
		"it a queue of its own",
		conn->broker.where,
		conn->queue_text);
}
