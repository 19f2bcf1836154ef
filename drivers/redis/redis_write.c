/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_write.c
 *	  Stores batches in Redis.
 *
 * A batch takes one round trip. All notifications of a trace become one LPUSH
 * (or a few, if they are many), which Redis carries out completely or not at
 * all. A ZADD adds the traces of the batch to the index. All commands are sent
 * before the first reply is read. Redis reads commands without waiting until we
 * read replies, so neither side can block the other. The last command to each
 * server is an ECHO of a random word. A server that sends replies without being
 * asked cannot know this word. If the reply is another one, nothing counts as
 * stored.
 *
 * Behind a sentinel or in a cluster a replica may become the master. If the
 * server has a replica, WAIT is sent before the ECHO: a batch that is confirmed
 * survives the loss of the master.
 *
 * Notifications are refused for good in two cases: the key holds something
 * other than a list, or a notification is longer than the server accepts. All
 * other errors of a server (loading, out of memory, read-only replica, wrong
 * password) end when somebody corrects their cause, so the caller should keep
 * the points.
 */
#include "redis.h"

#include "osprofiler/json.h"
#include "record/clock.h"

/*
 * Limits of one LPUSH: enough values to make commands cheap, few enough that
 * other clients of the server do not wait long.
 */
#define GROUP_ITEMS 256
#define GROUP_BYTES ((size_t) 256 * 1024)

/*
 * A notification of this length gets an LPUSH of its own, so that a server that
 * refuses it for its length refuses nothing else.
 */
#define ALONE_BYTES ((size_t) 64 * 1024)

#define BULK_TOO_LONG "ERR Protocol error: invalid bulk length"

/* How often expired traces are removed from the index. */
#define FORGET_NS (INT64_C(600) * 1000000000)

/* Traces in one ZADD. */
#define INDEX_ITEMS 256

/* How long we wait for a replica. */
#define WAIT_MS 1000

/*
 * A batch, sorted by trace. places has the numbers of the items that are not
 * settled yet, in the order of the batch within each trace. In an entry of
 * conn->traces, last_ns is the latest time of the trace's items, errors is the
 * number of its errors, and place is not 0 while its expiry and its error have
 * to be sent.
 */
typedef struct batch
{
	const osp_notification *items;
	uint32_t *places;
	/* traces[i] is the number of the trace of items[i] in conn->traces. */
	uint32_t *traces;
	size_t left; /* how many elements places has */
	size_t stored;
	bool index_due; /* the indexes must be written */
	bool notes_due; /* the place of some entry is not 0 */
} batch;

static bool
reserve_places(osp_driver_conn *conn, size_t count)
{
	uint32_t *places;

	if (count <= conn->place_cap)
		return true;
	places = osp_realloc(
		conn->redis.shared.alc, conn->places, 2 * count * sizeof(*places));
	if (places == NULL)
		return false;
	conn->places = places;
	conn->place_cap = count;
	return true;
}

/* Must more be sent about a trace than its entry in the index? */
static bool
is_noted(const osp_driver_conn *conn, const osp_traces_entry *entry)
{
	return conn->redis.shared.settings.ttl > 0 ||
		   (conn->filter_error_trace && entry->errors > 0);
}

/* Collects the traces of a batch in conn->traces. */
static osp_status
find_traces(osp_driver_conn *conn, batch *b, size_t count)
{
	osp_traces *traces = &conn->traces;
	osp_traces_entry *entry = NULL;
	size_t i;

	osp__traces_reset(traces);
	for (i = 0; i < count; i++)
	{
		const osp_notification *item = &b->items[i];
		osp_status status = OSP_OK;

		if (i == 0 || !osp_str_eq(item->base_id, item[-1].base_id))
			status = osp__traces_add(traces, item->base_id, &entry);
		if (status != OSP_OK)
			return status;
		entry->place++;
		entry->errors += item->error;
		osp__traces_time(entry, item->timestamp);
		b->traces[i] = (uint32_t) (entry - traces->entries);
	}
	return OSP_OK;
}

/* Collects the traces of a batch, and sorts the batch by trace. */
static osp_status
sort_batch(osp_driver_conn *conn, const osp_notification *items, size_t count,
		   batch *b)
{
	osp_traces *traces = &conn->traces;
	uint32_t begin = 0;
	osp_status status;
	size_t i;

	if (!reserve_places(conn, count))
		return OSP_ENOMEM;
	*b = (batch){.items = items,
				 .places = conn->places,
				 .traces = conn->places + count,
				 .left = count,
				 .index_due = true};
	status = find_traces(conn, b, count);
	if (status != OSP_OK)
		return status;
	for (i = 0; i < traces->count; i++)
	{
		uint32_t here = traces->entries[i].place;

		traces->entries[i].place = begin;
		begin += here;
	}
	for (i = 0; i < count; i++)
		b->places[traces->entries[b->traces[i]].place++] = (uint32_t) i;
	for (i = 0; i < traces->count; i++)
	{
		osp_traces_entry *entry = &traces->entries[i];

		entry->place = is_noted(conn, entry);
		b->notes_due |= entry->place != 0;
	}
	return OSP_OK;
}

static const osp_notification *
item_at(const batch *b, size_t place)
{
	return &b->items[b->places[place]];
}

static uint32_t
trace_at(const batch *b, size_t place)
{
	return b->traces[b->places[place]];
}

/*
 * Returns the end of the group that begins at start: notifications of one trace
 * that go into one LPUSH. Sending and reading replies both use it to walk over
 * the batch, and so agree on the groups.
 */
static size_t
group_end(const batch *b, size_t start)
{
	size_t bytes = item_at(b, start)->json.len;
	size_t end = start + 1;

	while (bytes < ALONE_BYTES && end < b->left && end - start < GROUP_ITEMS &&
		   trace_at(b, end) == trace_at(b, start))
	{
		size_t more = item_at(b, end)->json.len;

		if (more >= ALONE_BYTES || bytes + more > GROUP_BYTES)
			break;
		bytes += more;
		end++;
	}
	return end;
}

static osp_str
trace_key(osp_driver_conn *conn, const char *prefix, size_t trace)
{
	return osp__redis_key(
		&conn->redis, prefix, osp__traces_id(&conn->traces, trace));
}

/* ---- sending ---- */

static void
send_groups(osp_driver_conn *conn, const batch *b)
{
	osp_redis *redis = &conn->redis;
	size_t at = 0;

	while (at < b->left)
	{
		size_t end = group_end(b, at);

		osp__redis_command(redis,
						   "LPUSH",
						   trace_key(conn, REDIS_KEY_TRACE, trace_at(b, at)),
						   end - at);
		for (; at < end; at++)
			osp__redis_arg(redis, item_at(b, at)->json);
	}
}

/* Sends the SET of the key that marks a trace as holding an error. */
static osp_status
send_error_key(osp_driver_conn *conn, size_t trace)
{
	const uint64_t ttl = conn->redis.shared.settings.ttl;
	const osp_traces_entry *entry = &conn->traces.entries[trace];
	osp_redis *redis = &conn->redis;
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp_buf *value = &conn->text;

	osp_timestamp_text(entry->last_ns, timestamp);
	osp_buf_reset(value);
	osp_buf_add_str(value, OSP_STR("{\"base_id\": "));
	osp_json_string(value, osp__traces_id(&conn->traces, trace));
	osp_buf_add_str(value, OSP_STR(", \"timestamp\": "));
	osp_json_string(value, osp_str_of(timestamp));
	osp_buf_add_char(value, '}');
	if (osp_buf_status(value) != OSP_OK)
		return osp_buf_status(value);

	osp__redis_command(
		redis, "SET", trace_key(conn, REDIS_KEY_ERROR, trace), ttl > 0 ? 3 : 1);
	osp__redis_arg(redis, osp_buf_str(value));
	if (ttl > 0)
	{
		osp__redis_arg(redis, OSP_STR("EX"));
		osp__redis_arg_i64(redis, (int64_t) ttl);
	}
	return OSP_OK;
}

/*
 * Sends, once for each trace of a batch, when it expires and whether it holds
 * an error.
 */
static osp_status
send_notes(osp_driver_conn *conn)
{
	osp_redis *redis = &conn->redis;
	const uint64_t ttl = redis->shared.settings.ttl;
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < conn->traces.count && status == OSP_OK; i++)
	{
		const osp_traces_entry *entry = &conn->traces.entries[i];

		if (entry->place == 0)
			continue;
		if (ttl > 0)
		{
			osp__redis_command(
				redis, "EXPIRE", trace_key(conn, REDIS_KEY_TRACE, i), 1);
			osp__redis_arg_i64(redis, (int64_t) ttl);
		}
		if (conn->filter_error_trace && entry->errors > 0)
			status = send_error_key(conn, i);
	}
	return status;
}

/*
 * Stores in members the numbers of the next traces that belong in an index,
 * INDEX_ITEMS at most, and returns how many. *at is where to begin, and moves
 * behind them.
 */
static size_t
next_members(const osp_driver_conn *conn, bool errors, size_t *at,
			 size_t members[INDEX_ITEMS])
{
	size_t count = 0;

	for (; *at < conn->traces.count && count < INDEX_ITEMS; (*at)++)
		if (!errors || conn->traces.entries[*at].errors > 0)
			members[count++] = *at;
	return count;
}

/*
 * Sends a ZADD of the traces. Their score is the time in microseconds, which a
 * double holds exactly. GT keeps the later time: notifications of a server may
 * arrive after those that its client recorded later. Redis before 6.2 does not
 * know GT; there the last batch counts.
 */
static void
send_index(osp_driver_conn *conn, const char *index, bool errors)
{
	osp_redis *redis = &conn->redis;
	size_t members[INDEX_ITEMS];
	size_t count;
	size_t at = 0;
	size_t i;

	while ((count = next_members(conn, errors, &at, members)) > 0)
	{
		osp__redis_command(
			redis, "ZADD", osp_str_of(index), 2 * count + !conn->lacks_gt);
		if (!conn->lacks_gt)
			osp__redis_arg(redis, OSP_STR("GT"));
		for (i = 0; i < count; i++)
		{
			osp__redis_arg_i64(redis,
							   conn->traces.entries[members[i]].last_ns / 1000);
			osp__redis_arg(redis, osp__traces_id(&conn->traces, members[i]));
		}
	}
}

/* Makes a random word for the ECHO of this batch, in conn->text. */
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

/*
 * Sends ECHO, and WAIT if there is a replica, to each server that got a part of
 * the batch. Returns the number of these commands.
 */
static size_t
send_ends(osp_driver_conn *conn)
{
	osp_redis *redis = &conn->redis;
	osp_str word = make_word(conn);
	size_t ends = 0;
	size_t i;

	for (i = 0; i < redis->node_count; i++)
	{
		osp_redis_node *node = redis->nodes[i];

		if (node->pending == 0)
			continue;
		if (node->has_replica)
		{
			osp__redis_command_to(redis, node, "WAIT", 2);
			osp__redis_arg_i64(redis, 1);
			osp__redis_arg_i64(redis, WAIT_MS);
			ends++;
		}
		osp__redis_command_to(redis, node, "ECHO", 1);
		osp__redis_arg(redis, word);
		ends++;
	}
	osp__redis_send(redis);
	return ends;
}

/* Sends everything that is not settled. *ends: the number of commands of send_ends. */
static osp_status
send_batch(osp_driver_conn *conn, const batch *b, size_t *ends)
{
	osp_status status;

	send_groups(conn, b);
	status = b->notes_due ? send_notes(conn) : OSP_OK;
	if (b->index_due)
	{
		send_index(conn, REDIS_KEY_INDEX, false);
		if (conn->filter_error_trace)
			send_index(conn, REDIS_KEY_ERROR_INDEX, true);
	}
	*ends = send_ends(conn);
	return status == OSP_OK ? osp_buf_status(&conn->text) : status;
}

/* ---- reading replies ---- */

/*
 * Reads the reply to an LPUSH of count notifications. OSP_EREFUSED: they are
 * refused for good. *again: they must be sent again.
 */
static osp_status
read_push(osp_driver_conn *conn, osp_str key, size_t count, bool *again,
		  osp_error *err)
{
	osp_redis *redis = &conn->redis;
	const osp_redis_shared *shared = &redis->shared;
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK)
		return status;
	*again = osp__redis_again(redis, key);
	if (*again || (shared->items[0].type == REDIS_REPLY_INTEGER &&
				   shared->items[0].number >= (int64_t) count))
		return OSP_OK;
	if (osp__redis_is_error(shared, "WRONGTYPE"))
		return osp_error_set(err,
							 OSP_EREFUSED,
							 "redis at %s: the key of a trace holds something "
							 "that is not a list",
							 redis->from->where);
	if (count == 1 && osp__redis_is_error(shared, BULK_TOO_LONG))
	{
		osp_str text = osp__redis_text(shared, 0);

		osp__redis_set_away(redis);
		return osp_error_set(err,
							 OSP_EREFUSED,
							 "redis at %s takes no value that long: %.*s",
							 redis->from->where,
							 (int) (text.len < 120 ? text.len : 120),
							 text.ptr);
	}
	return osp__redis_trouble(redis, err);
}

/* Reads the replies to all groups. Those that must be sent again stay in the batch. */
static osp_status
read_groups(osp_driver_conn *conn, batch *b, osp_error *err)
{
	size_t count = b->left;
	size_t kept = 0;
	size_t at = 0;
	osp_status status = OSP_OK;

	while (at < count)
	{
		uint32_t trace = trace_at(b, at);
		size_t end = group_end(b, at);
		bool again = false;

		status = read_push(conn,
						   trace_key(conn, REDIS_KEY_TRACE, trace),
						   end - at,
						   &again,
						   err);
		if (status == OSP_OK && !again)
			b->stored += end - at;
		else if (status != OSP_OK && status != OSP_EREFUSED)
			return status;
		for (; again && at < end; at++)
			b->places[kept++] = b->places[at];
		at = end;
	}
	b->left = kept;
	return OSP_OK;
}

/* Is the reply to a ZADD the error of a server that does not know GT? */
static bool
is_unknown_gt(const osp_redis *redis)
{
	return osp__redis_is_error(&redis->shared, "ERR syntax error");
}

/*
 * Reads the reply to a command that does not store notifications. If we may not
 * write an index (because of an access list, or of another key with its name),
 * the batch is stored all the same.
 */
static osp_status
read_other(osp_redis *redis, int type, bool may_be_refused, osp_error *err)
{
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK || redis->shared.items[0].type == type ||
		redis->shared.items[0].type == REDIS_AGAIN)
		return status;
	if (may_be_refused && (osp__redis_is_error(&redis->shared, "NOPERM") ||
						   osp__redis_is_error(&redis->shared, "WRONGTYPE") ||
						   is_unknown_gt(redis)))
		return OSP_OK;
	return osp__redis_trouble(redis, err);
}

/*
 * Reads the replies to send_notes for one trace. Its place stays set if a
 * command must be sent again.
 */
static osp_status
read_note(osp_driver_conn *conn, size_t trace, osp_error *err)
{
	osp_traces_entry *entry = &conn->traces.entries[trace];
	osp_redis *redis = &conn->redis;
	osp_status status = OSP_OK;

	entry->place = 0;
	if (redis->shared.settings.ttl > 0)
	{
		status = read_other(redis, REDIS_REPLY_INTEGER, false, err);
		if (status == OSP_OK)
			entry->place |= osp__redis_again(
				redis, trace_key(conn, REDIS_KEY_TRACE, trace));
	}
	if (status == OSP_OK && conn->filter_error_trace && entry->errors > 0)
	{
		status = read_other(redis, REDIS_REPLY_STATUS, false, err);
		if (status == OSP_OK)
			entry->place |= osp__redis_again(
				redis, trace_key(conn, REDIS_KEY_ERROR, trace));
	}
	return status;
}

static osp_status
read_notes(osp_driver_conn *conn, batch *b, osp_error *err)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < conn->traces.count && status == OSP_OK; i++)
		if (conn->traces.entries[i].place != 0)
			status = read_note(conn, i, err);

	/* A list that is created only when its items are sent again must expire, too. */
	for (i = 0; i < b->left && conn->redis.shared.settings.ttl > 0; i++)
		conn->traces.entries[trace_at(b, i)].place = 1;
	b->notes_due = false;
	for (i = 0; i < conn->traces.count; i++)
		b->notes_due |= conn->traces.entries[i].place != 0;
	return status;
}

/* Reads the replies to send_index. */
static osp_status
read_index(osp_driver_conn *conn, const char *index, bool errors, bool *due,
		   bool *lacks_gt, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	size_t members[INDEX_ITEMS];
	osp_status status = OSP_OK;
	size_t at = 0;

	while (status == OSP_OK && next_members(conn, errors, &at, members) > 0)
	{
		status = read_other(redis, REDIS_REPLY_INTEGER, true, err);
		if (status != OSP_OK)
			break;
		*due |= osp__redis_again(redis, osp_str_of(index));
		if (!conn->lacks_gt && is_unknown_gt(redis))
			*lacks_gt = true;
	}
	return status;
}

static osp_status
read_indexes(osp_driver_conn *conn, batch *b, osp_error *err)
{
	bool lacks_gt = false;
	osp_status status;

	b->index_due = false;
	status =
		read_index(conn, REDIS_KEY_INDEX, false, &b->index_due, &lacks_gt, err);
	if (status == OSP_OK && conn->filter_error_trace)
		status = read_index(
			conn, REDIS_KEY_ERROR_INDEX, true, &b->index_due, &lacks_gt, err);
	conn->lacks_gt |= lacks_gt;
	b->index_due |= lacks_gt;
	return status;
}

/*
 * Reads the reply to WAIT. If no replica has confirmed the batch, the server
 * may be an old master, whose replica is the master now. So the call fails, and
 * the next call finds out which server is the master. If it is the same one,
 * its replica is slow and is not waited for.
 */
static osp_status
read_replicas(osp_redis *redis, osp_error *err)
{
	osp_redis_node *node = redis->from;

	if (redis->shared.items[0].type != REDIS_REPLY_INTEGER)
		return osp__redis_trouble(redis, err);
	if (redis->shared.items[0].number > 0)
		return OSP_OK;
	node->doubt_ns = osp_mono_now();
	osp__redis_drop(redis);
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "no replica of redis at %s confirms within %d ms",
						 node->where,
						 WAIT_MS);
}

/*
 * Reports what follows the last reply: the end of the connection, or data that
 * was not requested, after which nothing is certain.
 */
static osp_status
not_quiet(osp_redis *redis, osp_error *err)
{
	osp_redis_node *node = redis->from;
	char byte;
	bool ended = node->reader->pos >= node->reader->len &&
				 osp__stream_read(&node->stream, &byte, 1) < 0;

	osp__redis_node_drop(node);
	osp__redis_drop(redis);
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 ended ? "lost the connection to redis at %s"
							   : "redis at %s answers what it was not asked",
						 node->where);
}

/*
 * Reads the reply to a command of send_ends: a number of replicas, or the word,
 * after which nothing may follow.
 */
static osp_status
read_end(osp_driver_conn *conn, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	const osp_redis_shared *shared = &redis->shared;
	osp_status status = osp__redis_reply(redis, err);

	if (status != OSP_OK || shared->items[0].type == REDIS_AGAIN ||
		osp__redis_is_error(shared, "NOPERM"))
		return status;
	if (redis->from->has_replica && redis->from->pending > 0)
		return read_replicas(redis, err);
	if (shared->items[0].type != REDIS_REPLY_STRING ||
		!osp_str_eq(osp__redis_text(shared, 0), osp_buf_str(&conn->text)))
		return osp__redis_trouble(redis, err);
	return osp__redis_node_is_quiet(redis->from) ? OSP_OK
												 : not_quiet(redis, err);
}

/*
 * Reads all replies. The result is OSP_OK, too, if some notifications were
 * refused (err says why) or must be sent again: b has what is not settled.
 */
static osp_status
read_batch(osp_driver_conn *conn, batch *b, size_t ends, osp_error *err)
{
	const bool notes_due = b->notes_due;
	const bool index_due = b->index_due;
	osp_status status = read_groups(conn, b, err);

	if (status == OSP_OK && notes_due)
		status = read_notes(conn, b, err);
	if (status == OSP_OK && index_due)
		status = read_indexes(conn, b, err);
	for (; ends > 0 && status == OSP_OK; ends--)
		status = read_end(conn, err);
	return status;
}

/* ---- the call ---- */

/* Removes expired traces from the index, if this is due. */
static osp_status
forget_expired(osp_driver_conn *conn, osp_error *err)
{
	static const char *const indexes[] = {REDIS_KEY_INDEX,
										  REDIS_KEY_ERROR_INDEX};
	osp_redis *redis = &conn->redis;
	const int64_t ttl = (int64_t) redis->shared.settings.ttl;
	osp_status status = OSP_OK;
	size_t i;

	if (ttl == 0 || osp_mono_now() < conn->forget_ns)
		return OSP_OK;
	conn->forget_ns = osp_mono_now() + FORGET_NS;
	for (i = 0; i < 2; i++)
	{
		osp__redis_command(
			redis, "ZREMRANGEBYSCORE", osp_str_of(indexes[i]), 2);
		osp__redis_arg(redis, OSP_STR("-inf"));
		osp__redis_arg_i64(
			redis, conn->traces.entries[0].last_ns / 1000 - ttl * 1000000);
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
	osp_status status;
	int tries = 0;
	batch b;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	status = sort_batch(conn, items, count, &b);
	if (status != OSP_OK)
		return osp__redis_broken(redis, status, err);
	status = osp__redis_begin_call(redis, err);
	while (status == OSP_OK && (b.left > 0 || b.notes_due || b.index_due))
	{
		size_t before = b.left;
		size_t ends;

		if (tries > REDIS_TRIES)
			return osp__redis_restless(redis, err);
		status = send_batch(conn, &b, &ends);
		if (status != OSP_OK)
			return osp__redis_broken(redis, status, err);
		status = read_batch(conn, &b, ends, err);
		tries = b.left < before ? 0 : tries + 1;
	}
	if (status == OSP_OK)
		status = forget_expired(conn, err);
	if (status != OSP_OK)
		return status;
	*accepted = b.stored;
	return b.stored == count ? OSP_OK : OSP_EREFUSED;
}
