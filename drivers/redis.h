/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.h
 *	  What the parts of the redis driver share: keys, and reading.
 *
 * All notifications of a trace are one list, newest first. The key of a trace
 * that holds an error exists only where filter_error_trace is set. These are
 * upstream's. Beside them we keep two sorted sets, the base_ids by the time of
 * their last notification, so that a list need not look at every key: upstream's
 * reader does not see them, and what only upstream wrote is not in them.
 *
 * Early releases of upstream kept every notification under a key of its own;
 * these are read with ?legacy=1, and never written.
 */
#ifndef OSP_REDIS_H
#define OSP_REDIS_H

#include "redis_conn.h"
#include "traces.h"

#define REDIS_KEY_TRACE       "osprofiler_opt:"   /* + base_id: list */
#define REDIS_KEY_ERROR       "osprofiler_error:" /* + base_id: string */
#define REDIS_KEY_LEGACY      "osprofiler:"       /* + base_id + more: string */
#define REDIS_KEY_INDEX       "osprofiler_index"
#define REDIS_KEY_ERROR_INDEX "osprofiler_error_index"

/* Longest cursor of a SCAN, with a NUL. */
#define REDIS_CURSOR_MAX 24

struct osp_driver_conn
{
	osp_redis redis;
	bool filter_error_trace;
	osp_buf text;      /* for keys, values and errors in the making */
	osp_traces traces; /* of the batch, or of the list */
	osp_traces keys;   /* of early releases */
	osp_buf statement; /* of the trace that is listed */
	uint32_t *places;  /* of the batch: two for each item (redis_write.c) */
	size_t place_cap;
	int64_t forget_ns; /* when the index was last rid of what has expired */
};

/*
 * The next reply if it is of this type, REDIS_REPLY_.... OSP_ENOENT, without a message: a key
 * that holds something else, and nil where a string is asked for.
 */
osp_status osp__redis_value(osp_redis *redis, int type,
							osp_error *err) OSP_MUST_CHECK;

/* Calls fn for each key that matches pattern, some perhaps twice, borrowed. fn
 * uses no command; what it returns but OSP_OK ends the walk. */
typedef osp_status (*osp_redis_key_fn)(osp_driver_conn *conn, osp_str key);
osp_status osp__redis_scan(osp_driver_conn *conn, osp_str pattern,
						   osp_redis_key_fn fn, osp_error *err) OSP_MUST_CHECK;

/* Is text longer than prefix, and does it begin with it? *rest gets the rest. */
bool osp__redis_rest(osp_str text, const char *prefix,
					 osp_str *rest) OSP_MUST_CHECK;

/* Fills conn->traces with all traces, or those that hold an error, and the times
 * of their first and last notifications, by looking at all keys. */
osp_status osp__redis_find_traces(osp_driver_conn *conn, bool errors_only,
								  osp_error *err) OSP_MUST_CHECK;

/* The slots of osp_driver. */
osp_status osp__redis_notify(osp_driver_conn *conn,
							 const osp_notification *items, size_t count,
							 size_t *accepted, osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_get_points(osp_driver_conn *conn, osp_str base_id,
								 osp_point_fn fn, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_list_traces(osp_driver_conn *conn,
								  const osp_trace_filter *filter,
								  osp_trace_fn fn, void *ctx, osp_str *next,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_remove_traces(osp_driver_conn *conn,
									const osp_removal *what, uint64_t *removed,
									osp_error *err) OSP_MUST_CHECK;

/* Keys of upstream's early releases: the notifications of a trace; what all of
 * them tell of their traces, into conn->traces. */
osp_status osp__redis_legacy_points(osp_driver_conn *conn, osp_str base_id,
									osp_point_fn fn, void *ctx,
									osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_legacy_traces(osp_driver_conn *conn,
									osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_H */
