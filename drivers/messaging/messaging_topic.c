/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_topic.c
 *	  The exchange and the queue of the notifications.
 *
 * They are made as oslo.messaging makes them, also by a writer, so that nothing
 * is lost before somebody reads. A user who may not make anything can write all
 * the same where they are there: every message is published as mandatory, so the
 * broker says when there is no queue for it.
 */
#include "messaging.h"

/* Bits of exchange.declare and queue.declare. */
#define PASSIVE 1U
#define DURABLE 2U

#define CONSUMER OSP_STR("osprofiler")

static void
add_no_arguments(osp_buf *out)
{
	osp__amqp_end_table(out, osp__amqp_begin_table(out));
}

static void
add_exchange_declare(osp_driver_conn *conn)
{
	osp_buf *out = &conn->amqp.out;
	size_t begin =
		osp__amqp_begin_method(out, AMQP_CHANNEL, AMQP_EXCHANGE_DECLARE);

	osp__amqp_add_u16(out, 0);
	osp__amqp_add_short(out, conn->exchange);
	osp__amqp_add_short(out, OSP_STR("topic"));
	osp__amqp_add_u8(out, conn->durable ? DURABLE : 0);
	add_no_arguments(out);
	osp__amqp_end_frame(out, begin);
}

static void
add_queue_declare(osp_driver_conn *conn, unsigned bits)
{
	osp_buf *out = &conn->amqp.out;
	size_t begin =
		osp__amqp_begin_method(out, AMQP_CHANNEL, AMQP_QUEUE_DECLARE);

	osp__amqp_add_u16(out, 0);
	osp__amqp_add_short(out, conn->queue);
	osp__amqp_add_u8(out, bits);
	add_no_arguments(out);
	osp__amqp_end_frame(out, begin);
}

static void
add_queue_bind(osp_driver_conn *conn)
{
	osp_buf *out = &conn->amqp.out;
	size_t begin = osp__amqp_begin_method(out, AMQP_CHANNEL, AMQP_QUEUE_BIND);

	osp__amqp_add_u16(out, 0);
	osp__amqp_add_short(out, conn->queue);
	osp__amqp_add_short(out, conn->exchange);
	osp__amqp_add_short(out, conn->queue); /* routing key */
	osp__amqp_add_u8(out, 0);
	add_no_arguments(out);
	osp__amqp_end_frame(out, begin);
}

/* The broker has closed the channel for what we asked: that ends the call. */
static osp_status
refused(osp_driver_conn *conn, osp_error *err)
{
	const osp_amqp *amqp = &conn->amqp;

	if (amqp->closed_code == AMQP_PRECONDITION_FAILED)
		(void) osp_error_set(
			err,
			OSP_EUNAVAIL,
			"%.60s says: %.120s (durable=%d says which are durable, "
			"declare=0 takes them as they are)",
			amqp->where,
			amqp->closed_text,
			!conn->durable);
	else
		(void) osp_error_set(err,
							 OSP_EUNAVAIL,
							 "%.60s says: %.180s",
							 amqp->where,
							 amqp->closed_text);
	osp__amqp_drop(&conn->amqp);
	return OSP_EUNAVAIL;
}

/* Waits for the answer to what was asked; what we may not make may be there. */
static osp_status
expect_made(osp_driver_conn *conn, uint32_t answer, osp_error *err)
{
	osp_amqp_frame frame;
	osp_status status = osp__amqp_expect(&conn->amqp, answer, &frame, err);

	if (status != OSP_EREFUSED)
		return status;
	if (conn->amqp.closed_code != AMQP_ACCESS_REFUSED)
		return refused(conn, err);
	return osp__amqp_open_channel(&conn->amqp, err);
}

static osp_status
make_topic(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	add_exchange_declare(conn);
	status = expect_made(conn, AMQP_EXCHANGE_DECLARE_OK, err);
	if (status != OSP_OK)
		return status;
	add_queue_declare(conn, conn->durable ? DURABLE : 0);
	status = expect_made(conn, AMQP_QUEUE_DECLARE_OK, err);
	if (status != OSP_OK)
		return status;
	add_queue_bind(conn);
	return expect_made(conn, AMQP_QUEUE_BIND_OK, err);
}

osp_status
osp__messaging_prepare(osp_driver_conn *conn, osp_error *err)
{
	osp_amqp *amqp = &conn->amqp;
	osp_amqp_frame frame;
	osp_status status;
	size_t begin;

	if (amqp->channel_open && conn->ready)
		return OSP_OK;
	conn->ready = false;
	status = osp__amqp_close_channel(amqp, err);
	if (status == OSP_OK)
		status = osp__amqp_open_channel(amqp, err);
	if (status == OSP_OK && conn->declare)
		status = make_topic(conn, err);
	if (status != OSP_OK)
		return status;
	begin =
		osp__amqp_begin_method(&amqp->out, AMQP_CHANNEL, AMQP_CONFIRM_SELECT);
	osp__amqp_add_u8(&amqp->out, 0);
	osp__amqp_end_frame(&amqp->out, begin);
	status = osp__amqp_expect(amqp, AMQP_CONFIRM_SELECT_OK, &frame, err);
	if (status == OSP_EREFUSED)
		return refused(conn, err);
	conn->ready = status == OSP_OK;
	conn->tag = 0;
	return status;
}

osp_status
osp__messaging_consume(osp_driver_conn *conn, uint64_t *count, osp_error *err)
{
	osp_amqp *amqp = &conn->amqp;
	osp_buf *out = &amqp->out;
	osp_amqp_frame frame;
	osp_status status = osp__amqp_close_channel(amqp, err);
	size_t begin;

	conn->ready = false;
	if (status == OSP_OK)
		status = osp__amqp_open_channel(amqp, err);
	if (status != OSP_OK)
		return status;
	add_queue_declare(conn, PASSIVE);
	status = osp__amqp_expect(amqp, AMQP_QUEUE_DECLARE_OK, &frame, err);
	if (status == OSP_EREFUSED && amqp->closed_code == AMQP_NOT_FOUND)
		return OSP_ENOENT;
	if (status != OSP_OK)
		return status == OSP_EREFUSED ? refused(conn, err) : status;
	(void) osp__amqp_short(&frame.fields);
	*count = osp__amqp_u32(&frame.fields);
	if (frame.fields.bad)
		return osp__amqp_malformed(amqp, err);

	begin = osp__amqp_begin_method(out, AMQP_CHANNEL, AMQP_BASIC_CONSUME);
	osp__amqp_add_u16(out, 0);
	osp__amqp_add_short(out, conn->queue);
	osp__amqp_add_short(out, CONSUMER);
	osp__amqp_add_u8(out, 0); /* each message is to be acknowledged */
	add_no_arguments(out);
	osp__amqp_end_frame(out, begin);
	status = osp__amqp_expect(amqp, AMQP_BASIC_CONSUME_OK, &frame, err);
	return status == OSP_EREFUSED ? refused(conn, err) : status;
}
