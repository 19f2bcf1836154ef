/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_temporary.c
 *	  An exchange and a queue that are deleted again (temporary=1).
 *
 * A connection that only tests whether a trace can be stored and read deletes
 * both, if it made them. If they stayed, the broker would refuse a later writer
 * whose settings ask for another durability. An exchange or queue that is in
 * use, or that has messages, is not deleted.
 */
#include "messaging.h"

/* Asks the broker for something that it may refuse; *done: it did not refuse. */
static osp_status
try_to(osp_driver_conn *conn, amqp_method_number_t method, void *arguments,
	   amqp_method_number_t answer, bool *done, osp_error *err)
{
	osp_broker *broker = &conn->broker;
	amqp_frame_t frame;
	osp_status status = osp__broker_open_channel(broker, err);

	*done = false;
	if (status == OSP_OK)
		status =
			osp__broker_ask(broker, method, arguments, answer, &frame, err);
	*done = status == OSP_OK;
	return status == OSP_EREFUSED ? osp__broker_open_channel(broker, err)
								  : status;
}

osp_status
osp__messaging_find_absent(osp_driver_conn *conn, osp_error *err)
{
	amqp_exchange_declare_t topic = {
		.exchange = osp__broker_bytes(conn->exchange), .passive = 1};
	amqp_queue_declare_t own_queue = {.queue = osp__broker_bytes(conn->queue),
									  .passive = 1};
	bool there;
	osp_status status = try_to(conn,
							   AMQP_EXCHANGE_DECLARE_METHOD,
							   &topic,
							   AMQP_EXCHANGE_DECLARE_OK_METHOD,
							   &there,
							   err);

	if (status != OSP_OK)
		return status;
	conn->own_exchange |= !there && conn->broker.closed_code == AMQP_NOT_FOUND;
	status = try_to(conn,
					AMQP_QUEUE_DECLARE_METHOD,
					&own_queue,
					AMQP_QUEUE_DECLARE_OK_METHOD,
					&there,
					err);
	if (status == OSP_OK)
		conn->own_queue |= !there && conn->broker.closed_code == AMQP_NOT_FOUND;
	return status;
}

void
osp__messaging_delete_own(osp_driver_conn *conn)
{
	amqp_queue_delete_t own_queue = {
		.queue = osp__broker_bytes(conn->queue), .if_unused = 1, .if_empty = 1};
	amqp_exchange_delete_t topic = {
		.exchange = osp__broker_bytes(conn->exchange), .if_unused = 1};
	osp_status status = OSP_OK;
	bool done = true;

	if (!conn->own_queue && !conn->own_exchange)
		return;
	status = osp__broker_begin_call(&conn->broker, NULL);
	if (status == OSP_OK)
		status = osp__broker_close_channel(&conn->broker, NULL);
	if (status == OSP_OK && conn->own_queue)
		status = try_to(conn,
						AMQP_QUEUE_DELETE_METHOD,
						&own_queue,
						AMQP_QUEUE_DELETE_OK_METHOD,
						&done,
						NULL);
	if (status == OSP_OK && done && conn->own_exchange)
		(void) !try_to(conn,
					   AMQP_EXCHANGE_DELETE_METHOD,
					   &topic,
					   AMQP_EXCHANGE_DELETE_OK_METHOD,
					   &done,
					   NULL);
}
