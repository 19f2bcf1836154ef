/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging.h
 *	  What the parts of the messaging driver share.
 *
 * Names are those of oslo.messaging: notifications of a topic go to an exchange,
 * under the topic's name with ".info" behind it, which is also the name of the
 * queue that is bound there. Whoever reads notifications reads this queue.
 */
#ifndef OSP_MESSAGING_H
#define OSP_MESSAGING_H

#include "broker.h"
#include "traces.h"

/* Brokers in one connection string. */
#define MESSAGING_PEERS_MAX 16

/* Messages that are published before their confirmations are waited for. */
#define MESSAGING_WINDOW 4096

/* What is to be done with the messages of the queue, see messaging_settle.c. */
typedef struct osp_messaging_settling
{
	osp_buf steps;
	uint64_t kept; /* messages that stay, in front of the next to be removed */
	uint64_t kept_tag; /* the last of them */
	uint64_t passed; /* kept messages that were passed over, summed up over all
						* single acknowledgements since they were given back */
	uint64_t given;  /* messages that are given back before the end */
} osp_messaging_settling;

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_broker broker;

	/* What the connection string says. */
	char *storage; /* of the texts */
	osp_broker_peer peers[MESSAGING_PEERS_MAX];
	osp_str exchange;
	osp_str queue; /* and routing key */
	char queue_text[BROKER_NAME_MAX + 1];
	bool durable;     /* exchange and queue survive the broker's end */
	bool declare;     /* make them, if they are not there */
	bool temporary;   /* and delete them at the end if they were not */
	unsigned idle_ms; /* reading goes on until nothing has come for so long */

	/* Of writing. */
	bool ready;      /* the channel is open, and confirms what we publish */
	uint64_t tag;    /* of the message that was published last */
	size_t body_max; /* longer messages are refused by the broker */
	bool settled[MESSAGING_WINDOW];
	bool own_exchange; /* made by this connection, which is temporary */
	bool own_queue;

	/* Of reading. */
	bool beside_others; /* other consumers were there when it ended */
	osp_buf body;
	osp_buf text; /* of writing, too: a message's body */
	osp_buf scratch;
	osp_traces traces;
	osp_messaging_settling settling;
};

/* ---- messaging_uri.c ---- */

/* Reads messaging://[user[:password]@]host[:port][,...][/vhost][?...] into conn. */
osp_status osp__messaging_read_uri(osp_driver_conn *conn, osp_str text,
								   osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_topic.c ---- */

/* Opens a channel for publishing: exchange and queue are there, and what is
 * published will be confirmed. */
osp_status osp__messaging_prepare(osp_driver_conn *conn,
								  osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_temporary.c ---- */

/* Sets own_exchange and own_queue where there is none yet. */
osp_status osp__messaging_find_absent(osp_driver_conn *conn,
									  osp_error *err) OSP_MUST_CHECK;

/* Deletes the own ones, unless they are in use. */
void osp__messaging_delete_own(osp_driver_conn *conn);

/* ---- messaging_topic.c, reading ---- */

/* What the broker says of the queue. */
typedef struct osp_messaging_state
{
	uint64_t ready; /* messages that no consumer has taken */
	uint64_t consumers;
} osp_messaging_state;

/*
 * Opens a channel for reading the queue, and begins to read. *before: as the queue
 * was. OSP_ENOENT, without a message: there is no such queue.
 */
osp_status osp__messaging_consume(osp_driver_conn *conn,
								  osp_messaging_state *before,
								  osp_error *err) OSP_MUST_CHECK;

/* Cancels the consumer that reads, and makes one that gets a single message.
 * Neither waits for the broker's answer. */
osp_status osp__messaging_cancel(osp_driver_conn *conn,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__messaging_consume_one(osp_driver_conn *conn,
									  osp_error *err) OSP_MUST_CHECK;

/* Asks for the state of the queue; reads it from the answer, which has the method
 * AMQP_QUEUE_DECLARE_OK_METHOD. */
osp_status osp__messaging_ask_state(osp_driver_conn *conn,
									osp_error *err) OSP_MUST_CHECK;
void osp__messaging_read_state(const amqp_frame_t *answer,
							   osp_messaging_state *out);

/* ---- messaging_body.c ---- */

/* Sets conn->text to a message with the notification, in the format 1.0 of
 * oslo.messaging. now_ns: the time of sending. */
void osp__messaging_body(osp_driver_conn *conn, const osp_notification *item,
						 int64_t now_ns);

/*
 * The notification in a message, in format 1.0 or 2.0, borrowed from body or
 * conn->text. OSP_EPROTO: there is none; OSP_ENOMEM.
 */
osp_status osp__messaging_payload(osp_driver_conn *conn, osp_str body,
								  osp_str *json) OSP_MUST_CHECK;

/* ---- messaging_queue.c ---- */

/* Called for each message of the queue, with its tag. What is not OSP_OK ends the
 * reading. */
typedef osp_status (*osp_messaging_fn)(void *ctx, osp_driver_conn *conn,
									   uint64_t tag, osp_str body);

/* Called when all messages were read; may acknowledge some of them. */
typedef osp_status (*osp_messaging_end_fn)(void *ctx, osp_driver_conn *conn,
										   osp_error *err);

/*
 * Calls fn for each message of the queue, in its order, then end (NULL: nothing).
 * All that end did not acknowledge are in the queue again, in their old places, when
 * this returns.
 */
osp_status osp__messaging_each(osp_driver_conn *conn, osp_messaging_fn fn,
							   osp_messaging_end_fn end, void *ctx,
							   osp_error *err) OSP_MUST_CHECK;

/* What was sought and not found may be with another consumer: then OSP_EBUSY. */
osp_status osp__messaging_missing(osp_driver_conn *conn,
								  osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_settle.c ---- */

/* A reading begins, of which nothing is removed yet. */
void osp__messaging_settle_nothing(osp_driver_conn *conn);

/* Called for each message in its order: it stays in the queue, or will be removed;
 * first: as the first one of its trace. OSP_ENOMEM, OSP_EFULL. */
void osp__messaging_keep(osp_driver_conn *conn, uint64_t tag);
osp_status osp__messaging_discard(osp_driver_conn *conn, uint64_t tag,
								  bool first) OSP_MUST_CHECK;

/* Removes these messages from the queue. Adds to *removed how many traces had their
 * first message among those for which the broker was told so. */
osp_status osp__messaging_settle(osp_driver_conn *conn, uint64_t *removed,
								 osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_read.c ---- */

/* Fills conn->traces with what all messages of the queue say of their traces. */
osp_status osp__messaging_find_traces(osp_driver_conn *conn,
									  osp_error *err) OSP_MUST_CHECK;

/* ---- the slots of osp_driver ---- */

osp_status osp__messaging_notify(osp_driver_conn *conn,
								 const osp_notification *items, size_t count,
								 size_t *accepted,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__messaging_get_points(osp_driver_conn *conn, osp_str base_id,
									 osp_point_fn fn, void *ctx,
									 osp_error *err) OSP_MUST_CHECK;
osp_status osp__messaging_list_traces(osp_driver_conn *conn,
									  const osp_trace_filter *filter,
									  osp_trace_fn fn, void *ctx, osp_str *next,
									  osp_error *err) OSP_MUST_CHECK;
osp_status osp__messaging_remove_traces(osp_driver_conn *conn,
										const osp_removal *what,
										uint64_t *removed,
										osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_MESSAGING_H */
