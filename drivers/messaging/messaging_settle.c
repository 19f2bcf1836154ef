/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_settle.c
 *	  Removes messages from the queue that was read.
 *
 * To find an acknowledged message, RabbitMQ searches the unacknowledged ones from
 * their front, in the channel and again in the queue. That takes 61 us if no kept
 * message is before it, and 37 ms if 100,000 are. So
 *
 *	- messages with no kept one before them are acknowledged together, up to the last;
 *	- others are acknowledged one by one;
 *	- when these have passed many kept messages, the kept ones are returned to the
 *	  queue before the next is acknowledged. The queue searches their places from its
 *	  front, so each time as many have to be passed as were returned before.
 *
 * All this is noted as steps while the queue is read, and done at the end, so that a
 * reading that fails removes nothing.
 *
 * Returned messages would be delivered again, so the consumer is cancelled first. The
 * queue handles acknowledgements before returned messages: with many of both, the
 * latter waited for minutes. After a basic.get the channel passes nothing on until the
 * queue has answered, which it does once the messages are in their places.
 *
 * The broker closes a channel without a consumer before its messages are back in the
 * queue. So the channel gets a consumer again, for a single message.
 */
#include "messaging.h"

/*
 * How many kept messages the broker may search past for single
 * acknowledgements, before the kept messages are returned to the queue: some 40
 * ms of its time.
 */
#define PASSED_MAX 100000

enum
{
	ACK,
	ACK_UP_TO, /* with all messages before it */
	GIVE_BACK  /* with all messages before it */
};

typedef struct step
{
	uint64_t tag;
	uint32_t kind;
	uint32_t traces; /* how many traces have their first message here */
} step;

void
osp__messaging_settle_nothing(osp_driver_conn *conn)
{
	osp_messaging_settling *s = &conn->settling;

	osp_buf_reset(&s->steps);
	s->kept = s->kept_tag = s->passed = s->given = 0;
}

static void
add_step(osp_messaging_settling *s, uint32_t kind, uint64_t tag,
		 uint32_t traces)
{
	const step added = {tag, kind, traces};

	osp_buf_add(&s->steps, &added, sizeof(added));
}

/* Returns the last step, if it is of this kind. */
static bool
last_step(const osp_messaging_settling *s, uint32_t kind, step *out)
{
	if (s->steps.len < sizeof(*out))
		return false;
	memcpy(out, s->steps.ptr + s->steps.len - sizeof(*out), sizeof(*out));
	return out->kind == kind;
}

void
osp__messaging_keep(osp_driver_conn *conn, uint64_t tag)
{
	conn->settling.kept++;
	conn->settling.kept_tag = tag;
}

osp_status
osp__messaging_discard(osp_driver_conn *conn, uint64_t tag, bool first)
{
	osp_messaging_settling *s = &conn->settling;
	uint32_t traces = first;
	step last;

	if (s->kept > 0 && s->passed >= PASSED_MAX && s->passed >= s->given)
	{
		add_step(s, GIVE_BACK, s->kept_tag, 0);
		s->given += s->kept;
		s->kept = s->passed = 0;
	}
	s->passed += s->kept;
	if (s->kept > 0)
		add_step(s, ACK, tag, traces);
	else
	{
		if (last_step(s, ACK_UP_TO, &last))
		{
			s->steps.len -= sizeof(last);
			traces += last.traces;
		}
		add_step(s, ACK_UP_TO, tag, traces);
	}
	return osp_buf_status(&s->steps);
}

/* ---- steps ---- */

static osp_status
send_method(osp_driver_conn *conn, amqp_method_number_t method, void *arguments,
			osp_error *err)
{
	return osp__broker_send(
		&conn->broker, BROKER_CHANNEL, method, arguments, err);
}

static osp_status
acknowledge(osp_driver_conn *conn, const step *what, osp_error *err)
{
	amqp_basic_ack_t ack = {.delivery_tag = what->tag,
							.multiple = what->kind == ACK_UP_TO};

	return send_method(conn, AMQP_BASIC_ACK_METHOD, &ack, err);
}

static osp_status
give_back(osp_driver_conn *conn, uint64_t tag, osp_error *err)
{
	amqp_basic_nack_t nack = {.delivery_tag = tag, .multiple = 1, .requeue = 1};
	amqp_basic_get_t get = {.queue = osp__broker_bytes(conn->queue)};
	osp_status status = send_method(conn, AMQP_BASIC_NACK_METHOD, &nack, err);

	return status == OSP_OK
			   ? send_method(conn, AMQP_BASIC_GET_METHOD, &get, err)
			   : status;
}

static osp_status
do_steps(osp_driver_conn *conn, uint64_t *removed, osp_error *err)
{
	const osp_str steps = osp_buf_str(&conn->settling.steps);
	bool consuming = true;
	osp_status status = OSP_OK;
	size_t at;

	for (at = 0; at < steps.len && status == OSP_OK; at += sizeof(step))
	{
		step next;

		memcpy(&next, steps.ptr + at, sizeof(next));
		if (next.kind != GIVE_BACK)
			status = acknowledge(conn, &next, err);
		else
		{
			if (consuming)
				status = osp__messaging_cancel(conn, err);
			consuming = false;
			if (status == OSP_OK)
				status = give_back(conn, next.tag, err);
		}
		if (status == OSP_OK && !conn->broker.ended)
			*removed += next.traces;
	}
	if (status == OSP_OK && !consuming)
		status = osp__messaging_consume_one(conn, err);
	return status;
}

osp_status
osp__messaging_settle(osp_driver_conn *conn, uint64_t *removed, osp_error *err)
{
	osp_status status;

	osp__broker_collect(&conn->broker, true);
	status = do_steps(conn, removed, err);
	osp__broker_collect(&conn->broker, false);
	return status;
}
