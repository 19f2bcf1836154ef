/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp.c
 *	  Frames to and from a broker, and what it says about the connection itself.
 */
#include "amqp.h"
#include "record/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define READ_BYTES ((size_t) 64 * 1024)

#define SAYS_MAX 170

void
osp__amqp_init(osp_amqp *amqp, const osp_driver_options *options)
{
	size_t memory_max =
		options->memory_max != 0 ? options->memory_max : OSP_DRIVER_MEMORY_MAX;

	memset(amqp, 0, sizeof(*amqp));
	osp__wait_init(&amqp->wait, options);
	osp__stream_init(&amqp->stream, &amqp->wait);
	osp_buf_init(&amqp->out, options->alc, AMQP_OUT_MAX);
	osp_buf_init(&amqp->in, options->alc, memory_max);
}

void
osp__amqp_term(osp_amqp *amqp)
{
	osp__amqp_drop(amqp);
	osp_buf_term(&amqp->out);
	osp_buf_term(&amqp->in);
}

void
osp__amqp_drop(osp_amqp *amqp)
{
	osp__stream_close(&amqp->stream);
	osp_buf_reset(&amqp->out);
	osp_buf_reset(&amqp->in);
	amqp->in_at = 0;
	amqp->ended = false;
	amqp->channel_open = false;
	amqp->frame_max = AMQP_FRAME_MAX;
	amqp->alarm[0] = '\0';
}

osp_status
osp__amqp_broken(osp_amqp *amqp, osp_status status, osp_error *err,
				 const char *what)
{
	osp__amqp_drop(amqp);
	return osp_error_set(err, status, "%s %s", what, amqp->where);
}

osp_status
osp__amqp_malformed(osp_amqp *amqp, osp_error *err)
{
	return osp__amqp_broken(
		amqp, OSP_EUNAVAIL, err, "an answer that is not AMQP 0-9-1 came from");
}

/* The broker has not done in time what we waited for. */
static osp_status
too_slow(osp_amqp *amqp, osp_status status, osp_error *err)
{
	const osp_wait *wait = &amqp->wait;
	unsigned ms =
		osp_mono_now() < wait->end_ns ? wait->timeout_ms : wait->deadline_ms;

	if (status == OSP_EINTR)
		return osp__amqp_broken(
			amqp, status, err, "interrupted while waiting for");
	if (amqp->alarm[0] != '\0')
		(void) osp_error_set(err,
							 status,
							 "%s takes no messages now: %s",
							 amqp->where,
							 amqp->alarm);
	else
		(void) osp_error_set(
			err, status, "%s does not answer within %u ms", amqp->where, ms);
	osp__amqp_drop(amqp);
	return status;
}

/* ---- bytes ---- */

/* Forgets what has been taken. */
static void
forget_taken(osp_amqp *amqp)
{
	osp_buf *in = &amqp->in;

	in->len -= amqp->in_at;
	if (amqp->in_at > 0 && in->len > 0)
		memmove(in->ptr, in->ptr + amqp->in_at, in->len);
	amqp->in_at = 0;
}

/* Reads once what has come, without waiting. *some: there was something. */
static osp_status
read_some(osp_amqp *amqp, bool *some)
{
	ssize_t got;

	*some = false;
	if (!osp_buf_reserve(&amqp->in, READ_BYTES))
		return osp_buf_status(&amqp->in);
	got = osp__stream_read(
		&amqp->stream, amqp->in.ptr + amqp->in.len, READ_BYTES);
	*some = got > 0;
	if (got > 0)
		amqp->in.len += (size_t) got;
	amqp->ended |= got < 0;
	return OSP_OK;
}

static osp_status
no_memory(osp_amqp *amqp, osp_status status, osp_error *err)
{
	return osp__amqp_broken(amqp,
							status,
							err,
							status == OSP_EFULL
								? "more than fits the memory was sent by"
								: "out of memory for");
}

/*
 * The broker takes nothing in. It may not do so before we take in what it sends,
 * so that is kept for later.
 */
static osp_status
wait_to_send(osp_amqp *amqp, osp_error *err)
{
	osp_status status = osp__wait_check(&amqp->wait);
	bool some;

	if (status == OSP_OK)
		status = osp__wait_fd(&amqp->wait, amqp->stream.fd, POLLIN | POLLOUT);
	if (status != OSP_OK)
		return too_slow(amqp, status, err);
	status = read_some(amqp, &some);
	return status == OSP_OK ? OSP_OK : no_memory(amqp, status, err);
}

osp_status
osp__amqp_send(osp_amqp *amqp, osp_error *err)
{
	osp_buf *out = &amqp->out;
	osp_status status = osp_buf_status(out);
	size_t sent = 0;

	if (status != OSP_OK)
		return no_memory(amqp, OSP_ENOMEM, err);

	/* Why a connection has ended is said by what is read from it. */
	while (sent < out->len && !amqp->ended)
	{
		ssize_t n =
			osp__stream_write(&amqp->stream, out->ptr + sent, out->len - sent);

		if (n > 0)
			sent += (size_t) n;
		else if (n < 0)
			break;
		else
			status = wait_to_send(amqp, err);
		if (status != OSP_OK)
			return status;
	}
	osp_buf_reset(out);
	return OSP_OK;
}

/* ---- frames ---- */

/* The broker closes something, and says why. */
static osp_status
closed_by_broker(osp_amqp *amqp, osp_amqp_frame *frame, osp_status status,
				 osp_error *err)
{
	unsigned code = osp__amqp_u16(&frame->fields);
	osp_str text = osp__amqp_short(&frame->fields);
	const char *advice = "";

	amqp->closed_code = code;
	(void) snprintf(amqp->closed_text,
					sizeof(amqp->closed_text),
					"%.*s",
					(int) (text.len < SAYS_MAX ? text.len : SAYS_MAX),
					text.ptr);
	if (strstr(amqp->closed_text, "Login was refused") != NULL)
		advice = " (correct user and password)";
	else if (strstr(amqp->closed_text, "vhost") != NULL)
		advice = " (correct the virtual host, HOST/VHOST)";
	return osp_error_set(err,
						 status,
						 "%.60s says: %.*s%s",
						 amqp->where,
						 *advice != '\0' ? 100 : SAYS_MAX,
						 amqp->closed_text,
						 advice);
}

/* A closing of the connection or of the channel wants an answer. */
static osp_status
answer_close(osp_amqp *amqp, unsigned channel, uint32_t method)
{
	osp_buf_reset(&amqp->out);
	osp__amqp_end_frame(&amqp->out,
						osp__amqp_begin_method(&amqp->out, channel, method));
	return osp__amqp_send(amqp, NULL);
}

/* What the broker says about the connection, at any time. OSP_ENOENT: that was
 * all of this frame. */
static osp_status
look_at_connection(osp_amqp *amqp, osp_amqp_frame *frame, osp_error *err)
{
	osp_str text;

	switch (frame->method)
	{
		case AMQP_CONNECTION_CLOSE:
			(void) closed_by_broker(amqp, frame, OSP_EUNAVAIL, err);
			(void) answer_close(amqp, 0, AMQP_CONNECTION_CLOSE_OK);
			osp__amqp_drop(amqp);
			return OSP_EUNAVAIL;
		case AMQP_CONNECTION_BLOCKED:
			text = osp__amqp_short(&frame->fields);
			(void) snprintf(amqp->alarm,
							sizeof(amqp->alarm),
							"%.*s",
							(int) text.len,
							text.len > 0 ? text.ptr : "alarm");
			return OSP_ENOENT;
		case AMQP_CONNECTION_UNBLOCKED:
			amqp->alarm[0] = '\0';
			return OSP_ENOENT;
		default:
			return OSP_OK;
	}
}

static osp_status
look_at(osp_amqp *amqp, osp_amqp_frame *frame, osp_error *err)
{
	if (frame->kind == AMQP_FRAME_HEARTBEAT)
		return OSP_ENOENT;
	if (frame->channel == 0)
		return look_at_connection(amqp, frame, err);
	if (frame->channel != AMQP_CHANNEL)
		return osp__amqp_malformed(amqp, err);
	if (frame->method != AMQP_CHANNEL_CLOSE)
		return OSP_OK;
	(void) closed_by_broker(amqp, frame, OSP_EREFUSED, err);
	amqp->channel_open = false;
	if (answer_close(amqp, AMQP_CHANNEL, AMQP_CHANNEL_CLOSE_OK) != OSP_OK)
		return osp__amqp_broken(
			amqp, OSP_EUNAVAIL, err, "lost the connection to");
	return OSP_EREFUSED;
}

/* Takes the next frame that has come whole. OSP_ENOENT: there is none. */
static osp_status
take_next(osp_amqp *amqp, osp_amqp_frame *frame, osp_error *err)
{
	osp_status status;

	do
	{
		osp_str bytes =
			osp_str_n(amqp->in.ptr + amqp->in_at, amqp->in.len - amqp->in_at);
		size_t taken;

		if (bytes.len == 0)
			return OSP_ENOENT;
		status = osp__amqp_take_frame(bytes, amqp->frame_max, frame, &taken);
		if (status == OSP_EPROTO)
			return osp__amqp_malformed(amqp, err);
		if (status != OSP_OK)
			return status;
		amqp->in_at += taken;
		status = look_at(amqp, frame, err);
	}
	while (status == OSP_ENOENT);
	return status;
}

osp_status
osp__amqp_take_waiting(osp_amqp *amqp, osp_amqp_frame *frame, osp_error *err)
{
	osp_status status;
	bool some;

	forget_taken(amqp);
	do
		status = read_some(amqp, &some);
	while (status == OSP_OK && some && amqp->in.len < AMQP_FRAME_MAX);
	return status == OSP_OK ? take_next(amqp, frame, err)
							: no_memory(amqp, status, err);
}

/* Waits for more; OSP_ENOENT: nothing came within idle_ms. */
static osp_status
wait_for_more(osp_amqp *amqp, unsigned idle_ms, osp_error *err)
{
	osp_wait wait = amqp->wait;
	osp_status status = osp__wait_check(&wait);

	if (status == OSP_OK && idle_ms != 0)
		wait.timeout_ms = idle_ms;
	if (status == OSP_OK)
		status = osp__wait_fd(&wait, amqp->stream.fd, POLLIN);
	if (status == OSP_EUNAVAIL && idle_ms != 0 &&
		osp__wait_check(&amqp->wait) == OSP_OK)
		return OSP_ENOENT;
	return status == OSP_OK ? OSP_OK : too_slow(amqp, status, err);
}

osp_status
osp__amqp_next(osp_amqp *amqp, osp_amqp_frame *frame, unsigned idle_ms,
			   osp_error *err)
{
	for (;;)
	{
		osp_status status = take_next(amqp, frame, err);
		bool some;

		if (status != OSP_ENOENT)
			return status;
		if (amqp->ended)
			return osp__amqp_broken(
				amqp, OSP_EUNAVAIL, err, "lost the connection to");
		status = osp__wait_check(&amqp->wait);
		if (status != OSP_OK)
			return too_slow(amqp, status, err);
		forget_taken(amqp);
		status = read_some(amqp, &some);
		if (status != OSP_OK)
			return no_memory(amqp, status, err);
		if (!some && !amqp->ended)
			status = wait_for_more(amqp, idle_ms, err);
		if (status != OSP_OK)
			return status;
	}
}

osp_status
osp__amqp_expect(osp_amqp *amqp, uint32_t method, osp_amqp_frame *frame,
				 osp_error *err)
{
	osp_status status = osp__amqp_send(amqp, err);

	while (status == OSP_OK)
	{
		status = osp__amqp_next(amqp, frame, 0, err);
		if (status != OSP_OK || frame->method == method)
			break;
		if (frame->channel == 0 ||
			(frame->method != 0 && frame->method >> 16 != AMQP_BASIC))
			return osp__amqp_malformed(amqp, err);
	}
	return status;
}
