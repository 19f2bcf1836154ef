/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_fence.c
 *	  Cuts off what an earlier connection of the same writer may still have on
 *	  its way.
 *
 * A shipper that was killed, or that gave up waiting, leaves a connection on
 * which commands lie that the server has not read yet; it reads them in slices,
 * and answers others in between. Whoever asks then which points are there is
 * told of fewer than there will be. So a writer names its connections, and waits
 * for that to be confirmed before it sends anything else; and before it asks it
 * has the server close all other connections of that name, unread commands and
 * all. A user who may not do so (CLIENT is among the commands that an access
 * list can forbid) is better off with points that come twice than with none.
 */
#include "redis_fence.h"

#include <stdlib.h>

#define NAME_PREFIX "osprofiler:"

/* A name must have none but printable characters, and no space. */
static bool
is_nameable(osp_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return false;
	}
	return text.len > 0;
}

osp_status
osp__redis_fence_init(osp_redis *redis, osp_str instance, osp_error *err)
{
	osp_buf name;

	if (!is_nameable(instance))
		return OSP_OK;
	osp_buf_init(&name, redis->alc, sizeof(NAME_PREFIX) + instance.len);
	osp_buf_add_str(&name, OSP_STR(NAME_PREFIX));
	osp_buf_add_str(&name, instance);
	redis->name = osp_buf_take(&name);
	osp_buf_term(&name);
	if (redis->name == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	return OSP_OK;
}

osp_status
osp__redis_fence_name(osp_redis *redis, osp_error *err)
{
	redisReply *reply;
	osp_status status;

	redis->fenced = redis->name == NULL;
	if (redis->fenced)
		return OSP_OK;
	osp__redis_begin(redis, 3);
	osp__redis_arg(redis, OSP_STR("CLIENT"));
	osp__redis_arg(redis, OSP_STR("SETNAME"));
	osp__redis_arg(redis, osp_str_of(redis->name));
	osp__redis_send(redis);
	status = osp__redis_reply(redis, &reply, err);
	if (reply == NULL)
		return status;

	/* What else a server says as its first word is why it takes nobody in. */
	if (reply->type != REDIS_REPLY_STATUS &&
		!osp__redis_is_error(reply, "NOPERM") &&
		!osp__redis_is_error(reply, "ERR unknown") &&
		!osp__redis_is_error(reply, "ERR Unknown"))
		status = osp__redis_trouble(redis, reply, err);
	freeReplyObject(reply);
	return status;
}

/* Does the line of CLIENT LIST tell of a connection with our name? */
static bool
has_our_name(const osp_redis *redis, const char *line, size_t len)
{
	static const char mark[] = " name=";
	const char *found = memmem(line, len, mark, sizeof(mark) - 1);
	size_t name_len = strlen(redis->name);
	size_t left;

	if (found == NULL)
		return false;
	found += sizeof(mark) - 1;
	left = (size_t) (line + len - found);
	return left > name_len && memcmp(found, redis->name, name_len) == 0 &&
		   found[name_len] == ' ';
}

static osp_status
kill_client(osp_redis *redis, long long id, osp_error *err)
{
	redisReply *reply;
	osp_status status;

	osp__redis_begin(redis, 4);
	osp__redis_arg(redis, OSP_STR("CLIENT"));
	osp__redis_arg(redis, OSP_STR("KILL"));
	osp__redis_arg(redis, OSP_STR("ID"));
	osp__redis_arg_i64(redis, id);
	osp__redis_send(redis);
	status = osp__redis_reply(redis, &reply, err);
	if (status == OSP_OK)
		freeReplyObject(reply);
	return status;
}

/* list: lines that begin with "id=N ". */
static osp_status
kill_others(osp_redis *redis, const char *list, long long own, osp_error *err)
{
	osp_status status = OSP_OK;

	while (status == OSP_OK && *list != '\0')
	{
		size_t len = strcspn(list, "\n");
		long long id =
			strncmp(list, "id=", 3) == 0 ? strtoll(list + 3, NULL, 10) : own;

		if (id != own && has_our_name(redis, list, len))
			status = kill_client(redis, id, err);
		list += len;
		list += *list == '\n';
	}
	return status;
}

osp_status
osp__redis_fence(osp_redis *redis, osp_error *err)
{
	redisReply *own = NULL;
	redisReply *list = NULL;
	osp_status status;

	if (redis->fenced)
		return OSP_OK;
	osp__redis_begin(redis, 2);
	osp__redis_arg(redis, OSP_STR("CLIENT"));
	osp__redis_arg(redis, OSP_STR("ID"));
	osp__redis_begin(redis, 2);
	osp__redis_arg(redis, OSP_STR("CLIENT"));
	osp__redis_arg(redis, OSP_STR("LIST"));
	osp__redis_send(redis);
	status = osp__redis_reply(redis, &own, err);
	if (status == OSP_OK)
		status = osp__redis_reply(redis, &list, err);
	if (status == OSP_OK && own->type == REDIS_REPLY_INTEGER &&
		list->type == REDIS_REPLY_STRING)
		status = kill_others(redis, list->str, own->integer, err);
	if (own != NULL)
		freeReplyObject(own);
	if (list != NULL)
		freeReplyObject(list);
	redis->fenced = status == OSP_OK;
	return status;
}
