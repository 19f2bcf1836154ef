/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.h
 *	  What the parts of the redis driver share: keys, and reading.
 *
 * All notifications of a trace are one list, newest first. The key of a trace
 * that holds an error exists only where filter_error_trace is set. Early
 * releases of upstream kept every notification under a key of its own; these
 * are read and never written.
 */
#ifndef OSP_REDIS_H
#define OSP_REDIS_H

#include "redis_conn.h"

#define REDIS_KEY_TRACE  "osprofiler_opt:"   /* + base_id: list */
#define REDIS_KEY_ERROR  "osprofiler_error:" /* + base_id: string */
#define REDIS_KEY_LEGACY "osprofiler:"       /* + base_id + more: string */

/* Longest cursor of a SCAN, with a NUL. */
#define REDIS_CURSOR_MAX 24

static inline osp_str
osp__redis_text(const redisReply *reply)
{
	return osp_str_n(reply->str, (size_t) reply->len);
}

/* Asks for a page of the keys that match pattern, beginning at cursor "0". */
void osp__redis_send_scan(osp_redis *redis, osp_str cursor, osp_str pattern);

/* Such a page, returned owned: the next cursor, "0" at the end, is
 * page->element[0], the keys are page->element[1]. */
osp_status osp__redis_read_scan(osp_redis *redis, redisReply **page,
								osp_error *err) OSP_MUST_CHECK;

/*
 * The next reply if it is of this type, returned owned. NULL, and OSP_OK, for
 * a key that holds something else, and for nil where a string is asked for.
 */
osp_status osp__redis_read_value(osp_redis *redis, int type, redisReply **value,
								 osp_error *err) OSP_MUST_CHECK;

/* Ends reading for trouble of our own: drops the connection, returns status. */
osp_status osp__redis_broken(osp_redis *redis, osp_status status,
							 osp_error *err);

/* get_points and list_traces of osp_driver. */
osp_status osp__redis_get_points(osp_redis *redis, osp_str base_id,
								 osp_point_fn fn, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_list_traces(osp_redis *redis,
								  const osp_trace_filter *filter,
								  osp_trace_fn fn, void *ctx,
								  osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_H */
