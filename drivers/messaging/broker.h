/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.h
 *	  A connection to RabbitMQ by librabbitmq, with one channel, which is made
 *	  again after a failure.
 *
 * The library encodes, decodes and speaks TLS. All waiting is done here,
 * between calls of the library, so that each call of the driver ends at its
 * deadline, or when the program interrupts it. The library's own waits
 * (amqp_login, amqp_simple_rpc, amqp_basic_publish) cannot be interrupted, and
 * its sending has no deadline.
 *
 * No heartbeats are used, since nobody could send them between two calls of the
 * driver; TCP's keep-alive notices a vanished peer.
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

/* The longest short string of AMQP, in bytes. */
#define BROKER_NAME_MAX 255

/* The longest frame, ours or the broker's, in bytes. */
#define BROKER_FRAME_MAX 32768

/* How many bytes of a frame are not payload. */
#define BROKER_FRAME_EXTRA 8

/* The address of a broker, and the login for it. Texts are borrowed. */
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
	/* The members of one cluster. If one fails the next is tried. */
	const osp_broker_peer *peers;
	size_t peer_count;
	osp_str vhost;
	bool tls;
	const char *ca_file; /* NULL: the system's trusted authorities */

	const osp_allocator *alc;
	osp_wait wait;
	amqp_connection_state_t link; /* NULL: there is no connection */
	bool ended; /* sending failed; the rest can still be read */
	bool channel_open;
	size_t room; /* bytes that can be sent without waiting */
	size_t frame_max;
	size_t peer;     /* the peer that was used last */
	char where[160]; /* "rabbitmq at HOST:PORT" */
	char alarm[80];  /* why it accepts no messages now, or empty */

	/* Why the broker closed a channel the last time. */
	unsigned closed_code;
	char closed_text[BROKER_NAME_MAX + 1];
} osp_broker;

/* Convert texts to those of the library, and back. Borrowed. */
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

/* Returns the method of a frame, 0 if it has none. */
static inline amqp_method_number_t
osp__broker_method(const amqp_frame_t *frame)
{
	return frame->frame_type == AMQP_FRAME_METHOD ? frame->payload.method.id
												  : 0;
}

void osp__broker_init(osp_broker *broker, const osp_driver_options *options);

/*
 * Begins a call of the driver: makes a connection, unless there is a working
 * one. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM. After one of these errors, in this
 * call or one of those below, the connection is dropped.
 */
osp_status osp__broker_begin_call(osp_broker *broker,
								  osp_error *err) OSP_MUST_CHECK;

/* Closes the connection, and abandons everything in progress. */
void osp__broker_drop(osp_broker *broker);

/*
 * Open the channel if it is not open, and close it. Closing returns
 * unacknowledged messages to their queue before the call ends.
 */
osp_status osp__broker_open_channel(osp_broker *broker,
									osp_error *err) OSP_MUST_CHECK;
osp_status osp__broker_close_channel(osp_broker *broker,
									 osp_error *err) OSP_MUST_CHECK;

/*
 * Send a frame, or a method with arguments of the library's types. OSP_OK: it
 * was sent, or the connection has ended; then the next osp__broker_next()
 * reports why.
 */
osp_status osp__broker_send_frame(osp_broker *broker, const amqp_frame_t *frame,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__broker_send(osp_broker *broker, unsigned channel,
							amqp_method_number_t method, void *arguments,
							osp_error *err) OSP_MUST_CHECK;

/*
 * Collects the following frames, and sends them in full packets, until this is
 * called with false.
 */
void osp__broker_collect(osp_broker *broker, bool on);

/*
 * Reads the next frame, borrowed until the next call. OSP_EREFUSED: the broker
 * has closed the channel, see closed_code; the connection remains. OSP_ENOENT,
 * without a message: no frame arrived within idle_ms, if that is not 0.
 */
osp_status osp__broker_next(osp_broker *broker, amqp_frame_t *frame,
							unsigned idle_ms, osp_error *err) OSP_MUST_CHECK;

/*
 * Reads the next frame as osp__broker_next() does, but only if it has arrived
 * already. OSP_ENOENT: it has not.
 */
osp_status osp__broker_take_waiting(osp_broker *broker, amqp_frame_t *frame,
									osp_error *err) OSP_MUST_CHECK;

/*
 * Waits for the frame with this method. Messages before it are skipped, and
 * before the end of a channel also answers of the broker. OSP_EREFUSED as for
 * osp__broker_next().
 */
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

/* Reports that the broker has sent something that AMQP does not allow here. */
osp_status osp__broker_malformed(osp_broker *broker, osp_error *err);

/* ---- broker_socket.c ---- */

/*
 * Connects to a peer; broker->link owns the connection. With TLS the
 * certificate must be valid for the host and be signed by an authority of
 * ca_file, or, if that is NULL, one that the system trusts.
 */
osp_status osp__broker_open_socket(osp_broker *broker,
								   const osp_broker_peer *peer,
								   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_BROKER_H */
