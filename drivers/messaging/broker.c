/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.c
 *	  Frames to and from a broker, and what it says about the connection itself.
 *
 * The library waits without a limit if the kernel does not accept the rest of a
 * frame. So it is given a frame only when the socket is writable: then at least
 * a third of the send buffer is free, which is more than ROOM bytes
 * (set_socket_options()). If the kernel runs out of memory and accepts less
 * than it announced, TCP_USER_TIMEOUT limits the wait.
 *
 * A hostile broker that floods the connection with heartbeats can keep the
 * library busy beyond the deadline, since the library skips heartbeats itself.
 */
#include "broker.h"
#include "record/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

/* How many bytes are sent after the socket was found writable. */
#define ROOM ((size_t) 64 * 1024)

/* The longest frame of a method that we send, or of a message's header. */
#define METHOD_MAX ((size_t) 2048)

/* How many bytes of a text from the broker are put into a message. */
#define SAYS_MAX 180

void
osp__broker_init(osp_broker *broker, const osp_driver_options *options)
{
	memset(broker, 0, sizeof(*broker));
	broker->alc = options->alc;
	osp__wait_init(&broker->wait, options);
}

void
osp__broker_drop(osp_broker *broker)
{
	if (broker->link != NULL)
		(void) amqp_destroy_connection(broker->link);
	broker->link = NULL;
	broker->ended = false;
	broker->channel_open = false;
	broker->room = 0;
	broker->frame_max = BROKER_FRAME_MAX;
	broker->alarm[0] = '\0';
}

osp_status
osp__broker_broken(osp_broker *broker, osp_status status, osp_error *err,
				   const char *what)
{
	osp__broker_drop(broker);
	return osp_error_set(err, status, "%s %s", what, broker->where);
}

osp_status
osp__broker_malformed(osp_broker *broker, osp_error *err)
{
	return osp__broker_broken(broker,
							  OSP_EUNAVAIL,
							  err,
							  "an answer that is not AMQP 0-9-1 came from");
}

/* Reports that the broker did not answer in time. */
static osp_status
too_slow(osp_broker *broker, osp_status status, osp_error *err)
{
	const osp_wait *wait = &broker->wait;
	unsigned ms =
		osp_mono_now() < wait->end_ns ? wait->timeout_ms : wait->deadline_ms;

	if (status == OSP_EINTR)
		return osp__broker_broken(
			broker, status, err, "interrupted while waiting for");
	if (broker->alarm[0] != '\0')
		(void) osp_error_set(err,
							 status,
							 "%s takes no messages now: %s",
							 broker->where,
							 broker->alarm);
	else
		(void) osp_error_set(
			err, status, "%s does not answer within %u ms", broker->where, ms);
	osp__broker_drop(broker);
	return status;
}

/* ---- sending ---- */

/* Waits until size bytes can be sent without waiting. */
static osp_status
wait_for_room(osp_broker *broker, size_t size, osp_error *err)
{
	osp_status status = OSP_OK;
	amqp_frame_t frame;

	if (broker->room < size)
	{
		status = osp__wait_check(&broker->wait);
		if (status == OSP_OK)
			status = osp__wait_fd(
				&broker->wait, amqp_get_sockfd(broker->link), POLLOUT);
		broker->room = ROOM;
	}
	broker->room -= size;
	if (status == OSP_OK)
		return OSP_OK;

	/*
	 * The broker may have sent the reason why it accepts no more. It is read,
	 * but cannot be answered.
	 */
	broker->ended = true;
	if (status == OSP_EUNAVAIL)
		while (osp__broker_take_waiting(broker, &frame, NULL) == OSP_OK)
			continue;
	return too_slow(broker, status, err);
}

osp_status
osp__broker_send_frame(osp_broker *broker, const amqp_frame_t *frame,
					   osp_error *err)
{
	size_t size = frame->frame_type == AMQP_FRAME_BODY
					  ? frame->payload.body_fragment.len + BROKER_FRAME_EXTRA
					  : METHOD_MAX;
	osp_status status = OSP_OK;

	/*
	 * If the connection has ended, nothing is sent: reading from it will give
	 * the reason.
	 */
	if (!broker->ended)
		status = wait_for_room(broker, size, err);
	if (!broker->ended && status == OSP_OK)
		broker->ended = amqp_send_frame(broker->link, frame) != AMQP_STATUS_OK;
	return status;
}

osp_status
osp__broker_send(osp_broker *broker, unsigned channel,
				 amqp_method_number_t method, void *arguments, osp_error *err)
{
	amqp_frame_t frame;

	memset(&frame, 0, sizeof(frame));
	frame.frame_type = AMQP_FRAME_METHOD;
	frame.channel = (amqp_channel_t) channel;
	frame.payload.method.id = method;
	frame.payload.method.decoded = arguments;
	return osp__broker_send_frame(broker, &frame, err);
}

void
osp__broker_collect(osp_broker *broker, bool on)
{
	int value = on;

	if (broker->link != NULL)
		(void) setsockopt(amqp_get_sockfd(broker->link),
						  IPPROTO_TCP,
						  TCP_CORK,
						  &value,
						  sizeof(value));
}

/* ---- frames about connection and channel ---- */

/* Reports that the broker has closed the connection or channel, with its reason. */
static osp_status
closed_by_broker(osp_broker *broker, unsigned code, osp_str text,
				 osp_status status, osp_error *err)
{
	broker->closed_code = code;
	if (text.len > 0 && text.ptr[text.len - 1] == '.')
		text.len--; /* our sentence continues after it */
	(void) snprintf(broker->closed_text,
					sizeof(broker->closed_text),
					"%.*s",
					(int) text.len,
					text.ptr);
	return osp_error_set(err,
						 status,
						 "%.60s says: %.*s",
						 broker->where,
						 SAYS_MAX,
						 broker->closed_text);
}

/* Handles a frame about the connection. OSP_ENOENT: it needs no further handling. */
static osp_status
look_at_connection(osp_broker *broker, const amqp_frame_t *frame,
				   osp_error *err)
{
	const amqp_connection_blocked_t *blocked = frame->payload.method.decoded;
	const amqp_connection_close_t *closed = frame->payload.method.decoded;
	amqp_connection_close_ok_t answer = {0};

	switch (osp__broker_method(frame))
	{
		case AMQP_CONNECTION_CLOSE_METHOD:
			(void) closed_by_broker(broker,
									closed->reply_code,
									osp__broker_text(closed->reply_text),
									OSP_EUNAVAIL,
									err);
			(void) !osp__broker_send(
				broker, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &answer, NULL);
			osp__broker_drop(broker);
			return OSP_EUNAVAIL;
		case AMQP_CONNECTION_BLOCKED_METHOD:
			(void) snprintf(broker->alarm,
							sizeof(broker->alarm),
							"%.*s",
							(int) blocked->reason.len,
							blocked->reason.len > 0
								? (const char *) blocked->reason.bytes
								: "");
			if (broker->alarm[0] == '\0')
				(void) snprintf(broker->alarm, sizeof(broker->alarm), "alarm");
			return OSP_ENOENT;
		case AMQP_CONNECTION_UNBLOCKED_METHOD:
			broker->alarm[0] = '\0';
			return OSP_ENOENT;
		default:
			return OSP_OK;
	}
}

/*
 * Handles a frame about the connection or the channel itself. OSP_ENOENT: it
 * needs no further handling.
 */
static osp_status
look_at(osp_broker *broker, const amqp_frame_t *frame, osp_error *err)
{
	const amqp_channel_close_t *closed = frame->payload.method.decoded;
	amqp_channel_close_ok_t answer = {0};

	if (frame->channel == 0)
		return look_at_connection(broker, frame, err);
	if (frame->channel != BROKER_CHANNEL)
		return osp__broker_malformed(broker, err);
	if (osp__broker_method(frame) != AMQP_CHANNEL_CLOSE_METHOD)
		return OSP_OK;
	(void) closed_by_broker(broker,
							closed->reply_code,
							osp__broker_text(closed->reply_text),
							OSP_EREFUSED,
							err);
	broker->channel_open = false;
	osp__broker_collect(broker, false);
	if (osp__broker_send(broker,
						 BROKER_CHANNEL,
						 AMQP_CHANNEL_CLOSE_OK_METHOD,
						 &answer,
						 NULL) != OSP_OK)
		return osp__broker_broken(
			broker, OSP_EUNAVAIL, err, "lost the connection to");
	return OSP_EREFUSED;
}

/* ---- receiving ---- */

/* Reports that the library cannot continue to read. */
static osp_status
cannot_read(osp_broker *broker, int code, osp_error *err)
{
	switch (code)
	{
		case AMQP_STATUS_NO_MEMORY:
			return osp__broker_broken(
				broker, OSP_ENOMEM, err, "out of memory for");
		case AMQP_STATUS_CONNECTION_CLOSED:
		case AMQP_STATUS_SOCKET_ERROR:
		case AMQP_STATUS_SOCKET_CLOSED:
		case AMQP_STATUS_TCP_ERROR:
		case AMQP_STATUS_SSL_ERROR:
			return osp__broker_broken(
				broker, OSP_EUNAVAIL, err, "lost the connection to");
		default:
			return osp__broker_malformed(broker, err);
	}
}

osp_status
osp__broker_take_waiting(osp_broker *broker, amqp_frame_t *frame,
						 osp_error *err)
{
	struct timeval no_time = {0, 0};
	osp_status status;

	do
	{
		int code;

		amqp_maybe_release_buffers(broker->link);
		code = amqp_simple_wait_frame_noblock(broker->link, frame, &no_time);
		if (code == AMQP_STATUS_TIMEOUT)
			return OSP_ENOENT;
		if (code != AMQP_STATUS_OK)
			return cannot_read(broker, code, err);
		status = look_at(broker, frame, err);
	}
	while (status == OSP_ENOENT);
	return status;
}

/* Waits for more bytes; OSP_ENOENT: none arrived within idle_ms. */
static osp_status
wait_for_more(osp_broker *broker, unsigned idle_ms, osp_error *err)
{
	osp_wait wait = broker->wait;
	osp_status status = osp__wait_check(&wait);

	if (status == OSP_OK && idle_ms != 0)
		wait.timeout_ms = idle_ms;
	if (status == OSP_OK)
		status = osp__wait_fd(&wait, amqp_get_sockfd(broker->link), POLLIN);
	if (status == OSP_EUNAVAIL && idle_ms != 0 &&
		osp__wait_check(&broker->wait) == OSP_OK)
		return OSP_ENOENT;
	return status == OSP_OK ? OSP_OK : too_slow(broker, status, err);
}

osp_status
osp__broker_next(osp_broker *broker, amqp_frame_t *frame, unsigned idle_ms,
				 osp_error *err)
{
	for (;;)
	{
		osp_status status = osp__broker_take_waiting(broker, frame, err);

		if (status != OSP_ENOENT)
			return status;
		if (broker->ended)
			return osp__broker_broken(
				broker, OSP_EUNAVAIL, err, "lost the connection to");
		status = wait_for_more(broker, idle_ms, err);
		if (status != OSP_OK)
			return status;
	}
}

osp_status
osp__broker_expect(osp_broker *broker, amqp_method_number_t method,
				   amqp_frame_t *frame, osp_error *err)
{
	for (;;)
	{
		osp_status status = osp__broker_next(broker, frame, 0, err);
		amqp_method_number_t came;

		if (status != OSP_OK)
			return status;
		came = osp__broker_method(frame);
		if (came == method)
			return OSP_OK;

		/* While a channel is being closed, any frame for it may arrive. */
		if (frame->channel == 0 ||
			(method != AMQP_CHANNEL_CLOSE_OK_METHOD && came != 0 &&
			 came >> 16 != AMQP_BASIC_CLASS))
			return osp__broker_malformed(broker, err);
	}
}

osp_status
osp__broker_ask(osp_broker *broker, amqp_method_number_t method,
				void *arguments, amqp_method_number_t answer,
				amqp_frame_t *frame, osp_error *err)
{
	osp_status status =
		osp__broker_send(broker, BROKER_CHANNEL, method, arguments, err);

	return status == OSP_OK ? osp__broker_expect(broker, answer, frame, err)
							: status;
}
