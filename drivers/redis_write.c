/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_write.c
 *	  Storing batches in Redis.
 *
 * A batch is one round trip: all notifications of a trace become one LPUSH (or a
 * few, if they are many), which Redis carries out whole or not at all; one ZADD
 * notes all traces of the batch in the index; all commands go out before the
 * first reply is read. Redis takes commands in without waiting for us to read
 * replies, so neither side can block the other. The last command is an ECHO of
 * a word that nobody knows before: a server that answers without being asked is
 * found out by it, and nothing counts as stored.
 *
 * What is refused for good is little: a key that holds something else than a
 * list, and a notification longer than the server takes. Everything else that
 * a server can say (loading, out of memory, read-only replica, wrong password)
 * ends when somebody sets it right, so the points are worth keeping.
 */
#include "redis.h"

#include "osprofiler/json.h"
#include "record/clock.h"

/* Values in one LPUSH: enough to make commands cheap, few enough that other
 * clients of the server do not wait long. */
#define GROUP_ITEMS 256
#define GROUP_BYTES ((size_t) 256 * 1024)

/* A notification of this length stands alone in its LPUSH, so that a server
 * that refuses it for its length refuses nothing else. */
#define ALONE_BYTES ((size_t) 64 * 1024)

#define BULK_TOO_LONG "ERR Protocol error: invalid bulk length"

/* The index is rid of expired traces this often. */
#define FORGET_NS (INT64_C(600) * 1000000000)

/* A batch by its traces. Places are those of the items, sorted by trace, in the
 * order of the batch within each. */
typedef struct sorted
{
	const osp_notification *items;
	size_t count;
	uint32_t *places;
	uint32_t *traces; /* of items[i], a number of conn->traces */
} sorted;

static bool
reserve_places(osp_driver_conn *conn, size_t count)
{
	uint32_t *places;

	if (count <= conn->place_cap)
		return true;
	places =
		osp_realloc(conn->redis.alc, conn->places, 2 * count * sizeof(*places));
	if (places == NULL)
		return false;
	conn->places = places;
	conn->place_cap = count;
	return true;
}

/* Finds the traces of a batch, and sorts it by them. */
static osp_status
sort_batch(osp_driver_conn *conn, const osp_notification *items, size_t count,
		   sorted *out)
{
	osp_traces *traces = &conn->traces;
	osp_traces_entry *entry = NULL;
	uint32_t begin = 0;
	size_t i;

	if (!reserve_places(conn, count))
		return OSP_ENOMEM;
	*out = (sorted){items, count, conn->places, conn->places + count};
	osp__traces_reset(traces);
	for (i = 0; i < count; i++)
	{
		osp_status status = OSP_OK;

		if (i == 0 || !osp_str_eq(items[i].base_id, items[i - 1].base_id))
			status = osp__traces_add(traces, items[i].base_id, &entry);
		if (status != OSP_OK)
			return status;
		entry->place++;
		entry->errors += items[i].error;
		out->traces[i] = (uint32_t) (entry - traces->entries);
	}
	for (i = 0; i < traces->count; i++)
	{
		uint32_t here = traces->entries[i].place;

		traces->entries[i].place = begin;
		begin += here;
	}
	for (i = 0; i < count; i++)
		out->places[traces->entries[out->traces[i]].place++] = (uint32_t) i;
	return OSP_OK;
}

static const osp_notification *
item_at(const sorted *s, size_t place)
{
	return &s->items[s->places[place]];
}

/*
 * The end of the group that begins at start: notifications of one trace that go
 * into one LPUSH. Sending and reading replies both walk over the batch with it,
 * and so agree on the groups. *last: it is the trace's last one.
 */
static size_t
group_end(const sorted *s, size_t start, bool *last)
{
	uint32_t trace = s->traces[s->places[start]];
	size_t bytes = item_at(s, start)->json.len;
	size_t end = start + 1;

	while (bytes < ALONE_BYTES && end < s->count && end - start < GROUP_ITEMS &&
		   s->traces[s->places[end]] == trace)
	{
		size_t more = item_at(s, end)->json.len;

		if (more >= ALONE_BYTES || bytes + more > GROUP_BYTES)
			break;
		bytes += more;
		end++;
	}
	*last = end == s->count || s->traces[s->places[end]] != trace;
	return end;
}

/* Is the trace whose last notification here is item noted as one with an error?
 * Of several errors of a batch one is noted. */
static bool
is_noted(const osp_driver_conn *conn, const sorted *s, size_t last)
{
	return conn->filter_error_trace &&
		   conn->traces.entries[s->traces[s->places[last]]].errors > 0;
}

/* The score of a trace in an index: microseconds, of which a double is exact. */
static int64_t
score_of(const osp_notification *item)
{
	int64_t ns;

	return osp_timestamp_parse(item->timestamp, &ns) ? ns / 1000 : 0;
}

static void
send_index(osp_redis *redis, osp_str index, const osp_notification *item)
{
	osp__redis_begin(redis, 4);
	osp__redis_arg(redis, OSP_STR("ZADD"));
	osp__redis_arg(redis, index);
	osp__redis_arg_i64(redis, score_of(item));
	osp__redis_arg(redis, item->base_id);
}

/* SET of the key by which a trace is known to hold an error. */
static osp_status
send_error_key(osp_driver_conn *conn, const osp_notification *item)
{
	osp_redis *redis = &conn->redis;
	osp_buf *value = &conn->text;

	osp_buf_reset(value);
	osp_buf_add_str(value, OSP_STR("{\"base_id\": "));
	osp_json_string(value, item->base_id);
	osp_buf_add_str(value, OSP_STR(", \"timestamp\": "));
	osp_json_string(value, item->timestamp);
	osp_buf_add_char(value, '}');
	if (osp_buf_status(value) != OSP_OK)
		return osp_buf_status(value);

	osp__redis_begin(redis, redis->ttl > 0 ? 5 : 3);
	osp__redis_arg(redis, OSP_STR("SET"));
	osp__redis_arg2(redis, OSP_STR(REDIS_KEY_ERROR), item->base_id);
	osp__redis_arg(redis, osp_buf_str(value));
	if (redis->ttl > 0)
	{
		osp__redis_arg(redis, OSP_STR("EX"));
		osp__redis_arg_i64(redis, (int64_t) redis->ttl);
	}
	send_index(redis, OSP_STR(REDIS_KEY_ERROR_INDEX), item);
	return OSP_OK;
}

/* What belongs to a trace once in a batch, behind its notifications. */
static osp_status
send_trace(osp_driver_conn *conn, const sorted *s, size_t last)
{
	osp_redis *redis = &conn->redis;
	const osp_notification *item = item_at(s, last);

	if (redis->ttl > 0)
	{
		osp__redis_begin(redis, 3);
		osp__redis_arg(redis, OSP_STR("EXPIRE"));
		osp__redis_arg2(redis, OSP_STR(REDIS_KEY_TRACE), item->base_id);
		osp__redis_arg_i64(redis, (int64_t) redis->ttl);
	}
	send_index(redis, OSP_STR(REDIS_KEY_INDEX), item);
	return is_noted(conn, s, last) ? send_error_key(conn, item) : OSP_OK;
}

/* The word of this batch, in conn->text. */
static osp_str
make_word(osp_driver_conn *conn)
{
	char uuid[OSP_UUID_TEXT_LEN + 1];
	osp_uuid random;

	osp_uuid_new(&random);
	osp_uuid_text(&random, uuid);
	osp_buf_reset(&conn->text);
	osp_buf_add_str(&conn->text, osp_str_of(uuid));
	return osp_buf_str(&conn->text);
}

/* Sends all from place done on. */
static osp_status
send_items(osp_driver_conn *conn, const sorted *s, size_t done)
{
	osp_redis *redis = &conn->redis;
	osp_status status = OSP_OK;

	while (done < s->count && status == OSP_OK)
	{
		bool last;
		size_t end = group_end(s, done, &last);

		osp__redis_begin(redis, end - done + 2);
		osp__redis_arg(redis, OSP_STR("LPUSH"));
		osp__redis_arg2(
			redis, OSP_STR(REDIS_KEY_TRACE), item_at(s, done)->base_id);
		for (; done < end; done++)
			osp__redis_arg(redis, item_at(s, done)->json);
		if (last)
			status = send_trace(conn, s, end - 1);
	}
	osp__redis_begin(redis, 2);
	osp__redis_arg(redis, OSP_STR("ECHO"));
	osp__redis_arg(redis, make_word(conn));
	osp__redis_send(redis);
	return status == OSP_OK ? osp_buf_status(&conn->text) : status;
}

/* What became of an LPUSH of count: stored, refused for good, or neither. */
static osp_status
read_push(osp_redis *redis, size_t count, osp_error *err)
{
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK)
		return status;
	if (redis->items[0].type == REDIS_REPLY_INTEGER &&
		redis->items[0].number >= (int64_t) count)
		return OSP_OK;
	if (osp__redis_is_error(redis, "WRONGTYPE"))
		return osp_error_set(err,
							 OSP_EREFUSED,
							 "redis at %s: the key of a trace holds something "
							 "that is not a list",
							 redis->where);
	if (count == 1 && osp__redis_is_error(redis, BULK_TOO_LONG))
	{
		osp_str text = osp__redis_text(redis, 0);

		status = osp_error_set(err,
							   OSP_EREFUSED,
							   "redis at %s takes no value that long: %.*s",
							   redis->where,
							   (int) (text.len < 120 ? text.len : 120),
							   text.ptr);

		/* The server reads no further, and closes. */
		osp__redis_drop(redis);
		return status;
	}
	return osp__redis_trouble(redis, err);
}

/* The reply to a command that is not about the points themselves. An index that
 * somebody does not let us write (by an access list, by another key of that
 * name) is no reason to keep the points. */
static osp_status
read_other(osp_redis *redis, int type, bool may_be_refused, osp_error *err)
{
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK || redis->items[0].type == type)
		return status;
	if (may_be_refused && (osp__redis_is_error(redis, "NOPERM") ||
						   osp__redis_is_error(redis, "WRONGTYPE")))
		return OSP_OK;
	return osp__redis_trouble(redis, err);
}

static osp_status
read_trace(osp_driver_conn *conn, const sorted *s, size_t last, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = OSP_OK;

	if (redis->ttl > 0)
		status = read_other(redis, REDIS_REPLY_INTEGER, false, err);
	if (status == OSP_OK)
		status = read_other(redis, REDIS_REPLY_INTEGER, true, err);
	if (status != OSP_OK || !is_noted(conn, s, last))
		return status;
	status = read_other(redis, REDIS_REPLY_STATUS, false, err);
	return status == OSP_OK ? read_other(redis, REDIS_REPLY_INTEGER, true, err)
							: status;
}

/* The end of the batch: its word, and nothing behind it. */
static osp_status
read_word(osp_driver_conn *conn, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK)
		return status;
	if (osp__redis_is_error(redis, "NOPERM") ||
		(redis->items[0].type == REDIS_REPLY_STRING &&
		 osp_str_eq(osp__redis_text(redis, 0), osp_buf_str(&conn->text))))
	{
		if (!osp__redis_has_more(redis))
			return OSP_OK;
		osp__redis_drop(redis);
		return osp_error_set(err,
							 OSP_EUNAVAIL,
							 "redis at %s answers what it was not asked",
							 redis->where);
	}
	return osp__redis_trouble(redis, err);
}

/*
 * Reads the replies from *done on, and counts what was stored. OSP_OK also when
 * some were refused (err says why). *done moves on behind what is settled; it is
 * less than the count only on failure, or when the server closed the connection
 * because of an item that it will never take.
 */
static osp_status
read_results(osp_driver_conn *conn, const sorted *s, size_t *done,
			 size_t *stored, osp_error *err)
{
	osp_redis *redis = &conn->redis;

	while (*done < s->count)
	{
		bool last;
		size_t end = group_end(s, *done, &last);
		osp_status status = read_push(redis, end - *done, err);

		if (status == OSP_OK)
			*stored += end - *done;
		else if (status != OSP_EREFUSED)
			return status;
		if (last && redis->stream.fd >= 0)
			status = read_trace(conn, s, end - 1, err);
		if (status != OSP_OK && status != OSP_EREFUSED)
			return status;
		*done = end;
		if (redis->stream.fd < 0)
			return OSP_OK;
	}
	return read_word(conn, err);
}

/* Now and then: takes expired traces out of the index. */
static osp_status
forget_expired(osp_driver_conn *conn, const osp_notification *now,
			   osp_error *err)
{
	static const char *const indexes[] = {REDIS_KEY_INDEX,
										  REDIS_KEY_ERROR_INDEX};
	osp_redis *redis = &conn->redis;
	osp_status status = OSP_OK;
	size_t i;

	if (redis->ttl == 0 || osp_mono_now() < conn->forget_ns)
		return OSP_OK;
	conn->forget_ns = osp_mono_now() + FORGET_NS;
	for (i = 0; i < 2; i++)
	{
		osp__redis_begin(redis, 4);
		osp__redis_arg(redis, OSP_STR("ZREMRANGEBYSCORE"));
		osp__redis_arg(redis, osp_str_of(indexes[i]));
		osp__redis_arg(redis, OSP_STR("-inf"));
		osp__redis_arg_i64(redis,
						   score_of(now) - (int64_t) redis->ttl * 1000000);
	}
	osp__redis_send(redis);
	for (i = 0; i < 2 && status == OSP_OK; i++)
		status = read_other(redis, REDIS_REPLY_INTEGER, true, err);
	return status;
}

osp_status
osp__redis_notify(osp_driver_conn *conn, const osp_notification *items,
				  size_t count, size_t *accepted, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	size_t stored = 0;
	size_t done = 0;
	osp_status status;
	sorted s;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	osp__wait_begin(&redis->wait);
	status = sort_batch(conn, items, count, &s);
	if (status != OSP_OK)
		return osp__redis_broken(redis, status, err);
	while (done < count)
	{
		status = osp__redis_connect(redis, err);
		if (status != OSP_OK)
			return status;
		status = send_items(conn, &s, done);
		if (status != OSP_OK)
			return osp__redis_broken(redis, status, err);
		status = read_results(conn, &s, &done, &stored, err);
		if (status != OSP_OK)
			return status;
	}
	if (redis->stream.fd >= 0)
		status = forget_expired(conn, &items[count - 1], err);
	if (status != OSP_OK)
		return status;
	*accepted = stored;
	return stored == count ? OSP_OK : OSP_EREFUSED;
}
