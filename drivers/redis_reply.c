/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_reply.c
 *	  Reading replies of a Redis server: RESP 2, in place.
 *
 * A reply is kept as it came, and described by a flat list of its elements. No
 * memory is taken for what a server only announces: room grows with the bytes
 * that came, and a length beyond the bound is refused when it is read.
 */
#include "redis_conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define READ_BYTES ((size_t) 64 * 1024)
#define LINE_MAX   ((size_t) 64 * 1024)

/* Room for a reply that is kept for the next ones. */
#define KEPT_BYTES ((size_t) 4 * 1024 * 1024)

/* The shortest element: ":0\r\n". */
#define ELEMENT_MIN 4

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

static osp_status
too_large(osp_redis *redis, osp_error *err)
{
	osp_status status = osp_error_set(err,
									  OSP_EFULL,
									  "an answer of redis at %s is larger than "
									  "the %zu bytes that it may have here",
									  redis->where,
									  redis->memory_max);

	osp__redis_drop(redis);
	return status;
}

/* Room for one more element. */
static bool
reserve_item(osp_redis *redis)
{
	size_t cap = redis->cap > 0 ? 2 * redis->cap : 64;
	osp_redis_item *items;

	if (redis->count < redis->cap)
		return true;
	items = osp_realloc(redis->alc, redis->items, cap * sizeof(*items));
	if (items == NULL)
		return false;
	redis->items = items;
	redis->cap = cap;
	return true;
}

/* A whole number of at most 18 digits. */
static bool
read_number(osp_str text, int64_t *out)
{
	bool negative = text.len > 0 && text.ptr[0] == '-';
	size_t i = negative ? 1 : 0;
	int64_t value = 0;

	if (text.len == i || text.len > 18 + i)
		return false;
	for (; i < text.len; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (text.ptr[i] - '0');
	}
	*out = negative ? -value : value;
	return true;
}

typedef enum parsed
{
	PARSED,
	NEEDS_MORE,
	IS_WRONG,
	IS_TOO_LARGE
} parsed;

/* The string or the array whose line was read: what its length lets it have. */
static parsed
check_length(osp_redis *redis, osp_redis_item *item)
{
	const osp_buf *in = &redis->in;
	size_t max = redis->memory_max;

	if (item->number < -1)
		return IS_WRONG;
	if (item->number == -1)
		return PARSED;
	if ((uint64_t) item->number >
		(item->type == '$' ? max : max / sizeof(osp_redis_item)))
		return IS_TOO_LARGE;
	if (item->type == '*')
		return PARSED;
	item->len = (size_t) item->number;
	if (in->len - item->at < item->len + 2)
		return NEEDS_MORE;
	return memcmp(in->ptr + item->at + item->len, "\r\n", 2) == 0 ? PARSED
																  : IS_WRONG;
}

/* The element at in_pos, which moves on behind it. */
static parsed
parse_item(osp_redis *redis, osp_redis_item *item)
{
	const char *begin = redis->in.ptr + redis->in_pos;
	size_t left = redis->in.len - redis->in_pos;
	const char *end = left > 0 ? memchr(begin, '\n', left) : NULL;
	parsed result = PARSED;
	size_t len;

	if (left > 0 && memchr("+-:$*", *begin, 5) == NULL)
		return IS_WRONG;
	if (end == NULL)
		return left < LINE_MAX ? NEEDS_MORE : IS_WRONG;
	len = (size_t) (end - begin) + 1;
	if (len < 3 || end[-1] != '\r')
		return IS_WRONG;
	item->type = *begin;
	item->number = 0;
	item->at = redis->in_pos + 1;
	item->len = len - 3;
	if (item->type != '+' && item->type != '-' &&
		!read_number(osp_str_n(begin + 1, len - 3), &item->number))
		return IS_WRONG;
	if (item->type == '$' || item->type == '*')
	{
		item->at = redis->in_pos + len;
		item->len = 0;
		result = check_length(redis, item);
	}
	if (result == PARSED)
		redis->in_pos +=
			len + (item->type == '$' && item->number >= 0 ? item->len + 2 : 0);
	return result;
}

/* Begins with the next reply: forgets those that were used, when it is worth
 * while, and room for very long ones. */
static void
forget_used(osp_redis *redis)
{
	osp_buf *in = &redis->in;

	redis->count = 0;
	redis->in_begin = redis->in_pos;
	if (redis->in_begin < in->len - redis->in_begin)
		return;
	in->len -= redis->in_begin;
	if (in->len == 0 && in->cap > KEPT_BYTES)
		osp_buf_term(in);
	else if (in->len > 0)
		memmove(in->ptr, in->ptr + redis->in_begin, in->len);
	redis->in_begin = redis->in_pos = 0;
	if (redis->cap * sizeof(redis->items[0]) > KEPT_BYTES)
	{
		osp_free(redis->alc, redis->items);
		redis->items = NULL;
		redis->cap = 0;
	}
}

/* Takes in what the server has sent, after waiting for it. */
static osp_status
read_more(osp_redis *redis, osp_error *err)
{
	osp_buf *in = &redis->in;
	osp_status status = osp__wait_check(&redis->wait);

	if (status != OSP_OK)
		return no_answer(redis, status, err);
	if (!osp_buf_reserve(in, READ_BYTES))
		return osp_buf_status(in) == OSP_EFULL
				   ? too_large(redis, err)
				   : osp__redis_broken(redis, OSP_ENOMEM, err);
	for (;;)
	{
		ssize_t got =
			recv(redis->fd, in->ptr + in->len, READ_BYTES, MSG_DONTWAIT);

		if (got > 0)
		{
			in->len += (size_t) got;
			return OSP_OK;
		}
		if (got == 0 ||
			(errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
			return no_reply(redis, OSP_EUNAVAIL, err, "lost the connection to");
		status = osp__wait_fd(&redis->wait, redis->fd, POLLIN);
		if (status != OSP_OK)
			return no_answer(redis, status, err);
	}
}

osp_status
osp__redis_reply(osp_redis *redis, osp_error *err)
{
	uint64_t pending = 1; /* elements to be read */

	forget_used(redis);

	/* A server that closes the connection may have said why before. */
	if (redis->failure.code != OSP_OK && !redis->peer_closed)
		return no_reply(redis, redis->failure.code, err, "");
	while (pending > 0)
	{
		osp_redis_item *item;
		osp_status status = OSP_OK;

		if (!reserve_item(redis))
			return osp__redis_broken(redis, OSP_ENOMEM, err);
		item = &redis->items[redis->count];
		switch (parse_item(redis, item))
		{
			case PARSED:
				redis->count++;
				pending--;
				if (item->type == '*' && item->number > 0)
					pending += (uint64_t) item->number;
				if (redis->in.len - redis->in_begin +
						redis->count * sizeof(*item) >
					redis->memory_max)
					return too_large(redis, err);
				break;
			case NEEDS_MORE:
				status = read_more(redis, err);
				break;
			case IS_TOO_LARGE:
				return too_large(redis, err);
			default:
				return no_redis(redis, err);
		}
		if (status != OSP_OK)
			return status;
	}
	return OSP_OK;
}

bool
osp__redis_has_more(const osp_redis *redis)
{
	struct pollfd polled = {redis->fd, POLLIN, 0};

	return redis->in_pos < redis->in.len || poll(&polled, 1, 0) != 0;
}

bool
osp__redis_is_error(const osp_redis *redis, const char *prefix)
{
	osp_str text = osp__redis_text(redis, 0);
	size_t len = strlen(prefix);

	return redis->items[0].type == '-' && text.len >= len &&
		   memcmp(text.ptr, prefix, len) == 0;
}
