/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp.h
 *	  A connection to an AMQP 0-9-1 broker, with one channel, that makes itself
 *	  again after a failure.
 *
 * No heartbeats are agreed on, for nobody could send them between two calls of
 * the driver; TCP's keep-alive finds a peer that has vanished.
 */
#ifndef OSP_AMQP_H
#define OSP_AMQP_H

#include "amqp_wire.h"
#include "osprofiler/driver.h"
#include "stream.h"

#define AMQP_PORT     5672
#define AMQP_PORT_TLS 5671

#define AMQP_CHANNEL 1

/* Bytes of a frame at most, ours and the broker's. */
#define AMQP_FRAME_MAX ((size_t) 131072)

/* Room for what is sent at a time; when half of it is used it should be sent. */
#define AMQP_OUT_MAX ((size_t) 1024 * 1024)

/* Why a broker closes a channel. */
#define AMQP_ACCESS_REFUSED      403
#define AMQP_NOT_FOUND           404
#define AMQP_PRECONDITION_FAILED 406

/* Where a broker is. Texts are borrowed. */
typedef struct osp_amqp_peer
{
	osp_str user;
	osp_str password;
	const char *host;
	unsigned port;
} osp_amqp_peer;

typedef struct osp_amqp
{
	/* Set by the owner before the first call; borrowed. */
	const osp_amqp_peer
		*peers; /* members of one cluster; the next is tried when one
								 * fails */
	size_t peer_count;
	osp_str vhost;
	bool tls;
	const char *ca_file; /* NULL: the authorities that the system trusts */

	osp_wait wait;
	osp_stream stream;
	osp_buf out;  /* what is to be sent */
	osp_buf in;   /* what has come */
	size_t in_at; /* so much of it has been taken */
	bool ended;   /* nothing more will come, and nothing can be sent */
	bool channel_open;
	size_t frame_max;
	size_t peer;     /* the one that was used last */
	char where[160]; /* "rabbitmq at HOST:PORT" */
	char alarm[80];  /* why the broker takes no messages now; empty: it does */

	/* Of the channel that the broker closed last. */
	unsigned closed_code;
	char closed_text[200];
} osp_amqp;

void osp__amqp_init(osp_amqp *amqp, const osp_driver_options *options);
void osp__amqp_term(osp_amqp *amqp);

/*
 * A call of the driver begins: makes a connection, unless there is one in order.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM, OSP_EFULL, as of all calls below, which
 * drop the connection then.
 */
osp_status osp__amqp_begin_call(osp_amqp *amqp, osp_error *err) OSP_MUST_CHECK;

/* Closes the connection, with all that is under way. */
void osp__amqp_drop(osp_amqp *amqp);

/*
 * Opens the channel if it is not open; closes it, which gives messages that were
 * not acknowledged back to their queue before this returns.
 */
osp_status osp__amqp_open_channel(osp_amqp *amqp,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__amqp_close_channel(osp_amqp *amqp,
								   osp_error *err) OSP_MUST_CHECK;

/* Sends what is in amqp->out. */
osp_status osp__amqp_send(osp_amqp *amqp, osp_error *err) OSP_MUST_CHECK;

/*
 * The next frame, borrowed until the next call. OSP_EREFUSED: the broker has
 * closed the channel, see closed_code; the connection remains. OSP_ENOENT,
 * without a message: none came within idle_ms, if that is not 0.
 */
osp_status osp__amqp_next(osp_amqp *amqp, osp_amqp_frame *frame,
						  unsigned idle_ms, osp_error *err) OSP_MUST_CHECK;

/* The same of what has come already, without waiting. OSP_ENOENT: nothing. */
osp_status osp__amqp_take_waiting(osp_amqp *amqp, osp_amqp_frame *frame,
								  osp_error *err) OSP_MUST_CHECK;

/* Sends what is to be sent, and waits for the frame of this method. Messages that
 * come before it are skipped. OSP_EREFUSED as above. */
osp_status osp__amqp_expect(osp_amqp *amqp, uint32_t method,
							osp_amqp_frame *frame,
							osp_error *err) OSP_MUST_CHECK;

/* Ends a call: drops the connection, and returns status with this message. */
osp_status osp__amqp_broken(osp_amqp *amqp, osp_status status, osp_error *err,
							const char *what);

/* The broker has sent what it must not. */
osp_status osp__amqp_malformed(osp_amqp *amqp, osp_error *err);

#endif /* OSP_AMQP_H */
