/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_list.c
 *	  Listing the traces that Redis holds.
 */
#include "redis.h"

#include "osprofiler/json.h"
#include "traces.h"

#define PATTERN_ALL    "osprofiler[:_]*"
#define PATTERN_ERRORS REDIS_KEY_ERROR "*"

static bool
has_prefix(osp_str text, osp_str prefix)
{
	return text.len >= prefix.len &&
		   memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

/* The rest of text, empty if that is shorter than prefix. */
static osp_str
without_prefix(osp_str text, osp_str prefix)
{
	if (text.len <= prefix.len)
		return OSP_STR("");
	return osp_str_n(text.ptr + prefix.len, text.len - prefix.len);
}

/* How the timestamp that belongs to a key is found. */
typedef enum key_kind
{
	KEY_OTHER, /* not of interest */
	KEY_TRACE,
	KEY_ERROR,
	KEY_LEGACY
} key_kind;

static key_kind
kind_of(osp_str key, bool errors)
{
	if (errors)
		return has_prefix(key, OSP_STR(REDIS_KEY_ERROR)) ? KEY_ERROR
														 : KEY_OTHER;
	if (has_prefix(key, OSP_STR(REDIS_KEY_TRACE)))
		return KEY_TRACE;
	return has_prefix(key, OSP_STR(REDIS_KEY_LEGACY)) ? KEY_LEGACY : KEY_OTHER;
}

/* Asks for the value of a key that tells the timestamp. */
static void
send_lookup(osp_redis *redis, osp_str key, key_kind kind)
{
	osp__redis_begin(redis, kind == KEY_TRACE ? 3 : 2);
	osp__redis_arg(redis,
				   kind == KEY_TRACE ? OSP_STR("LINDEX") : OSP_STR("GET"));
	osp__redis_arg(redis, key);
	if (kind == KEY_TRACE)
		osp__redis_arg_i64(redis, -1);
}

/*
 * Adds the trace of a key to the list. A value that makes no sense leaves the
 * timestamp empty: the trace is there, and reading it will tell more. Only a
 * legacy key does not tell alone which trace it is of.
 */
static osp_status
add_trace(osp_traces *traces, osp_str key, key_kind kind, osp_str value,
		  osp_buf *scratch)
{
	osp_str base_id = without_prefix(key, OSP_STR(REDIS_KEY_TRACE));
	osp_str timestamp = OSP_STR("");
	osp_notification point;
	osp_traces_entry *entry;
	osp_status status;

	osp_buf_reset(scratch);
	if (kind == KEY_ERROR)
	{
		base_id = without_prefix(key, OSP_STR(REDIS_KEY_ERROR));
		status = osp_json_member_text(scratch, value, OSP_STR("timestamp"));
		if (status == OSP_OK)
			timestamp = osp_buf_str(scratch);
	}
	else
	{
		status = osp_notification_read(value, scratch, &point, NULL);
		if (status == OSP_OK)
		{
			timestamp = point.timestamp;
			if (kind == KEY_LEGACY)
				base_id = point.base_id;
		}
		else if (kind == KEY_LEGACY && status != OSP_ENOMEM)
			return OSP_OK;
	}
	if (status == OSP_ENOMEM)
		return status;
	status = osp__traces_add(traces, base_id, &entry);
	if (status != OSP_OK)
		return status;
	osp__traces_time(entry, timestamp);
	entry->operations = OSP_UNKNOWN;
	entry->errors = kind == KEY_ERROR ? OSP_UNKNOWN : 0;
	return OSP_OK;
}

/* Adds the traces of one page of keys, whose lookups are under way. */
static osp_status
read_lookups(osp_redis *redis, const redisReply *keys, bool errors,
			 osp_traces *traces, osp_buf *scratch, osp_error *err)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < keys->elements; i++)
	{
		osp_str key = osp__redis_text(keys->element[i]);
		key_kind kind = kind_of(key, errors);
		redisReply *value;

		if (kind == KEY_OTHER)
			continue;
		status = osp__redis_read_value(redis, REDIS_REPLY_STRING, &value, err);
		if (status != OSP_OK)
			return status;
		if (value == NULL)
			continue;
		status = add_trace(traces, key, kind, osp__redis_text(value), scratch);
		freeReplyObject(value);
		if (status != OSP_OK)
			return osp__redis_broken(redis, status, err);
	}
	return OSP_OK;
}

/*
 * Walks over all keys: the lookups of one page and the question for the next go
 * out together, one round trip a page.
 */
static osp_status
collect_traces(osp_redis *redis, bool errors, osp_traces *traces,
			   osp_buf *scratch, osp_error *err)
{
	osp_str pattern = errors ? OSP_STR(PATTERN_ERRORS) : OSP_STR(PATTERN_ALL);
	osp_status status;
	bool more = true;
	size_t i;

	osp__redis_send_scan(redis, OSP_STR("0"), pattern);
	osp__redis_send(redis);
	while (more)
	{
		redisReply *page;
		const redisReply *keys;
		osp_str cursor;

		status = osp__redis_read_scan(redis, &page, err);
		if (status != OSP_OK)
			return status;
		cursor = osp__redis_text(page->element[0]);
		keys = page->element[1];
		for (i = 0; i < keys->elements; i++)
		{
			osp_str key = osp__redis_text(keys->element[i]);
			key_kind kind = kind_of(key, errors);

			if (kind != KEY_OTHER)
				send_lookup(redis, key, kind);
		}
		more = !osp_str_eq(cursor, OSP_STR("0"));
		if (more)
			osp__redis_send_scan(redis, cursor, pattern);
		osp__redis_send(redis);
		status = read_lookups(redis, keys, errors, traces, scratch, err);
		freeReplyObject(page);
		if (status != OSP_OK)
			return status;
	}
	return OSP_OK;
}

osp_status
osp__redis_list_traces(osp_redis *redis, const osp_trace_filter *filter,
					   osp_trace_fn fn, void *ctx, osp_error *err)
{
	bool errors = filter != NULL && filter->errors_only;
	osp_status status = osp__redis_connect(redis, err);
	osp_traces traces;
	osp_buf scratch;

	if (status != OSP_OK)
		return status;
	osp__traces_init(&traces, redis->alc);
	osp_buf_init(&scratch, redis->alc, OSP_NOTIFICATION_MAX);
	status = collect_traces(redis, errors, &traces, &scratch, err);
	if (status == OSP_OK)
		status = osp__traces_each(&traces, filter, fn, ctx);
	osp_buf_term(&scratch);
	osp__traces_term(&traces);
	return status;
}
