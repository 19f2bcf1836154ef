/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_scan.c
 *	  What reading from Redis is made of: pages of keys, and values.
 */
#include "redis.h"

#define SCAN_COUNT 1000

osp_status
osp__redis_broken(osp_redis *redis, osp_status status, osp_error *err)
{
	osp__redis_drop(redis);
	return osp_error_set(err, status, "redis: %s", osp_status_text(status));
}

void
osp__redis_send_scan(osp_redis *redis, osp_str cursor, osp_str pattern)
{
	osp__redis_begin(redis, 6);
	osp__redis_arg(redis, OSP_STR("SCAN"));
	osp__redis_arg(redis, cursor);
	osp__redis_arg(redis, OSP_STR("MATCH"));
	osp__redis_arg(redis, pattern);
	osp__redis_arg(redis, OSP_STR("COUNT"));
	osp__redis_arg_i64(redis, SCAN_COUNT);
}

osp_status
osp__redis_read_scan(osp_redis *redis, redisReply **page, osp_error *err)
{
	osp_status status = osp__redis_reply(redis, page, err);
	redisReply *reply = *page;

	if (status != OSP_OK)
		return status;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		reply->element[0]->type == REDIS_REPLY_STRING &&
		reply->element[0]->len < REDIS_CURSOR_MAX &&
		reply->element[1]->type == REDIS_REPLY_ARRAY)
		return OSP_OK;
	status = osp__redis_trouble(redis, reply, err);
	freeReplyObject(reply);
	*page = NULL;
	return status;
}

osp_status
osp__redis_read_value(osp_redis *redis, int type, redisReply **value,
					  osp_error *err)
{
	osp_status status = osp__redis_reply(redis, value, err);
	redisReply *reply = *value;
	bool is_none;

	if (status != OSP_OK || reply->type == type)
		return status;
	*value = NULL;
	is_none = osp__redis_is_error(reply, "WRONGTYPE") ||
			  (reply->type == REDIS_REPLY_NIL && type == REDIS_REPLY_STRING);
	if (!is_none)
		status = osp__redis_trouble(redis, reply, err);
	freeReplyObject(reply);
	return status;
}
