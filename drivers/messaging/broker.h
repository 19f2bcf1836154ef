/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.h
 *	  A connection to RabbitMQ by librabbitmq, with one channel, that makes
 *	  itself again after a failure.
 *
 * The library encodes, decodes and speaks TLS. All waiting is done here, between
 * its calls, so that each call of the driver ends at its deadline and on the
 * host's interrupts: the library's own waits (amqp_login, amqp_simple_rpc,
 * amqp_basic_publish) know no interrupts, and its sending knows no deadline.
 *
 * No heartbeats are agreed on, for nobody could send them between two calls of
 * the driver; TCP's keep-alive finds a peer that has vanished.
 */
#ifndef OSP_BROKER_H
#define OSP_BROKER_H

#include <amqp.h>

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "wait.h"

#define BROKER_PORT     5672
#define BROKER_PORT_TLS 5671

#define BROKER_CHANNEL 1

/* Bytes of a short string of AMQP at most. */
#define BROKER_NAME_MAX 255

/* Bytes of a frame at most, ours and the broker's. */
#define BROKER_FRAME_MAX 32768

/* Bytes of a frame beside its payload. */
#define BROKER_FRAME_EXTRA 8

/* Where a broker is. Texts are borrowed. */
typedef struct osp_broker_peer
{
	osp_str user;
	osp_str password;
	const char *host;
	unsigned port;
} osp_broker_peer;

typedef struct osp_broker
{
	/* Set by the owner before the first call; borrowed. */
	const osp_broker_peer *peers; /* members of one cluster; the next is tried
								   * when one fails */
	size_t peer_count;
	osp_str vhost;
	bool tls;
	const char *ca_file; /* NULL: the authorities that the system trusts */

	const osp_allocator *alc;
	osp_wait wait;
	amqp_connection_state_t link; /* NULL: there is no connection */
	bool ended; /* sending has failed; what was received can be read */
	bool channel_open;
	size_t room; /* so many bytes can be sent without waiting */
	size_t frame_max;
	size_t peer;     /* the one that was used last */
	char where[160]; /* "rabbitmq at HOST:PORT" */
	char alarm[80];  /* why the broker takes no messages now; empty: it does */

	/* Of the channel that the broker closed last. */
	unsigned closed_code;
	char closed_text[BROKER_NAME_MAX + 1];
} osp_broker;

/* Texts as the library has them, and back. Borrowed. */
static inline amqp_bytes_t
osp__broker_bytes(osp_str text)
{
	const amqp_bytes_t bytes = {text.len, (void *) text.ptr};

	return bytes;
}

static inline osp_str
osp__broker_text(amqp_bytes_t bytes)
{
	return osp_str_n(bytes.bytes, bytes.len);
}

/* The method in a frame, 0 if it holds none. */
static inline amqp_method_number_t
osp__broker_method(const amqp_frame_t *frame)
{
	return frame->frame_type == AMQP_FRAME_METHOD ? frame->payload.method.id
												  : 0;
}

void osp__broker_init(osp_broker *broker, const osp_driver_options *options);

/*
 * A call of the driver begins: makes a connection, unless there is one in order.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM, as of all calls below, which drop the
 * connection then.
 */
osp_status osp__broker_begin_call(osp_broker *broker,
								  osp_error *err) OSP_MUST_CHECK;

/* Closes the connection, with all that is under way. */
void osp__broker_drop(osp_broker *broker);

/*
 * Opens the channel if it is not open; closes it, which gives messages that were
 * not acknowledged back to their queue before this returns.
 */
osp_status osp__broker_open_channel(osp_broker *broker,
									osp_error *err) OSP_MUST_CHECK;
osp_status osp__broker_close_channel(osp_broker *broker,
									 osp_error *err) OSP_MUST_CHECK;

/*
 * Sends a frame, or a method with its arguments of the library. Success means
 * that it was sent, or that the connection has ended: then the next
 * osp__broker_next() says why.
 */
osp_status osp__broker_send_frame(osp_broker *broker, const amqp_frame_t *frame,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__broker_send(osp_broker *broker, unsigned channel,
							amqp_method_number_t method, void *arguments,
							osp_error *err) OSP_MUST_CHECK;

/* Frames that follow are collected and leave in full packets, until this is
 * called with false. */
void osp__broker_collect(osp_broker *broker, bool on);

/*
 * The next frame, borrowed until the next call. OSP_EREFUSED: the broker has
 * closed the channel, see closed_code; the connection remains. OSP_ENOENT,
 * without a message: none came within idle_ms, if that is not 0.
 */
osp_status osp__broker_next(osp_broker *broker, amqp_frame_t *frame,
							unsigned idle_ms, osp_error *err) OSP_MUST_CHECK;

/* The same of what has come already, without waiting. OSP_ENOENT: nothing. */
osp_status osp__broker_take_waiting(osp_broker *broker, amqp_frame_t *frame,
									osp_error *err) OSP_MUST_CHECK;

/* Waits for the frame of this method. Messages that come before it are skipped,
 * before the end of a channel also what the broker has answered.
 * OSP_EREFUSED as above. */
osp_status osp__broker_expect(osp_broker *broker, amqp_method_number_t method,
							  amqp_frame_t *frame,
							  osp_error *err) OSP_MUST_CHECK;

/* Sends a method on the channel and waits for its answer. */
osp_status osp__broker_ask(osp_broker *broker, amqp_method_number_t method,
						   void *arguments, amqp_method_number_t answer,
						   amqp_frame_t *frame, osp_error *err) OSP_MUST_CHECK;

/* Ends a call: drops the connection, and returns status with this message. */
osp_status osp__broker_broken(osp_broker *broker, osp_status status,
							  osp_error *err, const char *what);

/* The broker has sent what it must not. */
osp_status osp__broker_malformed(osp_broker *broker, osp_error *err);

/* ---- broker_socket.c ---- */

/*
 * Connects to a peer and gives the connection to broker->link, which owns it.
 * With TLS the certificate must be valid for the host and be signed by an
 * authority of ca_file, or, if that is NULL, one that the system trusts.
 */
osp_status osp__broker_open_socket(osp_broker *broker,
								   const osp_broker_peer *peer,
								   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_BROKER_H */
