/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_reply.c
 *	  Reading replies of a Redis server with hiredis's parser.
 *
 * The parser gets what the socket had, and calls us for each element. We keep a
 * flat list of the elements, and check at each of them, and before each feed,
 * that we and the parser together hold no more than memory_max. An array is
 * announced to us before any of its elements is read, and takes memory only for
 * those that have arrived; a string is announced when it is complete.
 */
#include "record/clock.h"
#include "redis_conn.h"

#include <poll.h>

#define READ_BYTES ((size_t) 16 * 1024)

/* Longest reply of one line. */
#define LINE_MAX ((size_t) 64 * 1024)

/* Room for a reply that is kept for the next ones. */
#define KEPT_BYTES ((size_t) 4 * 1024 * 1024)

/* ---- called by the parser ---- */

/* Would the reply, with so many bytes more, still be within memory_max? */
static bool
check_room(osp_redis *redis, size_t bytes)
{
	size_t held = redis->reader->len + redis->texts.len + redis->elements.len;

	if (held <= redis->memory_max && bytes <= redis->memory_max - held)
		return true;
	redis->too_large = true;
	return false;
}

/* The parser takes NULL for a lack of memory and stops. It never looks into what
 * else it gets. */
static void *
add_item(osp_redis *redis, const osp_redis_item *item)
{
	if (!check_room(redis, sizeof(*item)))
		return NULL;
	osp_buf_add(&redis->elements, item, sizeof(*item));
	return osp_buf_status(&redis->elements) == OSP_OK ? redis : NULL;
}

static void *
create_string(const redisReadTask *task, char *text, size_t len)
{
	osp_redis *redis = task->privdata;
	osp_redis_item item = {task->type, redis->texts.len, len, 0};

	if (!check_room(redis, len + 1))
		return NULL;
	osp_buf_add(&redis->texts, text, len);
	osp_buf_add_char(&redis->texts, '\0');
	return osp_buf_status(&redis->texts) == OSP_OK ? add_item(redis, &item)
												   : NULL;
}

static void *
create_array(const redisReadTask *task, redis_array_length count)
{
	osp_redis *redis = task->privdata;
	osp_redis_item item = {task->type, 0, 0, (int64_t) count};

	if ((size_t) count > redis->memory_max / sizeof(item))
	{
		redis->too_large = true;
		return NULL;
	}
	return add_item(redis, &item);
}

static void *
create_integer(const redisReadTask *task, long long value)
{
	osp_redis_item item = {task->type, 0, 0, value};

	return add_item(task->privdata, &item);
}

static void *
create_nil(const redisReadTask *task)
{
	osp_redis_item item = {REDIS_REPLY_NIL, 0, 0, 0};

	return add_item(task->privdata, &item);
}

static void
free_nothing(void *object)
{
	(void) object;
}

/* Not const only because hiredis 0.14 does not take it so. */
static redisReplyObjectFunctions functions = {.createString = create_string,
											  .createArray = create_array,
											  .createInteger = create_integer,
											  .createNil = create_nil,
											  .freeObject = free_nothing};

bool
osp__redis_new_reader(osp_redis *redis)
{
	redis->too_large = false;
	redis->reader = redisReaderCreateWithFunctions(&functions);
	if (redis->reader != NULL)
		redis->reader->privdata = redis;
	return redis->reader != NULL;
}

/* ---- why no reply comes ---- */

/* Ends the call, unless sending has failed before, which is why. */
static osp_status
no_reply(osp_redis *redis, osp_status status, osp_error *err, const char *what)
{
	if (redis->failure.code != OSP_OK)
	{
		status = redis->failure.code;
		(void) osp_error_set(err, status, "%s", redis->failure.msg);
	}
	else
		(void) osp_error_set(err, status, "%s redis at %s", what, redis->where);
	osp__redis_drop(redis);
	return status;
}

/* The wait for the server ended without an answer. */
static osp_status
no_answer(osp_redis *redis, osp_status status, osp_error *err)
{
	const osp_wait *wait = &redis->wait;
	unsigned ms =
		osp_mono_now() < wait->end_ns ? wait->timeout_ms : wait->deadline_ms;

	if (status == OSP_EINTR)
		return no_reply(redis, status, err, "interrupted while waiting for");
	(void) osp_error_set(err,
						 status,
						 "redis at %s does not answer within %u ms",
						 redis->where,
						 ms);
	osp__redis_drop(redis);
	return status;
}

static osp_status
no_redis(osp_redis *redis, osp_error *err)
{
	osp_status status = osp_error_set(err,
									  OSP_EUNAVAIL,
									  "what answers at %s is no redis server",
									  redis->where);

	osp__redis_drop(redis);
	return status;
}

/* The parser stopped: by what we refused, or by what it did not understand. */
static osp_status
not_parsed(osp_redis *redis, osp_error *err)
{
	osp_status status;

	if (!redis->too_large)
		return redis->reader->err == REDIS_ERR_OOM
				   ? osp__redis_broken(redis, OSP_ENOMEM, err)
				   : no_redis(redis, err);
	status = osp_error_set(err,
						   OSP_EFULL,
						   "an answer of redis at %s is larger than "
						   "the %zu bytes that it may have here",
						   redis->where,
						   redis->memory_max);
	osp__redis_drop(redis);
	return status;
}

/* ---- reading ---- */

/* Does the parser wait for the end of a line that is too long for one? */
static bool
is_endless_line(const redisReader *reader)
{
	return reader->len - reader->pos > LINE_MAX &&
		   memchr(reader->buf + reader->pos, '\n', LINE_MAX) == NULL;
}

/* Feeds the parser with what the server has sent, or waits for it: then the caller
 * comes again. */
static osp_status
read_more(osp_redis *redis, osp_error *err)
{
	osp_status status = osp__wait_check(&redis->wait);
	char bytes[READ_BYTES];
	ssize_t got;

	if (status != OSP_OK)
		return no_answer(redis, status, err);
	got = osp__stream_read(&redis->stream, bytes, sizeof(bytes));
	if (got < 0)
		return no_reply(redis, OSP_EUNAVAIL, err, "lost the connection to");
	if (got == 0)
	{
		status = osp__wait_fd(&redis->wait, redis->stream.fd, POLLIN);
		return status == OSP_OK ? OSP_OK : no_answer(redis, status, err);
	}
	if (!check_room(redis, (size_t) got) ||
		redisReaderFeed(redis->reader, bytes, (size_t) got) != REDIS_OK)
		return not_parsed(redis, err);
	return OSP_OK;
}

/* Forgets the reply before, and the room for a very long one. */
static void
forget_reply(osp_buf *buf)
{
	if (buf->cap > KEPT_BYTES)
		osp_buf_term(buf);
	osp_buf_reset(buf);
}

osp_status
osp__redis_reply(osp_redis *redis, osp_error *err)
{
	void *reply = NULL;

	forget_reply(&redis->texts);
	forget_reply(&redis->elements);

	/* A server that closes the connection may have said why before. */
	if (redis->reader == NULL ||
		(redis->failure.code != OSP_OK && !redis->peer_closed))
		return no_reply(redis, OSP_EUNAVAIL, err, "lost the connection to");
	for (;;)
	{
		osp_status status;

		if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK)
			return not_parsed(redis, err);
		if (reply != NULL)
			break;
		if (is_endless_line(redis->reader))
			return no_redis(redis, err);
		status = read_more(redis, err);
		if (status != OSP_OK)
			return status;
	}
	redis->items = (const osp_redis_item *) (const void *) redis->elements.ptr;
	redis->count = redis->elements.len / sizeof(osp_redis_item);

	/* Later versions of hiredis know types that Redis uses only if asked to. */
	return redis->count > 0 ? OSP_OK : no_redis(redis, err);
}

bool
osp__redis_has_more(const osp_redis *redis)
{
	struct pollfd polled = {redis->stream.fd, POLLIN, 0};

	return redis->reader->pos < redis->reader->len || poll(&polled, 1, 0) != 0;
}

bool
osp__redis_is_error(const osp_redis *redis, const char *prefix)
{
	return redis->items[0].type == REDIS_REPLY_ERROR &&
		   strncmp(osp__redis_text(redis, 0).ptr, prefix, strlen(prefix)) == 0;
}
