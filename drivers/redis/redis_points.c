/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_points.c
 *	  Reads the notifications of a trace from Redis.
 *
 * The list of a trace has the newest notification first, and may grow at its
 * head while we read. So it is read in slices counted from its tail, where
 * places do not move. Each slice is passed on backwards, so that notifications
 * come in the order in which they were stored. Those that are stored after the
 * reading began are left out.
 *
 * Two slices are requested at any time, so that the server works while we do.
 * Their length depends on the size of the notifications so far, which limits
 * the memory that a slice of long statements takes on both sides.
 */
#include "redis.h"

#define SLICES_AHEAD 2
#define SLICE_FIRST  16
#define SLICE_MAX    4096
#define SLICE_BYTES  ((size_t) 512 * 1024)

/* The state of reading one list from its tail. */
typedef struct slices
{
	osp_str base_id;
	size_t total;     /* elements when the reading began */
	size_t delivered; /* of these, passed on, beginning at the tail */
	size_t asked;     /* of these, requested, beginning at the tail */
	size_t under_way; /* slices without a reply; their lengths follow */
	size_t lengths[SLICES_AHEAD];
	int tries;       /* tries since the last slice came */
	size_t elements; /* elements that came; their bytes follow */
	size_t bytes;
} slices;

osp_status
osp__redis_value(osp_redis *redis, int type, osp_error *err)
{
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK)
		return status;
	if (redis->shared.items[0].type == REDIS_AGAIN ||
		(redis->shared.items[0].type == type &&
		 redis->shared.items[0].number >= 0))
		return OSP_OK;
	if (osp__redis_is_error(&redis->shared, "WRONGTYPE") ||
		(type == REDIS_REPLY_STRING &&
		 redis->shared.items[0].type == REDIS_REPLY_NIL))
		return OSP_ENOENT;
	return osp__redis_trouble(redis, err);
}

static osp_str
key_of(osp_redis *redis, const slices *s)
{
	return osp__redis_key(redis, REDIS_KEY_TRACE, s->base_id);
}

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

	osp__redis_command(redis, "LRANGE", key_of(redis, s), 2);
	osp__redis_arg_i64(redis, -(int64_t) (s->asked + length));
	osp__redis_arg_i64(redis, -(int64_t) s->asked - 1);
	s->lengths[s->under_way++] = length;
	s->asked += length;
}

static osp_status
deliver_slice(const osp_redis *redis, slices *s, osp_point_fn fn, void *ctx)
{
	const osp_redis_shared *shared = &redis->shared;
	osp_status status = osp__wait_check(&shared->wait);
	size_t i = shared->count;

	while (i > 1 && status == OSP_OK)
	{
		const osp_redis_item *element = &shared->items[--i];

		if (element->type != REDIS_REPLY_STRING)
			continue;
		s->elements++;
		s->bytes += element->len;
		status = fn(ctx, osp__redis_text(shared, i));
	}
	return status;
}

/* The key has moved, so the slices under way are requested again. */
static osp_status
take_back(osp_redis *redis, slices *s, osp_error *err)
{
	osp_status status = OSP_OK;

	s->asked = s->delivered;
	while (--s->under_way > 0 && status == OSP_OK)
	{
		status = osp__redis_value(redis, REDIS_REPLY_ARRAY, err);
		if (status == OSP_OK)
			(void) osp__redis_again(redis, key_of(redis, s));
		else if (status == OSP_ENOENT)
			status = OSP_OK;
	}
	if (status == OSP_OK && ++s->tries > REDIS_TRIES)
		status = osp__redis_restless(redis, err);
	return status;
}

/* Reads the oldest slice under way and passes it on. */
static osp_status
take_slice(osp_redis *redis, slices *s, osp_point_fn fn, void *ctx,
		   osp_error *err)
{
	osp_status status = osp__redis_value(redis, REDIS_REPLY_ARRAY, err);

	if (status != OSP_OK && status != OSP_ENOENT)
		return status;
	if (osp__redis_again(redis, key_of(redis, s)))
		return take_back(redis, s, err);
	s->tries = 0;
	s->delivered += s->lengths[0];
	s->lengths[0] = s->lengths[1];
	s->under_way--;
	return status == OSP_OK ? deliver_slice(redis, s, fn, ctx) : OSP_OK;
}

static osp_status
read_list(osp_redis *redis, slices *s, osp_point_fn fn, void *ctx,
		  osp_error *err)
{
	osp_status status = OSP_OK;

	while (status == OSP_OK && (s->under_way > 0 || s->asked < s->total))
	{
		while (s->under_way < SLICES_AHEAD && s->asked < s->total)
			ask_slice(redis, s);
		osp__redis_send(redis);
		status = take_slice(redis, s, fn, ctx, err);
	}
	if (status != OSP_OK)
		osp__redis_drop(redis);
	return status;
}

/* Reads the number of elements of the list. OSP_ENOENT: the key holds no list. */
static osp_status
read_length(osp_redis *redis, slices *s, osp_error *err)
{
	osp_status status;
	int tries;

	for (tries = 0; tries < REDIS_TRIES; tries++)
	{
		osp__redis_command(redis, "LLEN", key_of(redis, s), 0);
		osp__redis_send(redis);
		status = osp__redis_value(redis, REDIS_REPLY_INTEGER, err);
		if (status != OSP_OK)
			return status;
		s->total = (size_t) redis->shared.items[0].number;
		if (!osp__redis_again(redis, key_of(redis, s)))
			return OSP_OK;
	}
	return osp__redis_restless(redis, err);
}

osp_status
osp__redis_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
					  void *ctx, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = osp__redis_begin_call(redis, err);
	slices s = {.base_id = base_id};

	if (status == OSP_OK && redis->shared.settings.legacy)
		status = osp__redis_legacy_points(conn, base_id, fn, ctx, err);
	if (status == OSP_OK)
	{
		status = read_length(redis, &s, err);
		if (status == OSP_ENOENT)
			return OSP_OK;
	}
	return status == OSP_OK ? read_list(redis, &s, fn, ctx, err) : status;
}
