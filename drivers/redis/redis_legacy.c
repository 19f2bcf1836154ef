/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_legacy.c
 *	  Walks over keys, and reads those of upstream's early releases.
 *
 * A key of an early release holds one notification. Its name contains the
 * base_id of the trace, but does not show where the base_id ends. To find the
 * keys of a trace the server has to look at all its keys, so this is done only
 * with ?legacy=1.
 */
#include "redis.h"

#define SCAN_COUNT 1000

/* How many values are requested at a time. */
#define VALUES_AHEAD 256

static void
send_scan(osp_redis *redis, osp_redis_node *node, const char *cursor,
		  osp_str pattern)
{
	osp__redis_command_to(redis, node, "SCAN", 5);
	osp__redis_arg(redis, osp_str_of(cursor));
	osp__redis_arg(redis, OSP_STR("MATCH"));
	osp__redis_arg(redis, pattern);
	osp__redis_arg(redis, OSP_STR("COUNT"));
	osp__redis_arg_i64(redis, SCAN_COUNT);
	osp__redis_send(redis);
}

/* Returns whether the reply is a cursor and an array of keys, and copies the cursor. */
static bool
read_cursor(const osp_redis_shared *shared, char cursor[REDIS_CURSOR_MAX])
{
	const osp_redis_item *items = shared->items;
	osp_str text;

	if (shared->count < 3 || items[0].type != REDIS_REPLY_ARRAY ||
		items[0].number != 2 || items[1].type != REDIS_REPLY_STRING ||
		items[1].len >= REDIS_CURSOR_MAX ||
		items[2].type != REDIS_REPLY_ARRAY ||
		shared->count - 3 != (size_t) items[2].number)
		return false;
	text = osp__redis_text(shared, 1);
	memcpy(cursor, text.ptr, text.len);
	cursor[text.len] = '\0';
	return true;
}

static osp_status
scan_node(osp_driver_conn *conn, osp_redis_node *node, osp_str pattern,
		  osp_redis_key_fn fn, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	const osp_redis_shared *shared = &redis->shared;
	char cursor[REDIS_CURSOR_MAX] = "0";
	osp_status status;
	size_t i;

	do
	{
		send_scan(redis, node, cursor, pattern);
		status = osp__redis_reply(redis, err);
		if (status != OSP_OK)
			return status;
		if (!read_cursor(shared, cursor))
			return osp__redis_trouble(redis, err);
		for (i = 3; i < shared->count; i++)
		{
			if (shared->items[i].type == REDIS_REPLY_STRING)
				status = fn(conn, osp__redis_text(shared, i));
			if (status != OSP_OK)
				return osp__redis_broken(redis, status, err);
		}
	}
	while (strcmp(cursor, "0") != 0);
	return OSP_OK;
}

osp_status
osp__redis_scan(osp_driver_conn *conn, osp_str pattern, osp_redis_key_fn fn,
				osp_error *err)
{
	osp_redis_node *node = osp__redis_next_node(&conn->redis, NULL);
	osp_status status = OSP_OK;

	while (node != NULL && status == OSP_OK)
	{
		status = scan_node(conn, node, pattern, fn, err);
		node = osp__redis_next_node(&conn->redis, node);
	}
	return status;
}

/* Adds a key to conn->keys; an osp_redis_key_fn. */
static osp_status
add_key(osp_driver_conn *conn, osp_str key)
{
	osp_traces_entry *entry;

	return osp__traces_add(&conn->keys, key, &entry);
}

/* Writes the pattern of a trace's keys. Special characters of the id are escaped. */
static void
add_pattern(osp_buf *buf, osp_str base_id)
{
	size_t i;

	osp_buf_reset(buf);
	osp_buf_add_str(buf, OSP_STR(REDIS_KEY_LEGACY));
	for (i = 0; i < base_id.len; i++)
	{
		if (strchr("*?[]\\", base_id.ptr[i]) != NULL && base_id.ptr[i] != '\0')
			osp_buf_add_char(buf, '\\');
		osp_buf_add_char(buf, base_id.ptr[i]);
	}
	osp_buf_add_char(buf, '*');
}

static void
send_gets(osp_redis *redis, const osp_traces *keys, size_t from, size_t to)
{
	for (; from < to; from++)
		osp__redis_command(redis, "GET", osp__traces_id(keys, from), 0);
	osp__redis_send(redis);
}

/* Calls fn for the notification of each key. */
static osp_status
read_keys(osp_driver_conn *conn, const osp_traces *keys, osp_point_fn fn,
		  void *ctx, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = OSP_OK;
	size_t sent = 0;
	size_t i;

	for (i = 0; i < keys->count; i++)
	{
		if (i == sent)
		{
			sent =
				keys->count - i < VALUES_AHEAD ? keys->count : i + VALUES_AHEAD;
			send_gets(redis, keys, i, sent);
		}
		status = osp__redis_value(redis, REDIS_REPLY_STRING, err);
		if (status == OSP_OK &&
			osp__redis_again(redis, osp__traces_id(keys, i)))
			return osp__redis_restless(redis, err);
		if (status == OSP_OK)
		{
			status = fn(ctx, osp__redis_text(&redis->shared, 0));
			if (status != OSP_OK)
				osp__redis_drop(redis);
		}
		else if (status == OSP_ENOENT)
			status = OSP_OK;
		if (status != OSP_OK)
			return status;
	}
	return OSP_OK;
}

/*
 * Where notifications go: those of the trace base_id to fn, or, if fn is NULL,
 * all of them into conn->traces.
 */
typedef struct sieve
{
	osp_driver_conn *conn;
	osp_str base_id;
	osp_point_fn fn;
	void *ctx;
	osp_error *err;
} sieve;

/*
 * Handles one notification. Its base_id is compared because the pattern also
 * matches keys of other traces, whose base_id begins with ours.
 */
static osp_status
sift_point(void *ctx, osp_str json)
{
	sieve *s = ctx;
	osp_notification point;
	osp_status status;

	osp_buf_reset(&s->conn->text);
	status = osp_notification_read(json, &s->conn->text, &point, NULL);
	if (status == OSP_ENOMEM)
		return osp_error_set(s->err, status, "redis: out of memory");
	if (status != OSP_OK)
		return OSP_OK;
	if (s->fn == NULL)
	{
		status = osp__traces_note(&s->conn->traces, &point);
		return status == OSP_OK
				   ? OSP_OK
				   : osp_error_set(
						 s->err, status, "redis: %s", osp_status_text(status));
	}
	if (!osp_str_eq(point.base_id, s->base_id))
		return OSP_OK;
	return s->fn(s->ctx, json);
}

/* Calls sift_point for the notifications of all keys that match pattern. */
static osp_status
sift_keys(sieve *s, osp_str pattern)
{
	osp_driver_conn *conn = s->conn;
	osp_status status;

	osp__traces_reset(&conn->keys);
	status = osp__redis_scan(conn, pattern, add_key, s->err);
	return status == OSP_OK
			   ? read_keys(conn, &conn->keys, sift_point, s, s->err)
			   : status;
}

osp_status
osp__redis_legacy_points(osp_driver_conn *conn, osp_str base_id,
						 osp_point_fn fn, void *ctx, osp_error *err)
{
	sieve s = {conn, base_id, fn, ctx, err};

	add_pattern(&conn->text, base_id);
	if (osp_buf_status(&conn->text) != OSP_OK)
		return osp__redis_broken(
			&conn->redis, osp_buf_status(&conn->text), err);
	return sift_keys(&s, osp_buf_str(&conn->text));
}

osp_status
osp__redis_legacy_traces(osp_driver_conn *conn, osp_error *err)
{
	sieve s = {conn, OSP_STR(""), NULL, NULL, err};

	return sift_keys(&s, OSP_STR(REDIS_KEY_LEGACY "*"));
}
