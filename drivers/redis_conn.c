/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_conn.c
 *	  A connection to a Redis server that makes itself again after a failure.
 */
#include "redis_conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* What is longer goes out from the caller's memory. */
#define DIRECT ((size_t) 16 * 1024)

void
osp__redis_term(osp_redis *redis)
{
	osp__redis_drop(redis);
	osp_buf_term(&redis->out);
	osp_buf_term(&redis->texts);
	osp_buf_term(&redis->elements);
	osp_free(redis->alc, redis->address);
	osp_free(redis->alc, redis->storage);
}

void
osp__redis_drop(osp_redis *redis)
{
	osp__stream_close(&redis->stream);
	if (redis->reader != NULL)
		redisReaderFree(redis->reader);
	redis->reader = NULL;
	osp_buf_reset(&redis->out);
}

osp_status
osp__redis_broken(osp_redis *redis, osp_status status, osp_error *err)
{
	osp__redis_drop(redis);
	return osp_error_set(err, status, "redis: %s", osp_status_text(status));
}

static osp_status
open_stream(osp_redis *redis, osp_error *err)
{
	char server[sizeof(redis->where) + 16];

	(void) snprintf(server, sizeof(server), "redis at %s", redis->where);
	return redis->is_unix
			   ? osp__stream_connect_local(
					 &redis->stream, redis->address, server, err)
			   : osp__stream_connect(
					 &redis->stream, redis->address, redis->port, server, err);
}

/* Reads the reply to one command of the handshake. */
static osp_status
expect_ok(osp_redis *redis, osp_error *err)
{
	osp_status status = osp__redis_reply(redis, err);

	if (status == OSP_OK && redis->items[0].type != REDIS_REPLY_STATUS)
		status = osp__redis_trouble(redis, err);
	return status;
}

static osp_status
log_in(osp_redis *redis, osp_error *err)
{
	osp_status status = OSP_OK;

	if (redis->has_login)
	{
		osp__redis_begin(redis, redis->user.len > 0 ? 3 : 2);
		osp__redis_arg(redis, OSP_STR("AUTH"));
		if (redis->user.len > 0)
			osp__redis_arg(redis, redis->user);
		osp__redis_arg(redis, redis->password);
	}
	if (redis->db != 0)
	{
		osp__redis_begin(redis, 2);
		osp__redis_arg(redis, OSP_STR("SELECT"));
		osp__redis_arg_i64(redis, (int64_t) redis->db);
	}
	osp__redis_send(redis);
	if (redis->has_login)
		status = expect_ok(redis, err);
	if (redis->db != 0 && status == OSP_OK)
		status = expect_ok(redis, err);
	return status;
}

osp_status
osp__redis_connect(osp_redis *redis, osp_error *err)
{
	osp_status status;

	memset(&redis->failure, 0, sizeof(redis->failure));
	redis->peer_closed = false;

	/* With no reply outstanding the server has nothing to say, unless that it
	 * has closed the connection (a restart, an idle timeout). */
	if (redis->stream.fd >= 0 && !osp__redis_has_more(redis))
		return OSP_OK;
	osp__redis_drop(redis);
	status = open_stream(redis, err);
	if (status != OSP_OK)
		return status;
	return osp__redis_new_reader(redis)
			   ? log_in(redis, err)
			   : osp__redis_broken(redis, OSP_ENOMEM, err);
}

osp_status
osp__redis_begin_call(osp_redis *redis, osp_error *err)
{
	osp__wait_begin(&redis->wait);
	return osp__redis_connect(redis, err);
}

static void
send_failed(osp_redis *redis, osp_status code, const char *why)
{
	(void) osp_error_set(&redis->failure,
						 code,
						 "cannot send to redis at %s: %s",
						 redis->where,
						 why);
}

/* Sends len bytes, unless sending has failed before. */
static void
send_bytes(osp_redis *redis, const char *bytes, size_t len)
{
	while (len > 0 && redis->failure.code == OSP_OK)
	{
		ssize_t sent = osp__stream_write(&redis->stream, bytes, len);
		osp_status status;

		if (sent > 0)
		{
			bytes += sent;
			len -= (size_t) sent;
		}
		else if (sent == 0)
		{
			status = osp__wait_fd(&redis->wait, redis->stream.fd, POLLOUT);
			if (status != OSP_OK)
				send_failed(redis,
							status,
							status == OSP_EINTR ? "interrupted"
												: "it takes nothing in");
		}
		else
		{
			redis->peer_closed = true;
			send_failed(redis, OSP_EUNAVAIL, strerror(errno));
		}
	}
}

void
osp__redis_send(osp_redis *redis)
{
	if (osp_buf_status(&redis->out) != OSP_OK)
		send_failed(redis, OSP_ENOMEM, "out of memory");
	send_bytes(redis, redis->out.ptr, redis->out.len);
	osp_buf_reset(&redis->out);
}

static void
add_length(osp_redis *redis, char kind, size_t length)
{
	osp_buf_add_char(&redis->out, kind);
	osp_buf_add_i64(&redis->out, (int64_t) length);
	osp_buf_add(&redis->out, "\r\n", 2);
}

void
osp__redis_begin(osp_redis *redis, size_t count)
{
	add_length(redis, '*', count);
}

void
osp__redis_arg2(osp_redis *redis, osp_str first, osp_str second)
{
	add_length(redis, '$', first.len + second.len);
	osp_buf_add_str(&redis->out, first);
	if (second.len <= DIRECT)
		osp_buf_add_str(&redis->out, second);
	else
	{
		osp__redis_send(redis);
		send_bytes(redis, second.ptr, second.len);
	}
	osp_buf_add(&redis->out, "\r\n", 2);
	if (redis->out.len >= REDIS_OUT_MAX / 2)
		osp__redis_send(redis);
}

void
osp__redis_arg(osp_redis *redis, osp_str text)
{
	osp__redis_arg2(redis, OSP_STR(""), text);
}

void
osp__redis_arg_i64(osp_redis *redis, int64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long) value);

	osp__redis_arg(redis, osp_str_n(digits, (size_t) len));
}

osp_status
osp__redis_trouble(osp_redis *redis, osp_error *err)
{
	osp_str what = OSP_STR("an answer of an unexpected type");
	const char *advice = "";

	if (redis->items[0].type == REDIS_REPLY_ERROR)
		what = osp__redis_text(redis, 0);
	if (osp__redis_is_error(redis, "NOAUTH") ||
		osp__redis_is_error(redis, "ERR Protocol error: unauthenticated"))
		advice = " (give the password: redis://:PASSWORD@HOST)";
	else if (osp__redis_is_error(redis, "WRONGPASS"))
		advice = " (correct the password in the connection string)";
	else if (osp__redis_is_error(redis, "MOVED"))
		advice = " (a Redis cluster is not supported)";
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "redis at %s says: %.*s%s",
						 redis->where,
						 (int) (what.len < 120 ? what.len : 120),
						 what.ptr,
						 advice);
	osp__redis_drop(redis);
	return OSP_EUNAVAIL;
}
