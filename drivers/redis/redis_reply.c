/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_reply.c
 *	  Reads replies of a Redis server with hiredis's parser.
 *
 * The parser gets the bytes from the socket, and calls us for each element. We
 * keep a flat list of the elements. At each element, and before each feed, we
 * check that we and the parser together hold no more than memory_max. For an
 * array the parser calls us before any of its elements is read, so that it
 * takes memory only for those that have arrived; for a string it calls us when
 * the string is complete.
 */
#include "record/clock.h"
#include "redis_node.h"

#include <poll.h>

#define READ_BYTES ((size_t) 16 * 1024)

/* Longest reply of one line. */
#define LINE_MAX ((size_t) 64 * 1024)

/* Buffers up to this size are kept for the next reply. */
#define KEPT_BYTES ((size_t) 4 * 1024 * 1024)

/* ---- called by the parser ---- */

/* Does the reply stay within memory_max with this many bytes more? */
static bool
check_room(osp_redis_node *node, size_t bytes)
{
	size_t held = node->reader->len + node->shared->texts.len +
				  node->shared->elements.len;

	if (held <= node->shared->memory_max &&
		bytes <= node->shared->memory_max - held)
		return true;
	node->too_large = true;
	return false;
}

/*
 * Adds an element to the list. If the result is NULL, the parser stops as for a
 * lack of memory. It never looks into other results.
 */
static void *
add_item(osp_redis_node *node, const osp_redis_item *item)
{
	if (!check_room(node, sizeof(*item)))
		return NULL;
	osp_buf_add(&node->shared->elements, item, sizeof(*item));
	return osp_buf_status(&node->shared->elements) == OSP_OK ? node : NULL;
}

static void *
create_string(const redisReadTask *task, char *text, size_t len)
{
	osp_redis_node *node = task->privdata;
	osp_redis_item item = {task->type, node->shared->texts.len, len, 0};

	if (!check_room(node, len + 1))
		return NULL;
	osp_buf_add(&node->shared->texts, text, len);
	osp_buf_add_char(&node->shared->texts, '\0');
	return osp_buf_status(&node->shared->texts) == OSP_OK
			   ? add_item(node, &item)
			   : NULL;
}

static void *
create_array(const redisReadTask *task, redis_array_length count)
{
	osp_redis_node *node = task->privdata;
	osp_redis_item item = {task->type, 0, 0, (int64_t) count};

	if ((size_t) count > node->shared->memory_max / sizeof(item))
	{
		node->too_large = true;
		return NULL;
	}
	return add_item(node, &item);
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

/* Not const, because hiredis 0.14 does not accept a const pointer. */
static redisReplyObjectFunctions functions = {.createString = create_string,
											  .createArray = create_array,
											  .createInteger = create_integer,
											  .createNil = create_nil,
											  .freeObject = free_nothing};

bool
osp__redis_new_reader(osp_redis_node *node)
{
	node->too_large = false;
	node->reader = redisReaderCreateWithFunctions(&functions);
	if (node->reader != NULL)
		node->reader->privdata = node;
	return node->reader != NULL;
}

/* ---- why no reply comes ---- */

/*
 * Ends the call with this status, or, if sending has failed before, with that
 * failure.
 */
static osp_status
no_reply(osp_redis_node *node, osp_status status, osp_error *err,
		 const char *what)
{
	if (node->failure.code != OSP_OK)
	{
		status = node->failure.code;
		(void) osp_error_set(err, status, "%s", node->failure.msg);
	}
	else
		(void) osp_error_set(err,
							 status,
							 "%s %s at %s%s%s",
							 what,
							 node->kind,
							 node->where,
							 node->stream.why != NULL ? ": " : "",
							 node->stream.why != NULL ? node->stream.why : "");
	osp__redis_node_drop(node);
	return status;
}

/* Reports that the wait for the server ended without an answer. */
static osp_status
no_answer(osp_redis_node *node, osp_status status, osp_error *err)
{
	const osp_wait *wait = &node->shared->wait;
	unsigned ms =
		osp_mono_now() < wait->end_ns ? wait->timeout_ms : wait->deadline_ms;

	if (status == OSP_EINTR)
		return no_reply(node, status, err, "interrupted while waiting for");
	(void) osp_error_set(err,
						 status,
						 "%s at %s does not answer within %u ms",
						 node->kind,
						 node->where,
						 ms);
	osp__redis_node_drop(node);
	return status;
}

static osp_status
no_redis(osp_redis_node *node, osp_error *err)
{
	osp_status status = osp_error_set(err,
									  OSP_EUNAVAIL,
									  "what answers at %s is no %s server",
									  node->where,
									  node->kind);

	osp__redis_node_drop(node);
	return status;
}

static osp_status
out_of_memory(osp_redis_node *node, osp_error *err)
{
	osp__redis_node_drop(node);
	return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
}

/*
 * Reports why the parser stopped: we refused more data, or it did not
 * understand the data.
 */
static osp_status
not_parsed(osp_redis_node *node, osp_error *err)
{
	osp_status status;

	if (!node->too_large)
		return node->reader->err == REDIS_ERR_OOM ? out_of_memory(node, err)
												  : no_redis(node, err);
	status = osp_error_set(err,
						   OSP_EFULL,
						   "an answer of %s at %s is larger than "
						   "the %zu bytes that it may have here",
						   node->kind,
						   node->where,
						   node->shared->memory_max);
	osp__redis_node_drop(node);
	return status;
}

/* ---- reading ---- */

/* Does the parser wait for the end of a line that is already too long? */
static bool
is_endless_line(const redisReader *reader)
{
	return reader->len - reader->pos > LINE_MAX &&
		   memchr(reader->buf + reader->pos, '\n', LINE_MAX) == NULL;
}

/*
 * Feeds the parser with data of the server, or waits for data. Then the caller
 * tries again.
 */
static osp_status
read_more(osp_redis_node *node, osp_error *err)
{
	osp_status status = osp__wait_check(&node->shared->wait);
	char bytes[READ_BYTES];
	ssize_t got;

	if (status != OSP_OK)
		return no_answer(node, status, err);
	got = osp__stream_read(&node->stream, bytes, sizeof(bytes));
	if (got < 0)
		return no_reply(node, OSP_EUNAVAIL, err, "lost the connection to");
	if (got == 0)
	{
		status = osp__wait_fd(&node->shared->wait, node->stream.fd, POLLIN);
		return status == OSP_OK ? OSP_OK : no_answer(node, status, err);
	}
	if (!check_room(node, (size_t) got) ||
		redisReaderFeed(node->reader, bytes, (size_t) got) != REDIS_OK)
		return not_parsed(node, err);
	return OSP_OK;
}

/* Forgets the previous reply, and frees the buffer if it is very large. */
static void
forget_reply(osp_buf *buf)
{
	if (buf->cap > KEPT_BYTES)
		osp_buf_term(buf);
	osp_buf_reset(buf);
}

osp_status
osp__redis_node_reply(osp_redis_node *node, osp_error *err)
{
	void *reply = NULL;

	forget_reply(&node->shared->texts);
	forget_reply(&node->shared->elements);

	/* A server that closes the connection may have sent the reason before. */
	if (node->reader == NULL ||
		(node->failure.code != OSP_OK && !node->peer_closed))
		return no_reply(node, OSP_EUNAVAIL, err, "lost the connection to");
	for (;;)
	{
		osp_status status;

		if (redisReaderGetReply(node->reader, &reply) != REDIS_OK)
			return not_parsed(node, err);
		if (reply != NULL)
			break;
		if (is_endless_line(node->reader))
			return no_redis(node, err);
		status = read_more(node, err);
		if (status != OSP_OK)
			return status;
	}
	node->shared->items =
		(const osp_redis_item *) (const void *) node->shared->elements.ptr;
	node->shared->count = node->shared->elements.len / sizeof(osp_redis_item);

	if (node->pending > 0)
		node->pending--;

	/*
	 * Newer versions of hiredis know more types, which Redis uses only if asked
	 * to. We get no element of such a reply.
	 */
	return node->shared->count > 0 ? OSP_OK : no_redis(node, err);
}

bool
osp__redis_is_error(const osp_redis_shared *shared, const char *prefix)
{
	return shared->items[0].type == REDIS_REPLY_ERROR &&
		   strncmp(osp__redis_text(shared, 0).ptr, prefix, strlen(prefix)) == 0;
}
