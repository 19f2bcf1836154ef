/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_conn.c
 *	  A connection to a Redis server that makes itself again after a failure.
 */
#include "redis_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

/* What is longer goes out from the caller's memory. */
#define DIRECT ((size_t) 64 * 1024)

void
osp__redis_term(osp_redis *redis)
{
	osp__redis_drop(redis);
	osp_buf_term(&redis->out);
	osp_free(redis->alc, redis->address);
	osp_free(redis->alc, redis->storage);
}

void
osp__redis_drop(osp_redis *redis)
{
	if (redis->ctx != NULL)
		redisFree(redis->ctx);
	redis->ctx = NULL;
	osp_buf_reset(&redis->out);
}

/*
 * With no reply outstanding the server has nothing to say, unless that it has
 * closed the connection (a restart, an idle timeout).
 */
static bool
still_open(const osp_redis *redis)
{
	struct pollfd fd = {redis->ctx->fd, POLLIN, 0};

	return poll(&fd, 1, 0) == 0;
}

static osp_status
open_socket(osp_redis *redis, osp_error *err)
{
	struct timeval limit;
	redisContext *ctx;

	limit.tv_sec = (time_t) (redis->timeout_ms / 1000);
	limit.tv_usec = (suseconds_t) (redis->timeout_ms % 1000) * 1000;
	ctx =
		redis->is_unix
			? redisConnectUnixWithTimeout(redis->address, limit)
			: redisConnectWithTimeout(redis->address, (int) redis->port, limit);
	redis->ctx = ctx;
	if (ctx == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	if (ctx->err != 0 || redisSetTimeout(ctx, limit) != REDIS_OK)
	{
		(void) osp_error_set(err,
							 OSP_EUNAVAIL,
							 "cannot connect to redis at %s: %s",
							 redis->where,
							 ctx->errstr);
		osp__redis_drop(redis);
		return OSP_EUNAVAIL;
	}
	(void) fcntl(ctx->fd, F_SETFD, FD_CLOEXEC);
	return OSP_OK;
}

/* Reads the reply to one command of the handshake. */
static osp_status
expect_ok(osp_redis *redis, osp_error *err)
{
	redisReply *reply;
	osp_status status = osp__redis_reply(redis, &reply, err);

	if (reply == NULL)
		return status;
	if (reply->type != REDIS_REPLY_STATUS)
		status = osp__redis_trouble(redis, reply, err);
	freeReplyObject(reply);
	return status;
}

osp_status
osp__redis_connect(osp_redis *redis, osp_error *err)
{
	osp_status status = OSP_OK;

	memset(&redis->failure, 0, sizeof(redis->failure));
	redis->peer_closed = false;
	if (redis->ctx != NULL && still_open(redis))
		return OSP_OK;
	osp__redis_drop(redis);
	status = open_socket(redis, err);
	if (status != OSP_OK)
		return status;

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
		ssize_t sent = send(redis->ctx->fd, bytes, len, MSG_NOSIGNAL);

		if (sent >= 0)
		{
			bytes += sent;
			len -= (size_t) sent;
		}
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			send_failed(redis, OSP_EUNAVAIL, "it takes nothing in");
		else if (errno != EINTR)
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

/* Tells why no reply came, and drops the connection. */
static osp_status
no_reply(osp_redis *redis, int os_error, osp_error *err)
{
	redisContext *ctx = redis->ctx;
	osp_status status = OSP_EUNAVAIL;

	if (redis->failure.code != OSP_OK)
	{
		if (redis->failure.code == OSP_ENOMEM)
			status = OSP_ENOMEM;
		(void) osp_error_set(err, status, "%s", redis->failure.msg);
	}
	else if (ctx->err == REDIS_ERR_OOM)
	{
		status = OSP_ENOMEM;
		(void) osp_error_set(err, status, "redis: out of memory");
	}
	else if (ctx->err == REDIS_ERR_PROTOCOL)
		(void) osp_error_set(err,
							 status,
							 "what answers at %s is no redis server: %s",
							 redis->where,
							 ctx->errstr);
	else if (ctx->err != REDIS_ERR_EOF &&
			 (os_error == EAGAIN || os_error == EWOULDBLOCK))
		(void) osp_error_set(err,
							 status,
							 "redis at %s does not answer within %u ms",
							 redis->where,
							 redis->timeout_ms);
	else
		(void) osp_error_set(err,
							 status,
							 "lost the connection to redis at %s: %s",
							 redis->where,
							 ctx->errstr);
	osp__redis_drop(redis);
	return status;
}

osp_status
osp__redis_reply(osp_redis *redis, redisReply **reply, osp_error *err)
{
	void *next = NULL;

	*reply = NULL;

	/* A server that closes the connection may have said why before. */
	if (redis->failure.code != OSP_OK && !redis->peer_closed)
		return no_reply(redis, 0, err);
	for (;;)
	{
		if (redisGetReplyFromReader(redis->ctx, &next) != REDIS_OK)
			return no_reply(redis, errno, err);
		if (next != NULL)
			break;
		if (redisBufferRead(redis->ctx) != REDIS_OK)
			return no_reply(redis, errno, err);
	}
	*reply = next;
	return OSP_OK;
}

bool
osp__redis_is_error(const redisReply *reply, const char *prefix)
{
	return reply->type == REDIS_REPLY_ERROR &&
		   strncmp(reply->str, prefix, strlen(prefix)) == 0;
}

osp_status
osp__redis_trouble(osp_redis *redis, const redisReply *reply, osp_error *err)
{
	const char *what = reply->type == REDIS_REPLY_ERROR
						   ? reply->str
						   : "an answer of an unexpected type";
	const char *advice = "";

	if (osp__redis_is_error(reply, "NOAUTH") ||
		osp__redis_is_error(reply, "ERR Protocol error: unauthenticated"))
		advice = " (give the password: redis://:PASSWORD@HOST)";
	else if (osp__redis_is_error(reply, "WRONGPASS"))
		advice = " (correct the password in the connection string)";
	else if (osp__redis_is_error(reply, "MOVED"))
		advice = " (a Redis cluster is not supported)";
	(void) osp_error_set(err,
						 OSP_EUNAVAIL,
						 "redis at %s says: %.120s%s",
						 redis->where,
						 what,
						 advice);
	osp__redis_drop(redis);
	return OSP_EUNAVAIL;
}
