/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging.h
 *	  Common parts of the messaging driver.
 *
 * Names are those of oslo.messaging: notifications of a topic go to an
 * exchange, under the topic's name with ".info" appended, which is also the
 * name of the queue that is bound there. Readers of notifications read this
 * queue.
 */
#ifndef OSP_MESSAGING_H
#define OSP_MESSAGING_H

#include "broker.h"
#include "traces.h"

/* How many brokers a connection string may name. */
#define MESSAGING_PEERS_MAX 16

/* How many messages are published before the driver waits for their confirmations. */
#define MESSAGING_WINDOW 4096

/* The steps that remove messages from the queue, see messaging_settle.c. */
typedef struct osp_messaging_settling
{
	osp_buf steps;
	uint64_t kept;     /* messages to keep before the next to remove */
	uint64_t kept_tag; /* the last of these */
	/*
	 * How many kept messages all single acknowledgements have to pass, summed
	 * up since kept messages were last returned to the queue.
	 */
	uint64_t passed;
	uint64_t given; /* messages that are returned before the end */
} osp_messaging_settling;

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_broker broker;

	/* Settings of the connection string. */
	char *storage; /* for the texts */
	osp_broker_peer peers[MESSAGING_PEERS_MAX];
	osp_str exchange;
	osp_str queue; /* also the routing key */
	char queue_text[BROKER_NAME_MAX + 1];
	bool durable;     /* exchange and queue survive a restart */
	bool declare;     /* make them if they do not exist */
	bool temporary;   /* and delete them at the end, if made */
	unsigned idle_ms; /* reading ends after this time without a message */

	/* The state of writing. */
	bool ready;      /* a channel with confirmations is open */
	uint64_t tag;    /* of the last published message */
	size_t body_max; /* longer messages are refused by the broker */
	bool settled[MESSAGING_WINDOW];
	bool own_exchange; /* made by us, to be deleted */
	bool own_queue;

	/* The state of reading. */
	bool beside_others; /* the queue had other consumers at the end */
	osp_buf body;
	osp_buf text; /* also a message's body when writing */
	osp_buf scratch;
	osp_traces traces;
	osp_messaging_settling settling;
};

/* ---- messaging_uri.c ---- */

/* Reads messaging://[user[:password]@]host[:port][,...][/vhost][?...] into conn. */
osp_status osp__messaging_read_uri(osp_driver_conn *conn, osp_str text,
								   osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_topic.c ---- */

/*
 * Opens a channel for publishing. Exchange and queue exist then, and published
 * messages will be confirmed.
 */
osp_status osp__messaging_prepare(osp_driver_conn *conn,
								  osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_temporary.c ---- */

/*
 * Sets own_exchange and own_queue if these do not exist yet, so that we will
 * make them.
 */
osp_status osp__messaging_find_absent(osp_driver_conn *conn,
									  osp_error *err) OSP_MUST_CHECK;

/* Deletes the exchange and queue that we made, unless they are in use. */
void osp__messaging_delete_own(osp_driver_conn *conn);

/* ---- messaging_topic.c, reading ---- */

/* The broker's answer about the queue. */
typedef struct osp_messaging_state
{
	uint64_t ready; /* messages that no consumer has taken */
	uint64_t consumers;
} osp_messaging_state;

/*
 * Opens a channel for reading the queue, and begins to read. *before: the state
 * of the queue before that. OSP_ENOENT, without a message: there is no such
 * queue.
 */
osp_status osp__messaging_consume(osp_driver_conn *conn,
								  osp_messaging_state *before,
								  osp_error *err) OSP_MUST_CHECK;

/*
 * Cancel the consumer that reads, and make one that gets a single message.
 * Neither call waits for the broker's answer.
 */
osp_status osp__messaging_cancel(osp_driver_conn *conn,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__messaging_consume_one(osp_driver_conn *conn,
									  osp_error *err) OSP_MUST_CHECK;

/*
 * Ask for the state of the queue, and read it from the answer, which has the
 * method AMQP_QUEUE_DECLARE_OK_METHOD.
 */
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
 * Finds the notification in a message of format 1.0 or 2.0, borrowed from body
 * or conn->text. OSP_EPROTO: there is none; OSP_ENOMEM.
 */
osp_status osp__messaging_payload(osp_driver_conn *conn, osp_str body,
								  osp_str *json) OSP_MUST_CHECK;

/* ---- messaging_queue.c ---- */

/*
 * Called for each message of the queue, with its tag. A result other than
 * OSP_OK ends the reading.
 */
typedef osp_status (*osp_messaging_fn)(void *ctx, osp_driver_conn *conn,
									   uint64_t tag, osp_str body);

/* Called when all messages were read; may acknowledge some of them. */
typedef osp_status (*osp_messaging_end_fn)(void *ctx, osp_driver_conn *conn,
										   osp_error *err);

/*
 * Calls fn for each message of the queue, in its order, and then end, unless
 * that is NULL. When this returns, all messages that end did not acknowledge
 * are in the queue again, in their old places.
 */
osp_status osp__messaging_each(osp_driver_conn *conn, osp_messaging_fn fn,
							   osp_messaging_end_fn end, void *ctx,
							   osp_error *err) OSP_MUST_CHECK;

/*
 * Called if a trace was not found. OSP_EBUSY: another consumer may have its
 * messages.
 */
osp_status osp__messaging_missing(osp_driver_conn *conn,
								  osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_settle.c ---- */

/* Forgets all steps, at the beginning of a reading. */
void osp__messaging_settle_nothing(osp_driver_conn *conn);

/*
 * Called for each message in its order: keep it in the queue, or remove it;
 * first: it is the first message of its trace. OSP_ENOMEM, OSP_EFULL.
 */
void osp__messaging_keep(osp_driver_conn *conn, uint64_t tag);
osp_status osp__messaging_discard(osp_driver_conn *conn, uint64_t tag,
								  bool first) OSP_MUST_CHECK;

/*
 * Removes the discarded messages from the queue. Adds to *removed how many
 * traces had their first message among those that the broker was told to
 * remove.
 */
osp_status osp__messaging_settle(osp_driver_conn *conn, uint64_t *removed,
								 osp_error *err) OSP_MUST_CHECK;

/* ---- messaging_read.c ---- */

/* Fills conn->traces with the traces of all messages in the queue. */
osp_status osp__messaging_find_traces(osp_driver_conn *conn,
									  osp_error *err) OSP_MUST_CHECK;

/* ---- functions of osp_driver ---- */

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
