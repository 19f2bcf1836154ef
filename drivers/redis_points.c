/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_points.c
 *	  Reading the notifications of a trace from Redis.
 *
 * The list of a trace has the newest notification first, and may grow at its
 * head while we read. So it is read in slices counted from its tail, whose
 * places do not move, and each slice is handed on backwards: notifications come
 * in the order in which they were stored, before them those of legacy keys.
 * What is stored after the reading began is not part of it.
 *
 * To find legacy keys the server looks at all keys that it has. So only a
 * connection that is made for reading asks for them: one that also writes is
 * the shipper's, which asks for points of its own, trace by trace.
 *
 * Two slices are under way at any time, so that the server works while we do.
 * Their length follows the size of what came so far, to bound the memory that a
 * slice of long statements takes on both sides.
 */
#include "redis.h"
#include "traces.h"

#define SLICES_AHEAD 2
#define SLICE_FIRST  256
#define SLICE_MAX    4096
#define SLICE_BYTES  ((size_t) 512 * 1024)

/* The pattern of a trace's legacy keys: the id's own special characters stand
 * for themselves. */
static void
add_legacy_pattern(osp_buf *buf, osp_str base_id)
{
	size_t i;

	osp_buf_add_str(buf, OSP_STR(REDIS_KEY_LEGACY));
	for (i = 0; i < base_id.len; i++)
	{
		if (strchr("*?[]\\", base_id.ptr[i]) != NULL && base_id.ptr[i] != '\0')
			osp_buf_add_char(buf, '\\');
		osp_buf_add_char(buf, base_id.ptr[i]);
	}
	osp_buf_add_char(buf, '*');
}

/* All keys that match, each once (SCAN may name one twice). */
static osp_status
collect_keys(osp_redis *redis, osp_str pattern, osp_traces *keys,
			 osp_error *err)
{
	char cursor[REDIS_CURSOR_MAX] = "0";
	redisReply *page;
	osp_traces_entry *entry;
	osp_status status;
	size_t i;

	do
	{
		osp__redis_send_scan(redis, osp_str_of(cursor), pattern);
		osp__redis_send(redis);
		status = osp__redis_read_scan(redis, &page, err);
		if (status != OSP_OK)
			return status;
		for (i = 0; i < page->element[1]->elements && status == OSP_OK; i++)
			status = osp__traces_add(
				keys, osp__redis_text(page->element[1]->element[i]), &entry);
		memcpy(cursor, page->element[0]->str, page->element[0]->len + 1);
		freeReplyObject(page);
		if (status != OSP_OK)
			return osp__redis_broken(redis, status, err);
	}
	while (strcmp(cursor, "0") != 0);
	return OSP_OK;
}

/*
 * Hands on a legacy notification if it is of this trace: the keys of another
 * whose base_id begins with ours match, too.
 */
static osp_status
deliver_legacy(osp_str json, osp_str base_id, osp_buf *scratch, osp_point_fn fn,
			   void *ctx, osp_error *err)
{
	osp_notification point;
	osp_status status;

	osp_buf_reset(scratch);
	status = osp_notification_read(json, scratch, &point, NULL);
	if (status == OSP_ENOMEM)
		return osp_error_set(err, status, "redis: out of memory");
	if (status != OSP_OK || !osp_str_eq(point.base_id, base_id))
		return OSP_OK;
	return fn(ctx, json);
}

static osp_status
read_legacy(osp_redis *redis, const osp_traces *keys, osp_str base_id,
			osp_buf *scratch, osp_point_fn fn, void *ctx, osp_error *err)
{
	osp_status status = OSP_OK;
	size_t sent = 0;
	size_t i;

	for (i = 0; i < keys->count && status == OSP_OK; i++)
	{
		redisReply *value;

		if (i == sent)
		{
			for (; sent < keys->count && sent - i < SLICE_FIRST; sent++)
			{
				osp__redis_begin(redis, 2);
				osp__redis_arg(redis, OSP_STR("GET"));
				osp__redis_arg(redis, osp__traces_id(keys, sent));
			}
			osp__redis_send(redis);
		}
		status = osp__redis_read_value(redis, REDIS_REPLY_STRING, &value, err);
		if (status != OSP_OK)
			return status;
		if (value == NULL)
			continue;
		status = deliver_legacy(
			osp__redis_text(value), base_id, scratch, fn, ctx, err);
		freeReplyObject(value);
	}
	if (status != OSP_OK)
		osp__redis_drop(redis);
	return status;
}

static osp_status
get_legacy_points(osp_redis *redis, osp_str base_id, osp_point_fn fn, void *ctx,
				  osp_error *err)
{
	osp_status status;
	osp_traces keys;
	osp_buf scratch; /* the pattern, then what notifications need */

	osp__traces_init(&keys, redis->alc);
	osp_buf_init(&scratch, redis->alc, OSP_NOTIFICATION_MAX);
	add_legacy_pattern(&scratch, base_id);
	status = osp_buf_status(&scratch);
	if (status != OSP_OK)
		status = osp__redis_broken(redis, status, err);
	else
		status = collect_keys(redis, osp_buf_str(&scratch), &keys, err);
	if (status == OSP_OK)
		status = read_legacy(redis, &keys, base_id, &scratch, fn, ctx, err);
	osp_buf_term(&scratch);
	osp__traces_term(&keys);
	return status;
}

/* The reading of one list, from its tail. */
typedef struct slices
{
	osp_str base_id;
	size_t total;     /* elements when the reading began */
	size_t asked;     /* of these, counted from the tail */
	size_t under_way; /* slices without a reply */
	size_t elements;  /* that came, and their bytes */
	size_t bytes;
} slices;

static size_t
slice_length(const slices *s)
{
	size_t left = s->total - s->asked;
	size_t length = SLICE_FIRST;

	if (s->elements > 0)
		length = SLICE_BYTES / (s->bytes / s->elements + 1) + 1;
	if (length > SLICE_MAX)
		length = SLICE_MAX;
	return length < left ? length : left;
}

static void
ask_slice(osp_redis *redis, slices *s)
{
	size_t length = slice_length(s);

	osp__redis_begin(redis, 4);
	osp__redis_arg(redis, OSP_STR("LRANGE"));
	osp__redis_arg2(redis, OSP_STR(REDIS_KEY_TRACE), s->base_id);
	osp__redis_arg_i64(redis, -(int64_t) (s->asked + length));
	osp__redis_arg_i64(redis, -(int64_t) s->asked - 1);
	s->asked += length;
	s->under_way++;
}

static osp_status
deliver_slice(slices *s, const redisReply *slice, osp_point_fn fn, void *ctx)
{
	osp_status status = OSP_OK;
	size_t i = slice->elements;

	while (i > 0 && status == OSP_OK)
	{
		const redisReply *element = slice->element[--i];

		if (element->type != REDIS_REPLY_STRING)
			continue;
		s->elements++;
		s->bytes += (size_t) element->len;
		status = fn(ctx, osp__redis_text(element));
	}
	return status;
}

static osp_status
get_list_points(osp_redis *redis, osp_str base_id, size_t total,
				osp_point_fn fn, void *ctx, osp_error *err)
{
	slices s = {.base_id = base_id, .total = total};
	osp_status status = OSP_OK;
	redisReply *slice;

	while (status == OSP_OK && (s.under_way > 0 || s.asked < s.total))
	{
		while (s.under_way < SLICES_AHEAD && s.asked < s.total)
			ask_slice(redis, &s);
		osp__redis_send(redis);
		status = osp__redis_read_value(redis, REDIS_REPLY_ARRAY, &slice, err);
		if (status != OSP_OK)
			return status;
		s.under_way--;
		if (slice == NULL)
			continue;
		status = deliver_slice(&s, slice, fn, ctx);
		freeReplyObject(slice);
	}
	if (status != OSP_OK)
		osp__redis_drop(redis);
	return status;
}

osp_status
osp__redis_get_points(osp_redis *redis, osp_str base_id, osp_point_fn fn,
					  void *ctx, osp_error *err)
{
	osp_status status = osp__redis_connect(redis, err);
	redisReply *length;
	size_t total = 0;

	if (status == OSP_OK && redis->read_only)
		status = get_legacy_points(redis, base_id, fn, ctx, err);
	if (status != OSP_OK)
		return status;

	osp__redis_begin(redis, 2);
	osp__redis_arg(redis, OSP_STR("LLEN"));
	osp__redis_arg2(redis, OSP_STR(REDIS_KEY_TRACE), base_id);
	osp__redis_send(redis);
	status = osp__redis_read_value(redis, REDIS_REPLY_INTEGER, &length, err);
	if (status != OSP_OK || length == NULL)
		return status;
	if (length->integer > 0)
		total = (size_t) length->integer;
	freeReplyObject(length);
	return get_list_points(redis, base_id, total, fn, ctx, err);
}
