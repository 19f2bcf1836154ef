/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_node.c
 *	  A connection to one Redis server or sentinel.
 */
#include "redis_node.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/buf_fast.h"
#include "record/clock.h"

/* A longer argument is sent directly from the caller's memory. */
#define DIRECT ((size_t) 16 * 1024)

/* Room for a line with a length, and for the end of line after the value. */
#define LENGTH_MAX 32

/* How long a server's replicas are not waited for after they did not keep up. */
#define DOUBT_NS (INT64_C(30) * 1000000000)

void
osp__redis_node_init(osp_redis_node *node, osp_redis_shared *shared,
					 const char *kind)
{
	memset(node, 0, sizeof(*node));
	node->shared = shared;
	node->kind = kind;
	osp__stream_init(&node->stream, &shared->wait);
	osp_buf_init(&node->out, shared->alc, REDIS_OUT_MAX);
}

void
osp__redis_node_term(osp_redis_node *node)
{
	osp__redis_node_drop(node);
	osp_buf_term(&node->out);
}

void
osp__redis_node_set(osp_redis_node *node, osp_str name, unsigned port)
{
	if (osp_str_eq(name, osp_str_of(node->name)) && port == node->port)
		return;
	osp__redis_node_drop(node);
	node->doubt_ns = 0;
	node->port = port;
	(void) snprintf(node->name,
					sizeof(node->name),
					"%.*s",
					(int) (name.len < REDIS_NAME_MAX ? name.len : 0),
					name.ptr);
	if (port == 0)
		(void) snprintf(node->where, sizeof(node->where), "%.127s", node->name);
	else
		(void) snprintf(
			node->where, sizeof(node->where), "%.100s:%u", node->name, port);
}

void
osp__redis_node_set_replica(osp_redis_node *node, bool has_replica)
{
	node->has_replica =
		has_replica &&
		(node->doubt_ns == 0 || osp_mono_now() - node->doubt_ns > DOUBT_NS);
}

void
osp__redis_node_drop(osp_redis_node *node)
{
	osp__stream_close(&node->stream);
	if (node->reader != NULL)
		redisReaderFree(node->reader);
	node->reader = NULL;
	node->pending = 0;
	osp_buf_reset(&node->out);
}

static osp_status
open_stream(osp_redis_node *node, osp_error *err)
{
	const osp_redis_settings *settings = &node->shared->settings;
	osp_stream *stream = &node->stream;
	char server[sizeof(node->where) + 16];
	osp_status status;

	(void) snprintf(
		server, sizeof(server), "%s at %s", node->kind, node->where);
	if (node->port == 0)
		return osp__stream_connect_local(stream, node->name, server, err);
	status = osp__stream_connect(stream, node->name, node->port, server, err);
	if (status == OSP_OK && settings->encrypted)
		status = osp__stream_start_tls(
			stream, node->name, &settings->tls, server, err);
	return status;
}

/* Reads the reply to one command of the handshake. */
static osp_status
expect_ok(osp_redis_node *node, osp_error *err)
{
	osp_status status = osp__redis_node_reply(node, err);

	if (status == OSP_OK && node->shared->items[0].type != REDIS_REPLY_STATUS)
		status = osp__redis_node_trouble(node, err);
	return status;
}

static osp_status
log_in(osp_redis_node *node, const osp_redis_login *login, unsigned db,
	   osp_error *err)
{
	osp_status status = OSP_OK;
	char digits[16];

	if (login->is_set)
	{
		osp__redis_node_begin(node, login->user.len > 0 ? 3 : 2);
		osp__redis_node_arg(node, OSP_STR("AUTH"));
		if (login->user.len > 0)
			osp__redis_node_arg(node, login->user);
		osp__redis_node_arg(node, login->password);
	}
	if (db != 0)
	{
		osp__redis_node_begin(node, 2);
		osp__redis_node_arg(node, OSP_STR("SELECT"));
		(void) snprintf(digits, sizeof(digits), "%u", db);
		osp__redis_node_arg(node, osp_str_of(digits));
	}
	osp__redis_node_send(node);
	if (login->is_set)
		status = expect_ok(node, err);
	if (db != 0 && status == OSP_OK)
		status = expect_ok(node, err);
	return status;
}

bool
osp__redis_node_is_quiet(osp_redis_node *node)
{
	return node->reader != NULL && node->failure.code == OSP_OK &&
		   node->pending == 0 && node->reader->pos >= node->reader->len &&
		   osp__stream_is_quiet(&node->stream);
}

osp_status
osp__redis_node_connect(osp_redis_node *node, const osp_redis_login *login,
						unsigned db, osp_error *err)
{
	osp_status status;

	/*
	 * If no reply is outstanding, the server has nothing to say, except that it
	 * closes the connection (a restart, an idle timeout).
	 */
	node->is_away = false;
	if (osp__redis_node_is_quiet(node))
		return OSP_OK;
	osp__redis_node_drop(node);
	memset(&node->failure, 0, sizeof(node->failure));
	node->peer_closed = false;
	status = open_stream(node, err);
	if (status != OSP_OK)
		return status;
	if (osp__redis_new_reader(node))
		return log_in(node, login, db, err);
	osp__redis_node_drop(node);
	return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
}

static void
send_failed(osp_redis_node *node, osp_status code, const char *why)
{
	(void) osp_error_set(&node->failure,
						 code,
						 "cannot send to %s at %s: %s",
						 node->kind,
						 node->where,
						 why);
}

/* Sends len bytes, unless sending has failed before. */
static void
send_bytes(osp_redis_node *node, const char *bytes, size_t len)
{
	while (len > 0 && node->failure.code == OSP_OK)
	{
		ssize_t sent = osp__stream_write(&node->stream, bytes, len);
		osp_status status;

		if (sent > 0)
		{
			bytes += sent;
			len -= (size_t) sent;
		}
		else if (sent == 0)
		{
			status =
				osp__wait_fd(&node->shared->wait, node->stream.fd, POLLOUT);
			if (status != OSP_OK)
				send_failed(node,
							status,
							status == OSP_EINTR ? "interrupted"
												: "it takes nothing in");
		}
		else
		{
			node->peer_closed = true;
			send_failed(node,
						OSP_EUNAVAIL,
						node->stream.why != NULL ? node->stream.why
												 : strerror(errno));
		}
	}
}

void
osp__redis_node_send(osp_redis_node *node)
{
	if (osp_buf_status(&node->out) != OSP_OK)
		send_failed(node, OSP_ENOMEM, "out of memory");
	send_bytes(node, node->out.ptr, node->out.len);
	osp_buf_reset(&node->out);
}

/* Writes kind, a length and the end of the line. Returns the end of this text. */
static char *
put_length(char *out, char kind, size_t length)
{
	char digits[LENGTH_MAX];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char) ('0' + length % 10);
	while ((length /= 10) > 0);
	*out++ = kind;
	memcpy(out, digits + i, sizeof(digits) - i);
	out += sizeof(digits) - i;
	*out++ = '\r';
	*out++ = '\n';
	return out;
}

void
osp__redis_node_begin(osp_redis_node *node, size_t count)
{
	osp_buf *buf = &node->out;
	char *out = osp__buf_room(buf, LENGTH_MAX);

	node->pending++;
	if (out != NULL)
		buf->len = (size_t) (put_length(out, '*', count) - buf->ptr);
}

void
osp__redis_node_arg(osp_redis_node *node, osp_str text)
{
	const bool direct = text.len > DIRECT;
	osp_buf *buf = &node->out;
	char *out = osp__buf_room(buf, LENGTH_MAX + (direct ? 0 : text.len));

	if (out == NULL)
		return;
	out = put_length(out, '$', text.len);
	if (direct)
	{
		buf->len = (size_t) (out - buf->ptr);
		osp__redis_node_send(node);
		send_bytes(node, text.ptr, text.len);
		out = buf->ptr;
	}
	else
	{
		memcpy(out, text.ptr, text.len);
		out += text.len;
	}
	*out++ = '\r';
	*out++ = '\n';
	buf->len = (size_t) (out - buf->ptr);
	if (buf->len >= REDIS_OUT_MAX / 2)
		osp__redis_node_send(node);
}

osp_status
osp__redis_node_ask(osp_redis_node *node, osp_error *err)
{
	osp__redis_node_send(node);
	return osp__redis_node_reply(node, err);
}

osp_status
osp__redis_node_trouble(osp_redis_node *node, osp_error *err)
{
	const osp_redis_shared *shared = node->shared;
	osp_str what = OSP_STR("an answer of an unexpected type");
	const char *advice = "";

	if (shared->items[0].type == REDIS_REPLY_ERROR)
		what = osp__redis_text(shared, 0);
	if (osp__redis_is_error(shared, "NOAUTH") ||
		osp__redis_is_error(shared, "ERR Protocol error: unauthenticated"))
		advice = " (give the password: redis://:PASSWORD@HOST)";
	else if (osp__redis_is_error(shared, "WRONGPASS"))
		advice = " (correct the password in the connection string)";
	else if (osp__redis_is_error(shared, "MOVED"))
		advice = " (allow CLUSTER SLOTS, and leave out the database)";
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%s at %s says: %.*s%s",
						 node->kind,
						 node->where,
						 (int) (what.len < 120 ? what.len : 120),
						 what.ptr,
						 advice);
	osp__redis_node_drop(node);
	return OSP_EUNAVAIL;
}
