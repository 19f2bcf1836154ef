/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_topic.c
 *	  The exchange and the queue of the notifications.
 *
 * They are made with the properties that oslo.messaging uses. A writer makes
 * them, too, so that nothing is lost before there is a reader. A user without
 * the right to make them can nevertheless write if they exist: every message is
 * published as mandatory, so the broker reports if there is no queue for it.
 */
#include "messaging.h"

#define CONSUMER "osprofiler"

/* How many bytes of a name are shown in a message. */
#define NAME_SHOWN 40

/*
 * Reports that the broker has closed the channel because of our request, which
 * ends the call.
 */
static osp_status
refused(osp_driver_conn *conn, osp_error *err)
{
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%.60s says: %.180s",
						 conn->broker.where,
						 conn->broker.closed_text);
	osp__broker_drop(&conn->broker);
	return OSP_EUNAVAIL;
}

/*
 * Reports that the exchange or queue exists with other properties. The broker's
 * message about durable is long and confusing, so our own is used instead.
 */
static osp_status
differs(osp_driver_conn *conn, const char *kind, osp_str name, osp_error *err)
{
	const osp_broker *broker = &conn->broker;
	const char *why = strstr(broker->closed_text, " - ");
	const int shown = (int) (name.len < NAME_SHOWN ? name.len : NAME_SHOWN);

	if (strstr(broker->closed_text, "inequivalent arg 'durable'") == NULL)
		(void) osp_error_set(err,
							 OSP_EUNAVAIL,
							 "%.60s: %.150s (declare=0 takes it as it is)",
							 broker->where,
							 why != NULL ? why + 3 : broker->closed_text);
	else if (!conn->durable)
		(void) osp_error_set(err,
							 OSP_EUNAVAIL,
							 "%.60s: the %s '%.*s' exists and is durable: give "
							 "durable=1",
							 broker->where,
							 kind,
							 shown,
							 name.ptr);
	else
		(void) osp_error_set(err,
							 OSP_EUNAVAIL,
							 "%.60s: the %s '%.*s' exists and is not durable: "
							 "delete exchange and queue (rabbitmqctl "
							 "delete_queue; docs/drivers.md says how), or give "
							 "durable=0",
							 broker->where,
							 kind,
							 shown,
							 name.ptr);
	osp__broker_drop(&conn->broker);
	return OSP_EUNAVAIL;
}

/*
 * Asks the broker to make an exchange or queue. If we may not make it, it may
 * exist already.
 */
static osp_status
make(osp_driver_conn *conn, amqp_method_number_t method, void *arguments,
	 amqp_method_number_t answer, osp_error *err)
{
	osp_broker *broker = &conn->broker;
	amqp_frame_t frame;
	osp_status status =
		osp__broker_ask(broker, method, arguments, answer, &frame, err);

	if (status != OSP_EREFUSED)
		return status;
	if (broker->closed_code == AMQP_PRECONDITION_FAILED)
		return method == AMQP_QUEUE_DECLARE_METHOD
				   ? differs(conn, "queue", conn->queue, err)
				   : differs(conn, "exchange", conn->exchange, err);
	if (broker->closed_code != AMQP_ACCESS_REFUSED)
		return refused(conn, err);
	return osp__broker_open_channel(broker, err);
}

static osp_status
make_topic(osp_driver_conn *conn, osp_error *err)
{
	const amqp_bytes_t names[] = {osp__broker_bytes(conn->exchange),
								  osp__broker_bytes(conn->queue)};
	amqp_exchange_declare_t topic = {.exchange = names[0],
									 .type = amqp_cstring_bytes("topic"),
									 .durable = conn->durable};
	amqp_queue_declare_t own_queue = {.queue = names[1],
									  .durable = conn->durable};
	amqp_queue_bind_t binding = {
		.queue = names[1], .exchange = names[0], .routing_key = names[1]};
	osp_status status = make(conn,
							 AMQP_EXCHANGE_DECLARE_METHOD,
							 &topic,
							 AMQP_EXCHANGE_DECLARE_OK_METHOD,
							 err);

	if (status == OSP_OK)
		status = make(conn,
					  AMQP_QUEUE_DECLARE_METHOD,
					  &own_queue,
					  AMQP_QUEUE_DECLARE_OK_METHOD,
					  err);
	return status == OSP_OK ? make(conn,
								   AMQP_QUEUE_BIND_METHOD,
								   &binding,
								   AMQP_QUEUE_BIND_OK_METHOD,
								   err)
							: status;
}

osp_status
osp__messaging_prepare(osp_driver_conn *conn, osp_error *err)
{
	osp_broker *broker = &conn->broker;
	amqp_confirm_select_t select = {0};
	amqp_frame_t frame;
	osp_status status;

	if (broker->channel_open && conn->ready)
		return OSP_OK;
	conn->ready = false;
	status = osp__broker_close_channel(broker, err);
	if (status == OSP_OK)
		status = osp__broker_open_channel(broker, err);
	if (status == OSP_OK && conn->declare && conn->temporary)
		status = osp__messaging_find_absent(conn, err);
	if (status == OSP_OK && conn->declare)
		status = make_topic(conn, err);
	if (status != OSP_OK)
		return status;
	status = osp__broker_ask(broker,
							 AMQP_CONFIRM_SELECT_METHOD,
							 &select,
							 AMQP_CONFIRM_SELECT_OK_METHOD,
							 &frame,
							 err);
	if (status == OSP_EREFUSED)
		return refused(conn, err);
	conn->ready = status == OSP_OK;
	conn->tag = 0;
	return status;
}

static amqp_queue_declare_t
existing_queue(const osp_driver_conn *conn)
{
	const amqp_queue_declare_t there = {.queue = osp__broker_bytes(conn->queue),
										.passive = 1};

	return there;
}

void
osp__messaging_read_state(const amqp_frame_t *answer, osp_messaging_state *out)
{
	const amqp_queue_declare_ok_t *found = answer->payload.method.decoded;

	out->ready = found->message_count;
	out->consumers = found->consumer_count;
}

osp_status
osp__messaging_ask_state(osp_driver_conn *conn, osp_error *err)
{
	amqp_queue_declare_t there = existing_queue(conn);

	return osp__broker_send(
		&conn->broker, BROKER_CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &there, err);
}

osp_status
osp__messaging_cancel(osp_driver_conn *conn, osp_error *err)
{
	amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(CONSUMER),
								  .nowait = 1};

	return osp__broker_send(
		&conn->broker, BROKER_CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel, err);
}

osp_status
osp__messaging_consume_one(osp_driver_conn *conn, osp_error *err)
{
	amqp_basic_qos_t one = {.prefetch_count = 1};
	amqp_basic_consume_t consume = {.queue = osp__broker_bytes(conn->queue),
									.consumer_tag =
										amqp_cstring_bytes(CONSUMER),
									.nowait = 1};
	osp_status status = osp__broker_send(
		&conn->broker, BROKER_CHANNEL, AMQP_BASIC_QOS_METHOD, &one, err);

	return status == OSP_OK ? osp__broker_send(&conn->broker,
											   BROKER_CHANNEL,
											   AMQP_BASIC_CONSUME_METHOD,
											   &consume,
											   err)
							: status;
}

osp_status
osp__messaging_consume(osp_driver_conn *conn, osp_messaging_state *before,
					   osp_error *err)
{
	osp_broker *broker = &conn->broker;
	amqp_queue_declare_t there = existing_queue(conn);
	amqp_basic_consume_t consume = {
		.queue = there.queue, .consumer_tag = amqp_cstring_bytes(CONSUMER)};
	amqp_frame_t frame;
	osp_status status = osp__broker_close_channel(broker, err);

	conn->ready = false;
	if (status == OSP_OK)
		status = osp__broker_open_channel(broker, err);
	if (status == OSP_OK)
		status = osp__broker_ask(broker,
								 AMQP_QUEUE_DECLARE_METHOD,
								 &there,
								 AMQP_QUEUE_DECLARE_OK_METHOD,
								 &frame,
								 err);
	if (status == OSP_EREFUSED && broker->closed_code == AMQP_NOT_FOUND)
		return OSP_ENOENT;
	if (status == OSP_OK)
	{
		osp__messaging_read_state(&frame, before);
		status = osp__broker_ask(broker,
								 AMQP_BASIC_CONSUME_METHOD,
								 &consume,
								 AMQP_BASIC_CONSUME_OK_METHOD,
								 &frame,
								 err);
	}
	return status == OSP_EREFUSED ? refused(conn, err) : status;
}
