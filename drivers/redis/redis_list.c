/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_list.c
 *	  Lists the traces that Redis holds, the newest first.
 *
 * If there are few keys, or all traces are requested, all keys are read; then
 * traces that only upstream stored are listed, too. If there are many keys and
 * only some traces are requested, they are taken from the index. The name of a
 * page says how it was made ("k": by keys, "i": by the index), the time of its
 * last trace in microseconds, and how many traces of that time were already
 * listed.
 */
#include "redis.h"

#include <stdlib.h>

#include "osprofiler/json.h"

/* Up to this number of keys, all of them are read, which takes about 20 ms. */
#define FEW_KEYS 20000

/* Traces that are looked up in one round trip. */
#define CHUNK 500

/*
 * How many notifications are read from the end and from the beginning of a
 * trace. They are enough to include those of several tracers, and of an
 * operation after BEGIN.
 */
#define LAST_FEW  4
#define FIRST_FEW 8

#define NS_PER_US 1000

typedef struct listing
{
	osp_driver_conn *conn;
	osp_trace_filter filter;
	osp_trace_fn fn;
	void *ctx;
	osp_error *err;
	bool by_index;
	size_t given;  /* traces passed to fn */
	osp_page page; /* how far the list has got */
	bool is_continued;
} listing;

static bool
is_full(const listing *l)
{
	return l->filter.limit != 0 && l->given >= l->filter.limit;
}

/*
 * Reads the name of the page that the caller continues: how the page was made,
 * and where it ended.
 */
static osp_status
read_page(listing *l)
{
	osp_str page = l->filter.page;
	osp_status status;

	l->is_continued = page.len > 0;
	if (page.len > 0)
	{
		l->by_index = page.ptr[0] == 'i';
		page = osp_str_n(page.ptr + 1, page.len - 1);
	}
	status = osp__page_read(&l->page, page, l->err);
	if (status == OSP_OK && l->is_continued && page.len == 0)
		status = osp_error_set(
			l->err, OSP_EINVAL, "an empty text is no page of a list of traces");
	return status;
}

/* ---- describing a trace ---- */

/* Requests a part of a trace's list, which has the newest notification first. */
static void
ask_range(osp_redis *redis, osp_str key, int64_t from, int64_t to)
{
	osp__redis_command(redis, "LRANGE", key, 2);
	osp__redis_arg_i64(redis, from);
	osp__redis_arg_i64(redis, to);
}

/* Requests the number of notifications of a trace, the last few, and the first few. */
static void
ask_description(osp_redis *redis, osp_str base_id)
{
	osp_str key = osp__redis_key(redis, REDIS_KEY_TRACE, base_id);

	osp__redis_command(redis, "LLEN", key, 0);
	ask_range(redis, key, 0, LAST_FEW - 1);
	ask_range(redis, key, -FIRST_FEW, -1);
}

/*
 * Adds the times of the notifications in the reply to entry. Fails only for
 * lack of memory.
 */
static osp_status
read_range_times(listing *l, osp_trace_entry *entry)
{
	const osp_redis_shared *shared = &l->conn->redis.shared;
	size_t i;

	for (i = 1; i < shared->count; i++)
	{
		osp_buf *text = &l->conn->text;
		osp_status status;
		int64_t at;

		osp_buf_reset(text);
		status = osp_json_member_text(
			text, osp__redis_text(shared, i), OSP_STR("timestamp"));
		if (status == OSP_ENOMEM)
			return status;
		if (status != OSP_OK || !osp_timestamp_parse(osp_buf_str(text), &at))
			continue;
		if (entry->first_ns == 0 || at < entry->first_ns)
			entry->first_ns = at;
		if (at > entry->last_ns)
			entry->last_ns = at;
	}
	return OSP_OK;
}

/*
 * Describes a trace by its first few notifications, which are in the reply.
 * Fails only for lack of memory.
 */
static osp_status
describe_first(listing *l, osp_trace_entry *entry)
{
	osp_driver_conn *conn = l->conn;
	const osp_redis_shared *shared = &conn->redis.shared;
	osp_trace_entry described;
	size_t i;

	osp__traces_reset(&conn->first);
	for (i = shared->count; i-- > 1;)
	{
		osp_notification point;
		osp_status status;

		osp_buf_reset(&conn->text);
		status = osp_notification_read(
			osp__redis_text(shared, i), &conn->text, &point, NULL);
		if (status == OSP_OK)
			status = osp__traces_note(&conn->first, &point);
		if (status == OSP_ENOMEM || status == OSP_EFULL)
			return OSP_ENOMEM;
	}
	if (conn->first.count == 0)
		return OSP_OK;
	described = osp__traces_describe(&conn->first, 0);
	entry->service = described.service;
	entry->name = described.name;
	entry->text = described.text;
	return OSP_OK;
}

/*
 * Reads one of the three replies to ask_description. *again: it must be
 * requested again.
 */
static osp_status
read_description(listing *l, osp_str base_id, int type, bool *again)
{
	osp_redis *redis = &l->conn->redis;
	osp_status status = osp__redis_value(redis, type, l->err);

	if (status == OSP_OK)
		*again |= osp__redis_again(
			redis, osp__redis_key(redis, REDIS_KEY_TRACE, base_id));
	return status;
}

/*
 * Reads the replies to ask_description, and passes the trace to fn. If *again
 * is or becomes true, the trace is not passed on and must be described once
 * more.
 */
static osp_status
describe(listing *l, const osp_traces_entry *known, osp_str base_id,
		 bool *again)
{
	osp_redis *redis = &l->conn->redis;
	osp_trace_entry entry = {.struct_size = sizeof(entry),
							 .base_id = base_id,
							 .first_ns = known->first_ns,
							 .last_ns = known->last_ns,
							 .operations = known->operations,
							 .errors = OSP_UNKNOWN,
							 .service = OSP_STR(""),
							 .name = OSP_STR(""),
							 .text = OSP_STR("")};
	osp_status status =
		read_description(l, base_id, REDIS_REPLY_INTEGER, again);
	bool is_there = status == OSP_OK && redis->shared.items[0].number > 0;
	int i;

	if (is_there)
		entry.operations = (uint64_t) (redis->shared.items[0].number + 1) / 2;
	else if (entry.operations == 0)
		entry.operations = OSP_UNKNOWN;
	for (i = 0; i < 2 && (status == OSP_OK || status == OSP_ENOENT); i++)
	{
		status = read_description(l, base_id, REDIS_REPLY_ARRAY, again);
		if (status == OSP_OK && !*again)
			status = read_range_times(l, &entry);
	}
	if (status != OSP_OK && status != OSP_ENOENT && status != OSP_ENOMEM)
		return status;
	if (*again)
		return OSP_OK;
	if (!is_full(l))
		osp__page_step(&l->page, known->last_ns);
	if (status == OSP_OK)
		status = describe_first(l, &entry);
	if (status == OSP_ENOMEM)
		return osp__redis_broken(redis, status, l->err);

	/* The index may name a trace that is gone, and a key may be no list. */
	is_there |= !l->by_index && (l->filter.errors_only || known->last_ns != 0);
	if (is_full(l) || !is_there ||
		!osp__is_in_time(&l->filter, entry.first_ns, entry.last_ns) ||
		!osp_trace_filter_passes(&l->filter, &entry))
		return OSP_OK;
	l->given++;
	status = l->fn(l->ctx, &entry);
	if (status != OSP_OK)
		osp__redis_drop(redis);
	return status;
}

/*
 * Describes the traces *from..to of conn->traces, in the given order (NULL: as
 * stored). Moves *from behind those that are complete.
 */
static osp_status
describe_some(listing *l, const uint32_t *order, size_t *from, size_t to)
{
	const osp_traces *traces = &l->conn->traces;
	osp_redis *redis = &l->conn->redis;
	osp_status status = osp__wait_check(&redis->shared.wait);
	bool again = false;
	size_t i;

	if (status != OSP_OK)
		return osp__redis_broken(redis, status, l->err);
	for (i = *from; i < to; i++)
		ask_description(redis,
						osp__traces_id(traces, order != NULL ? order[i] : i));
	osp__redis_send(redis);
	for (i = *from; i < to && status == OSP_OK; i++)
	{
		size_t n = order != NULL ? order[i] : i;

		status =
			describe(l, &traces->entries[n], osp__traces_id(traces, n), &again);
		*from += !again;
	}
	return status;
}

/*
 * Like describe_some, but requests traces again whose keys have moved
 * meanwhile, and all after them.
 */
static osp_status
describe_all(listing *l, const uint32_t *order, size_t from, size_t to)
{
	osp_status status = OSP_OK;
	int tries = 0;

	while (from < to && status == OSP_OK)
	{
		size_t before = from;

		status = describe_some(l, order, &from, to);
		tries = from > before ? 0 : tries + 1;
		if (status == OSP_OK && tries > REDIS_TRIES)
			status = osp__redis_restless(&l->conn->redis, l->err);
	}
	return status;
}

/* ---- listing by all keys ---- */

static osp_status
add_trace_key(osp_driver_conn *conn, osp_str key)
{
	osp_traces_entry *entry;
	osp_str base_id;

	if (!osp__redis_id_of(&conn->redis, key, REDIS_KEY_TRACE, &base_id))
		return OSP_OK;
	return osp__traces_add(&conn->traces, base_id, &entry);
}

static osp_status
add_error_key(osp_driver_conn *conn, osp_str key)
{
	osp_traces_entry *entry;
	osp_str base_id;

	if (!osp__redis_id_of(&conn->redis, key, REDIS_KEY_ERROR, &base_id))
		return OSP_OK;
	return osp__traces_add(&conn->traces, base_id, &entry);
}

/*
 * Requests the last and the first notification of a trace, and its latest time
 * in the index: the notification that arrived last need not be the latest.
 */
static void
ask_times(osp_redis *redis, osp_str base_id)
{
	int64_t place;

	for (place = 0; place >= -1; place--)
	{
		osp__redis_command(redis,
						   "LINDEX",
						   osp__redis_key(redis, REDIS_KEY_TRACE, base_id),
						   1);
		osp__redis_arg_i64(redis, place);
	}
	osp__redis_command(redis, "ZSCORE", OSP_STR(REDIS_KEY_INDEX), 1);
	osp__redis_arg(redis, base_id);
}

/* Reads the reply to ZSCORE. The user may not be allowed to ask. */
static osp_status
read_score(osp_driver_conn *conn, osp_traces_entry *entry, bool *again,
		   osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = osp__redis_reply(redis, err);
	int64_t last_ns;

	if (status != OSP_OK)
		return status;
	if (osp__redis_again(redis, OSP_STR(REDIS_KEY_INDEX)))
		*again = true;
	else if (redis->shared.items[0].type == REDIS_REPLY_STRING)
	{
		last_ns = strtoll(osp__redis_text(&redis->shared, 0).ptr, NULL, 10) *
				  NS_PER_US;
		if (entry->last_ns != 0 && last_ns > entry->last_ns)
			entry->last_ns = last_ns;
	}
	else if (redis->shared.items[0].type != REDIS_REPLY_NIL &&
			 !osp__redis_is_error(&redis->shared, "NOPERM") &&
			 !osp__redis_is_error(&redis->shared, "WRONGTYPE"))
		return osp__redis_trouble(redis, err);
	return OSP_OK;
}

static osp_status
read_times(osp_driver_conn *conn, size_t number, bool *again, osp_error *err)
{
	osp_traces_entry *entry = &conn->traces.entries[number];
	osp_str base_id = osp__traces_id(&conn->traces, number);
	osp_redis *redis = &conn->redis;
	osp_buf *text = &conn->text;
	int i;

	for (i = 0; i < 2; i++)
	{
		osp_status status = osp__redis_value(redis, REDIS_REPLY_STRING, err);

		if (status != OSP_OK && status != OSP_ENOENT)
			return status;
		if (status == OSP_ENOENT)
			continue;
		if (osp__redis_again(redis,
							 osp__redis_key(redis, REDIS_KEY_TRACE, base_id)))
		{
			*again = true;
			continue;
		}
		osp_buf_reset(text);
		status = osp_json_member_text(
			text, osp__redis_text(&redis->shared, 0), OSP_STR("timestamp"));
		if (status == OSP_ENOMEM)
			return osp__redis_broken(redis, status, err);
		if (status == OSP_OK)
			osp__traces_time(entry, osp_buf_str(text));
	}
	return read_score(conn, entry, again, err);
}

/* Looks up the times of the traces from..to. *again: some of them are still missing. */
static osp_status
look_up_some(osp_driver_conn *conn, size_t from, size_t to, bool *again,
			 osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = OSP_OK;
	size_t i;

	*again = false;
	for (i = from; i < to; i++)
		ask_times(redis, osp__traces_id(&conn->traces, i));
	osp__redis_send(redis);
	for (i = from; i < to && status == OSP_OK; i++)
		status = read_times(conn, i, again, err);
	return status;
}

/* Looks up the times of all traces, chunk by chunk. */
static osp_status
look_up_times(osp_driver_conn *conn, osp_error *err)
{
	size_t count = conn->traces.count;
	osp_status status = OSP_OK;
	size_t from = 0;
	int tries = 0;

	while (from < count && status == OSP_OK)
	{
		size_t to = count - from < CHUNK ? count : from + CHUNK;
		bool again;

		status = look_up_some(conn, from, to, &again, err);
		if (!again)
			from = to;
		tries = again ? tries + 1 : 0;
		if (status == OSP_OK && tries > REDIS_TRIES)
			status = osp__redis_restless(&conn->redis, err);
	}
	return status;
}

osp_status
osp__redis_find_traces(osp_driver_conn *conn, bool errors_only, osp_error *err)
{
	osp_status status;

	osp__traces_reset(&conn->traces);
	status = osp__redis_scan(conn,
							 errors_only ? OSP_STR(REDIS_KEY_ERROR "*")
										 : OSP_STR(REDIS_KEY_TRACE "*"),
							 errors_only ? add_error_key : add_trace_key,
							 err);
	if (status == OSP_OK && conn->redis.shared.settings.legacy && !errors_only)
		status = osp__redis_legacy_traces(conn, err);
	return status == OSP_OK ? look_up_times(conn, err) : status;
}

static osp_status
list_by_keys(listing *l, bool *more)
{
	osp_driver_conn *conn = l->conn;
	osp_status status =
		osp__redis_find_traces(conn, l->filter.errors_only, l->err);
	uint32_t *order;
	size_t count;
	size_t from = 0;

	if (status != OSP_OK || conn->traces.count == 0)
		return status;
	status =
		osp__traces_order(&conn->traces, &l->filter, &l->page, &order, &count);
	if (status != OSP_OK)
		return osp__redis_broken(&conn->redis, status, l->err);
	while (from < count && status == OSP_OK && !is_full(l))
	{
		size_t left = count - from;
		size_t to = from + (left < CHUNK ? left : CHUNK);

		if (l->filter.limit != 0 && to - from > l->filter.limit - l->given)
			to = from + (l->filter.limit - l->given);
		status = describe_all(l, order, from, to);
		from = to;
	}
	*more = from < count;
	osp_free(conn->redis.shared.alc, order);
	return status;
}

/* ---- listing by the index ---- */

static osp_str
index_of(const listing *l)
{
	return l->filter.errors_only ? OSP_STR(REDIS_KEY_ERROR_INDEX)
								 : OSP_STR(REDIS_KEY_INDEX);
}

static void
ask_index(listing *l, size_t count)
{
	osp_redis *redis = &l->conn->redis;

	osp__redis_command(redis, "ZREVRANGEBYSCORE", index_of(l), 6);
	if (l->page.at_us == INT64_MAX)
		osp__redis_arg(redis, OSP_STR("+inf"));
	else
		osp__redis_arg_i64(redis, l->page.at_us);
	if (l->filter.since_ns == 0)
		osp__redis_arg(redis, OSP_STR("-inf"));
	else
		osp__redis_arg_i64(redis, l->filter.since_ns / NS_PER_US);
	osp__redis_arg(redis, OSP_STR("WITHSCORES"));
	osp__redis_arg(redis, OSP_STR("LIMIT"));
	osp__redis_arg_i64(redis, l->page.ties);
	osp__redis_arg_i64(redis, (int64_t) count);
	osp__redis_send(redis);
}

/*
 * Reads a reply about the index. OSP_ENOENT: the key of the index holds
 * something else. *again: the command must be sent again.
 */
static osp_status
read_of_index(listing *l, int type, bool *again)
{
	osp_redis *redis = &l->conn->redis;
	osp_status status = osp__redis_value(redis, type, l->err);

	*again = status == OSP_OK && osp__redis_again(redis, index_of(l));
	return status;
}

/* Reads the next part of the index into conn->traces, newest first. */
static osp_status
read_index(listing *l, size_t count)
{
	const osp_redis_shared *shared = &l->conn->redis.shared;
	osp_traces *traces = &l->conn->traces;
	osp_traces_entry *entry;
	osp_status status = OSP_OK;
	bool again = true;
	int tries;
	size_t i;

	osp__traces_reset(traces);
	for (tries = 0; again; tries++)
	{
		if (tries > REDIS_TRIES)
			return osp__redis_restless(&l->conn->redis, l->err);
		ask_index(l, count);
		status = read_of_index(l, REDIS_REPLY_ARRAY, &again);
	}
	if (status == OSP_ENOENT)
		return OSP_OK;
	for (i = 1; i + 1 < shared->count && status == OSP_OK; i += 2)
	{
		status = osp__traces_add(traces, osp__redis_text(shared, i), &entry);
		if (status == OSP_OK)
			entry->last_ns =
				strtoll(osp__redis_text(shared, i + 1).ptr, NULL, 10) *
				NS_PER_US;
		else
			(void) osp__redis_broken(&l->conn->redis, status, l->err);
	}
	return status;
}

static osp_status
list_by_index(listing *l, bool *more)
{
	osp_status status = OSP_OK;

	while (status == OSP_OK && !is_full(l))
	{
		size_t left = l->filter.limit - l->given;
		size_t count = left < CHUNK ? left : CHUNK;
		size_t found = 0;

		status = read_index(l, count);
		if (status == OSP_OK)
		{
			found = l->conn->traces.count;
			status = describe_all(l, NULL, 0, found);
		}
		if (found < count)
			break;
		*more = is_full(l);
	}
	return status;
}

/* ---- choosing one of the two ---- */

/* Counts the keys of all nodes. */
static osp_status
count_keys(osp_redis *redis, int64_t *keys, osp_error *err)
{
	osp_redis_node *node = NULL;
	osp_status status = OSP_OK;
	size_t asked = 0;

	while ((node = osp__redis_next_node(redis, node)) != NULL)
	{
		osp__redis_command_to(redis, node, "DBSIZE", 0);
		asked++;
	}
	osp__redis_send(redis);
	for (*keys = 0; asked > 0 && status == OSP_OK; asked--)
	{
		status = osp__redis_value(redis, REDIS_REPLY_INTEGER, err);
		if (status == OSP_OK)
			*keys += redis->shared.items[0].number;
	}
	return status;
}

/*
 * Chooses whether the traces are listed by our index or by the keys. The index
 * lacks the traces that only upstream's writers have stored. It is used if
 * there are so many keys that reading all would take long, and if it has as
 * many traces as are requested.
 */
static osp_status
choose(listing *l)
{
	osp_redis *redis = &l->conn->redis;
	osp_status status;
	int64_t keys;
	bool again;

	l->by_index = false;
	if (l->filter.limit == 0 || redis->shared.settings.legacy)
		return OSP_OK;
	status = count_keys(redis, &keys, l->err);
	if (status != OSP_OK || keys <= FEW_KEYS)
		return status;
	osp__redis_command(redis, "ZCARD", index_of(l), 0);
	osp__redis_send(redis);
	status = read_of_index(l, REDIS_REPLY_INTEGER, &again);
	l->by_index = status == OSP_OK && (again || redis->shared.items[0].number >=
													(int64_t) l->filter.limit);
	return status == OSP_ENOENT ? OSP_OK : status;
}

osp_status
osp__redis_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
					   osp_trace_fn fn, void *ctx, osp_str *next,
					   osp_error *err)
{
	listing l = {.conn = conn, .fn = fn, .ctx = ctx, .err = err};
	osp_status status;
	bool more = false;

	if (next != NULL)
		*next = OSP_STR("");
	if (filter != NULL)
		osp_struct_copy(&l.filter, sizeof(l.filter), filter);
	status = read_page(&l);
	if (status == OSP_OK)
		status = osp__redis_begin_call(&conn->redis, err);
	if (status == OSP_OK && !l.is_continued)
		status = choose(&l);
	if (status == OSP_OK)
		status =
			l.by_index ? list_by_index(&l, &more) : list_by_keys(&l, &more);
	if (status != OSP_OK || !more || next == NULL)
		return status;
	osp_buf_reset(&conn->text);
	osp_buf_add_char(&conn->text, l.by_index ? 'i' : 'k');
	osp__page_write(&l.page, &conn->text);
	*next = osp_buf_str(&conn->text);
	return osp_buf_status(&conn->text);
}
