/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.c
 *	  Notifications in Redis, in upstream's keys and bytes: what
 *	  redis://[[user]:password@]host[:port][/db] names.
 *
 * A batch is one round trip: consecutive notifications of a trace become one
 * LPUSH with many values (which Redis carries out whole or not at all), all
 * commands go out before the first reply is read. Redis takes commands in
 * without waiting for us to read replies, so neither side can block the other.
 *
 * What is refused for good is little: a key that holds something else than a
 * list, and a notification longer than the server takes. Everything else that
 * a server can say (loading, out of memory, read-only replica, wrong password)
 * ends when somebody sets it right, so the points are worth keeping.
 */
#include "redis.h"

#include "osprofiler/json.h"
#include "traces.h"

/* Values in one LPUSH: enough to make commands cheap, few enough that other
 * clients of the server do not wait long. */
#define GROUP_ITEMS 256
#define GROUP_BYTES ((size_t) 256 * 1024)

/* A notification of this length stands alone in its LPUSH, so that a server
 * that refuses it for its length refuses nothing else. */
#define ALONE_BYTES ((size_t) 64 * 1024)

#define BULK_TOO_LONG "ERR Protocol error: invalid bulk length"

struct osp_driver_conn
{
	osp_redis redis;
	osp_buf value; /* of an error key */
	bool filter_error_trace;
};

static osp_status
redis_open(const osp_driver_options *options, osp_driver_conn **out,
		   osp_error *err)
{
	osp_driver_conn *conn = osp_calloc(options->alc, 1, sizeof(*conn));
	osp_status status;

	*out = NULL;
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
	status = osp__redis_init(&conn->redis, options, err);
	if (status != OSP_OK)
	{
		osp_free(options->alc, conn);
		return status;
	}
	osp_buf_init(&conn->value, options->alc, OSP_NOTIFICATION_MAX);
	conn->filter_error_trace = options->filter_error_trace;
	*out = conn;
	return OSP_OK;
}

static void
redis_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->redis.alc;
	osp__redis_term(&conn->redis);
	osp_buf_term(&conn->value);
	osp_free(alc, conn);
}

/*
 * The end of the group that begins at start: consecutive notifications of one
 * trace that go into one LPUSH. Sending and reading replies both walk over the
 * batch with it, and so agree on the groups.
 */
static size_t
group_end(const osp_notification *items, size_t count, size_t start)
{
	size_t bytes = items[start].json.len;
	size_t i = start + 1;

	if (bytes >= ALONE_BYTES)
		return i;
	for (; i < count && i - start < GROUP_ITEMS; i++)
	{
		bytes += items[i].json.len;
		if (bytes > GROUP_BYTES || items[i].json.len >= ALONE_BYTES ||
			!osp_str_eq(items[i].base_id, items[start].base_id))
			break;
	}
	return i;
}

static bool
is_noted(const osp_driver_conn *conn, const osp_notification *item)
{
	return conn->filter_error_trace && item->error;
}

/* SET of the key by which a trace is known to hold an error. */
static osp_status
send_error_key(osp_driver_conn *conn, const osp_notification *item)
{
	osp_buf *value = &conn->value;

	osp_buf_reset(value);
	osp_buf_add_str(value, OSP_STR("{\"base_id\": "));
	osp_json_string(value, item->base_id);
	osp_buf_add_str(value, OSP_STR(", \"timestamp\": "));
	osp_json_string(value, item->timestamp);
	osp_buf_add_char(value, '}');
	if (osp_buf_status(value) != OSP_OK)
		return osp_buf_status(value);

	osp__redis_begin(&conn->redis, 3);
	osp__redis_arg(&conn->redis, OSP_STR("SET"));
	osp__redis_arg2(&conn->redis, OSP_STR(REDIS_KEY_ERROR), item->base_id);
	osp__redis_arg(&conn->redis, osp_buf_str(value));
	return OSP_OK;
}

static osp_status
send_items(osp_driver_conn *conn, const osp_notification *items, size_t count,
		   osp_error *err)
{
	osp_redis *redis = &conn->redis;
	size_t end;
	size_t i = 0;

	while (i < count)
	{
		size_t start = i;

		end = group_end(items, count, start);
		osp__redis_begin(redis, end - start + 2);
		osp__redis_arg(redis, OSP_STR("LPUSH"));
		osp__redis_arg2(redis, OSP_STR(REDIS_KEY_TRACE), items[start].base_id);
		for (; i < end; i++)
			osp__redis_arg(redis, items[i].json);
		for (i = start; i < end; i++)
		{
			if (is_noted(conn, &items[i]) &&
				send_error_key(conn, &items[i]) != OSP_OK)
			{
				osp__redis_drop(redis);
				return osp_error_set(err, OSP_ENOMEM, "redis: out of memory");
			}
		}
	}
	osp__redis_send(redis);
	return OSP_OK;
}

/* What became of one command: stored, refused for good, or neither. */
static osp_status
read_result(osp_redis *redis, int type, bool alone, osp_error *err)
{
	redisReply *reply;
	osp_status status = osp__redis_reply(redis, &reply, err);

	if (status != OSP_OK)
		return status;
	if (reply->type != type)
	{
		if (osp__redis_is_error(reply, "WRONGTYPE"))
			status = osp_error_set(err,
								   OSP_EREFUSED,
								   "redis at %s: the key of a trace holds "
								   "something that is not a list",
								   redis->where);
		else if (alone && osp__redis_is_error(reply, BULK_TOO_LONG))
		{
			/* The server reads no further, and closes. */
			status =
				osp_error_set(err,
							  OSP_EREFUSED,
							  "redis at %s takes no value that long: %.120s",
							  redis->where,
							  reply->str);
			osp__redis_drop(redis);
		}
		else
			status = osp__redis_trouble(redis, reply, err);
	}
	freeReplyObject(reply);
	return status;
}

/*
 * Reads the replies to items[*done...], and counts what was stored. OSP_OK also
 * when some were refused (err tells). *done moves on behind what is settled; it
 * is less than count only on failure, or when the server closed the connection
 * because of an item that it will never take.
 */
static osp_status
read_results(osp_driver_conn *conn, const osp_notification *items, size_t count,
			 size_t *done, size_t *stored, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status;

	while (*done < count)
	{
		size_t end = group_end(items, count, *done);
		size_t i;

		status = read_result(redis, REDIS_REPLY_INTEGER, end - *done == 1, err);
		if (status == OSP_OK)
			*stored += end - *done;
		else if (status != OSP_EREFUSED)
			return status;
		for (i = *done; i < end && redis->ctx != NULL; i++)
		{
			if (!is_noted(conn, &items[i]))
				continue;
			status = read_result(redis, REDIS_REPLY_STATUS, false, err);
			if (status != OSP_OK)
				return status;
		}
		*done = end;
		if (redis->ctx == NULL)
			break;
	}
	return OSP_OK;
}

static osp_status
redis_notify(osp_driver_conn *conn, const osp_notification *items, size_t count,
			 size_t *accepted, osp_error *err)
{
	size_t stored = 0;
	size_t done = 0;
	osp_status status;

	*accepted = 0;
	while (done < count)
	{
		status = osp__redis_connect(&conn->redis, err);
		if (status == OSP_OK)
			status = send_items(conn, items + done, count - done, err);
		if (status == OSP_OK)
			status = read_results(conn, items, count, &done, &stored, err);
		if (status != OSP_OK)
			return status;
	}
	*accepted = stored;
	return stored == count ? OSP_OK : OSP_EREFUSED;
}

static osp_status
redis_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				 void *ctx, osp_error *err)
{
	return osp__redis_get_points(&conn->redis, base_id, fn, ctx, err);
}

static osp_status
redis_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				  osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	osp__no_next_page(next);
	return osp__redis_list_traces(&conn->redis, filter, fn, ctx, err);
}

static osp_status
redis_remove_traces(osp_driver_conn *conn, const osp_removal *what,
					uint64_t *removed, osp_error *err)
{
	(void) conn;
	(void) what;
	*removed = 0;
	return osp_error_set(
		err, OSP_EUNSUPPORTED, "traces cannot be removed from redis yet");
}

static const char *const redis_schemes[] = {"redis", NULL};

extern OSP_API const osp_driver osp_driver_redis;
const osp_driver osp_driver_redis = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST,
	.name = "redis",
	.schemes = redis_schemes,
	.open = redis_open,
	.notify = redis_notify,
	.get_points = redis_get_points,
	.list_traces = redis_list_traces,
	.remove_traces = redis_remove_traces,
	.close = redis_close,
};
