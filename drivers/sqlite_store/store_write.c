/* SPDX-License-Identifier: Apache-2.0
 *
 * store_write.c
 *	  Stores a batch: one block with all its notifications, and a summary row
 *	  for each of its traces.
 *
 * Everything happens in the transaction of the caller, so a batch is stored
 * completely or not at all. The same transaction stores the highest sequence
 * number of each source, by which notifications are recognised when they arrive
 * again.
 */
#include "sqlite_store.h"

#include <time.h>

#include "osprofiler/json.h"
#include "trace_text.h"

#define TEXT_MAX     120 /* bytes of a statement in a summary */
#define TEXT_RAW_MAX 240 /* bytes of JSON that are read for it */
#define SOURCE_SLOTS 512 /* at most half of them are used */

/* What a block adds to the summary of a trace. */
typedef struct summary
{
	size_t entry; /* place in store_index.entries */
	osp_str base_id;
	int64_t first_us;
	int64_t last_us;
	int64_t operations;
	int64_t errors;
	const osp_notification *root; /* the earliest start; NULL: none */
	int64_t root_us;
	const osp_notification *told; /* the first start that tells traces apart */
	int64_t told_us;
} summary;

/* The highest sequence number of a source. */
typedef struct source
{
	osp_uuid id;
	uint64_t sequence; /* 0: the slot is free */
	uint64_t stored;
} source;

struct store_batch
{
	const osp_allocator *alc;
	uint64_t number; /* number of this block, see store_entry.batch_no */
	summary *summaries;
	size_t count;
	size_t cap;
	source sources[SOURCE_SLOTS];
	size_t source_count;
	osp_buf traces; /* the value for the column block.traces */
	osp_buf text;   /* a decoded text for the table trace */
};

static osp_status
make_batch(osp_driver_conn *conn)
{
	store_batch *batch;

	if (conn->encoder == NULL)
		conn->encoder = store_encoder_new(conn->alc);
	if (conn->batch == NULL)
	{
		batch = osp_calloc(conn->alc, 1, sizeof(*batch));
		if (batch == NULL)
			return OSP_ENOMEM;
		batch->alc = conn->alc;
		osp_buf_init(&batch->traces, conn->alc, STORE_BLOCK_MAX);
		osp_buf_init(&batch->text, conn->alc, 4 * TEXT_RAW_MAX);
		conn->batch = batch;
		if (!osp_buf_reserve(&batch->text, 2 * TEXT_RAW_MAX))
			return OSP_ENOMEM;
	}
	return conn->encoder != NULL ? OSP_OK : OSP_ENOMEM;
}

void
store_batch_free(store_batch *batch)
{
	if (batch == NULL)
		return;
	osp_buf_term(&batch->traces);
	osp_buf_term(&batch->text);
	osp_free(batch->alc, batch->summaries);
	osp_free(batch->alc, batch);
}

/* ---- sources ---- */

static source *
source_slot(store_batch *batch, const osp_uuid *id)
{
	uint64_t hash;

	memcpy(&hash, id->bytes + 8, sizeof(hash));
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	for (hash >>= 32;; hash++)
	{
		source *slot = &batch->sources[hash % SOURCE_SLOTS];

		if (slot->sequence == 0 ||
			memcmp(slot->id.bytes, id->bytes, sizeof(id->bytes)) == 0)
			return slot;
	}
}

static int64_t
now_seconds(void)
{
	return (int64_t) time(NULL);
}

/* Stores the highest sequence number of each source, and empties the slots. */
static osp_status
store_sources(osp_driver_conn *conn, osp_error *err)
{
	store_batch *batch = conn->batch;
	size_t i;

	for (i = 0; i < SOURCE_SLOTS && batch->source_count > 0; i++)
	{
		const source *s = &batch->sources[i];
		sqlite3_stmt *stmt;

		if (s->sequence == 0 || s->sequence == s->stored)
			continue;
		stmt = store_db_query(&conn->db, STORE_SET_SOURCE);
		if (stmt == NULL ||
			sqlite3_bind_blob(
				stmt, 1, s->id.bytes, sizeof(s->id.bytes), SQLITE_STATIC) !=
				SQLITE_OK ||
			sqlite3_bind_int64(stmt, 2, (int64_t) s->sequence) != SQLITE_OK ||
			sqlite3_bind_int64(stmt, 3, now_seconds()) != SQLITE_OK ||
			!store_db_run(stmt))
			return store_db_failed(&conn->db, err);
	}
	memset(batch->sources, 0, sizeof(batch->sources));
	batch->source_count = 0;
	return OSP_OK;
}

/*
 * Is the notification already stored? If it is not, its sequence number becomes
 * the highest one of its source.
 */
static osp_status
is_known(osp_driver_conn *conn, const osp_notification *item, bool *known,
		 osp_error *err)
{
	source *s;

	*known = false;
	if (item->sequence == 0 || item->sequence > INT64_MAX)
		return OSP_OK;
	s = source_slot(conn->batch, &item->source);
	if (s->sequence == 0)
	{
		sqlite3_stmt *stmt;
		int64_t stored = 0;

		if (conn->batch->source_count == SOURCE_SLOTS / 2)
		{
			osp_status status = store_sources(conn, err);

			if (status != OSP_OK)
				return status;
			s = source_slot(conn->batch, &item->source);
		}
		stmt = store_db_query(&conn->db, STORE_GET_SOURCE);
		if (stmt == NULL ||
			sqlite3_bind_blob(stmt,
							  1,
							  item->source.bytes,
							  sizeof(item->source.bytes),
							  SQLITE_STATIC) != SQLITE_OK ||
			!store_db_number(stmt, &stored))
			return store_db_failed(&conn->db, err);
		s->id = item->source;
		s->stored = (uint64_t) stored;
		s->sequence = s->stored;
		conn->batch->source_count++;
	}
	*known = item->sequence <= s->sequence;
	if (!*known)
		s->sequence = item->sequence;
	return OSP_OK;
}

/* ---- summaries ---- */

static bool
is_stop(osp_str name)
{
	return name.len >= 5 && memcmp(name.ptr + name.len - 5, "-stop", 5) == 0;
}

/* Finds the summary of a notification's trace in this block, or adds one. */
static osp_status
find_summary(osp_driver_conn *conn, osp_str base_id, summary **out,
			 osp_error *err)
{
	store_batch *batch = conn->batch;
	store_entry *entry;
	osp_status status;
	store_key key;

	if (*out != NULL && osp_str_eq((*out)->base_id, base_id))
		return OSP_OK;
	key = store_key_of(base_id);
	status = store_index_find(&conn->index, &conn->db, &key, &entry, err);
	if (status != OSP_OK)
		return status;
	if (entry->batch_no == batch->number)
	{
		*out = &batch->summaries[entry->summary];
		return OSP_OK;
	}
	if (batch->count == batch->cap)
	{
		size_t cap = batch->cap > 0 ? 2 * batch->cap : 64;
		summary *grown =
			osp_realloc(batch->alc, batch->summaries, cap * sizeof(*grown));

		if (grown == NULL)
			return store_no_memory(err);
		batch->summaries = grown;
		batch->cap = cap;
	}
	entry->batch_no = batch->number;
	entry->summary = (uint32_t) batch->count;
	*out = &batch->summaries[batch->count++];
	memset(*out, 0, sizeof(**out));
	(*out)->entry = (size_t) (entry - conn->index.entries);
	(*out)->base_id = base_id;
	(*out)->first_us = INT64_MAX;
	(*out)->last_us = INT64_MIN;
	return OSP_OK;
}

/* Returns the length of the character at text in JSON. It may be more than left. */
static size_t
character_len(const char *text, size_t left)
{
	if (text[0] != '\\')
		return 1;
	if (left < 2 || text[1] != 'u')
		return 2;

	/* The first half of a surrogate pair is followed by the second one. */
	return left >= 4 && text[2] == 'd' && strchr("89ab", text[3]) != NULL ? 12
																		  : 6;
}

/* Decodes a piece of a JSON string into batch->text. */
static osp_str
decode_text(store_batch *batch, osp_str raw)
{
	char json[TEXT_RAW_MAX + 16];
	osp_buf *out = &batch->text;

	osp_buf_reset(out);
	if (memchr(raw.ptr, '\\', raw.len) == NULL)
		return raw;
	memcpy(json, "{\"t\": \"", 7);
	memcpy(json + 7, raw.ptr, raw.len);
	memcpy(json + 7 + raw.len, "\"}", 2);
	if (osp_json_member_text(out, osp_str_n(json, raw.len + 9), OSP_STR("t")) !=
		OSP_OK)
		return OSP_STR("");
	return osp_buf_str(out);
}

/*
 * Returns the beginning of the text that follows member, if member is in the
 * first `reach` bytes of an info. The text ends at the closing quote, or
 * between two characters, and is decoded; it is borrowed from info or from the
 * batch. Reading the whole info would take far longer.
 */
static osp_str
text_behind(store_batch *batch, osp_str info, osp_str member, size_t reach)
{
	const char *raw = memmem(
		info.ptr, info.len < reach ? info.len : reach, member.ptr, member.len);
	osp_str text;
	size_t len = 0;
	size_t left;

	if (raw == NULL)
		return OSP_STR("");
	raw += member.len;
	left = info.len - (size_t) (raw - info.ptr);
	if (left > TEXT_RAW_MAX)
		left = TEXT_RAW_MAX;
	while (len < left && raw[len] != '"')
	{
		size_t step = character_len(raw + len, left - len);

		if (step > left - len)
			break;
		len += step;
	}
	text = decode_text(batch, osp_str_n(raw, len));
	return osp_str_n(text.ptr, osp_utf8_prefix(text, TEXT_MAX));
}

static osp_str
statement_of(store_batch *batch, osp_str info)
{
	return text_behind(batch, info, OSP_STR("\"statement\": \""), 256);
}

/* Returns the service of a point, or, if it has none, the name of its application. */
static osp_str
service_of(store_batch *batch, const osp_notification *point)
{
	return point->service.len > 0 ? point->service
								  : text_behind(batch,
												point->info,
												OSP_STR("\"application\": \""),
												SIZE_MAX);
}

/* Returns "METHOD PATH" of the request in an info, borrowed from the batch or info. */
static osp_str
request_of(store_batch *batch, osp_str info)
{
	static const osp_str member = {"\"request\": {", 12};
	osp_str text;

	if (memmem(info.ptr, info.len, member.ptr, member.len) == NULL ||
		osp__operation_text(&batch->text, info, &text) != OSP_OK)
		return OSP_STR("");
	return osp_str_n(text.ptr, osp_utf8_prefix(text, TEXT_MAX));
}

static osp_str
text_of(store_batch *batch, osp_str info)
{
	osp_str text = statement_of(batch, info);

	return text.len > 0 ? text : request_of(batch, info);
}

static osp_str
start_name(const osp_notification *item)
{
	return osp__is_start(item->name) ? osp__operation_name(item->name)
									 : item->name;
}

static bool
tells_apart(store_batch *batch, const osp_notification *item)
{
	osp_str name = start_name(item);

	return osp__may_tell_apart(name) &&
		   osp__tells_apart(name, statement_of(batch, item->info));
}

static void
sum_up(store_batch *batch, summary *sum, const osp_notification *item,
	   int64_t us)
{
	bool stop = is_stop(item->name);

	if (us < sum->first_us)
		sum->first_us = us;
	if (us > sum->last_us)
		sum->last_us = us;
	sum->operations += !stop;
	sum->errors += item->error;
	if (!stop && (sum->root == NULL || us < sum->root_us))
	{
		sum->root = item;
		sum->root_us = us;
	}
	if (!stop && (sum->told == NULL || us < sum->told_us) &&
		tells_apart(batch, item))
	{
		sum->told = item;
		sum->told_us = us;
	}
}

static bool
bind_text(sqlite3_stmt *stmt, int at, osp_str text)
{
	return (text.len == 0 ? sqlite3_bind_null(stmt, at)
						  : sqlite3_bind_text64(stmt,
												at,
												text.ptr,
												text.len,
												SQLITE_STATIC,
												SQLITE_UTF8)) == SQLITE_OK;
}

/*
 * Binds three values from `at` on: the service of the first operation, and the
 * name and text of the first operation that tells traces apart, or else of the
 * first one.
 */
static bool
bind_root(store_batch *batch, sqlite3_stmt *stmt, int at, const summary *sum)
{
	const osp_notification *shown = sum->told != NULL ? sum->told : sum->root;
	osp_str service;

	if (shown == NULL)
		return bind_text(stmt, at, OSP_STR("")) &&
			   bind_text(stmt, at + 1, OSP_STR("")) &&
			   bind_text(stmt, at + 2, OSP_STR(""));
	service = service_of(batch, sum->root);
	if (service.len == 0 && shown != sum->root)
		service = service_of(batch, shown);

	/* The service may be in batch->text, which changes, so it is copied. */
	return (service.len == 0 ? sqlite3_bind_null(stmt, at)
							 : sqlite3_bind_text64(stmt,
												   at,
												   service.ptr,
												   service.len,
												   SQLITE_TRANSIENT,
												   SQLITE_UTF8)) == SQLITE_OK &&
		   bind_text(stmt, at + 1, start_name(shown)) &&
		   bind_text(stmt, at + 2, text_of(batch, shown->info));
}

static bool
bind_sums(sqlite3_stmt *stmt, int64_t id, const store_key *key,
		  const summary *sum)
{
	return stmt != NULL && sqlite3_bind_int64(stmt, 1, id) == SQLITE_OK &&
		   store_key_bind(stmt, 2, key) &&
		   sqlite3_bind_int64(stmt, 3, sum->first_us) == SQLITE_OK &&
		   sqlite3_bind_int64(stmt, 4, sum->last_us - sum->first_us) ==
			   SQLITE_OK &&
		   sqlite3_bind_int64(stmt, 5, sum->operations) == SQLITE_OK &&
		   sqlite3_bind_int64(stmt, 6, sum->errors) == SQLITE_OK;
}

static bool
insert_trace(osp_driver_conn *conn, int64_t id, const store_key *key,
			 const summary *sum)
{
	sqlite3_stmt *stmt = store_db_query(&conn->db, STORE_ADD_TRACE);

	return bind_sums(stmt, id, key, sum) &&
		   bind_root(conn->batch, stmt, 7, sum) && store_db_run(stmt);
}

/*
 * Does a block replace the name and the text of a row? 0: no; 1: only if the
 * row has no name or begins later; 2: yes.
 */
static int
replacement_of(const store_entry *entry, const summary *sum)
{
	if (sum->told != NULL)
		return entry->is_untold ? 2 : 1;
	return entry->has_root && !entry->is_untold ? 0 : 1;
}

/*
 * Adds a summary to the row of its trace. *found is false if the row no longer
 * exists.
 */
static bool
update_trace(osp_driver_conn *conn, const store_entry *entry,
			 const store_key *key, const summary *sum, bool *found)
{
	sqlite3_stmt *stmt;

	if (sum->root != NULL &&
		(!(entry->has_root && sum->root_us >= entry->first_us) ||
		 (sum->told != NULL && entry->is_untold)))
	{
		stmt = store_db_query(&conn->db, STORE_UPDATE_ROOT);
		if (stmt == NULL ||
			sqlite3_bind_int64(stmt, 1, entry->id) != SQLITE_OK ||
			!store_key_bind(stmt, 2, key) ||
			sqlite3_bind_int64(stmt, 3, sum->root_us) != SQLITE_OK ||
			!bind_root(conn->batch, stmt, 4, sum) ||
			sqlite3_bind_int(stmt, 7, replacement_of(entry, sum)) !=
				SQLITE_OK ||
			!store_db_run(stmt))
			return false;
	}
	stmt = store_db_query(&conn->db, STORE_UPDATE_TRACE);
	if (!bind_sums(stmt, entry->id, key, sum) || !store_db_run(stmt))
		return false;
	*found = sqlite3_changes(conn->db.db) > 0;
	return true;
}

/*
 * Notes the duration of the longest trace. It limits how far back a list has to
 * search.
 */
static bool
note_longest(osp_driver_conn *conn, store_entry *entry, const summary *sum)
{
	int64_t longest_us;

	if (sum->first_us < entry->first_us)
		entry->first_us = sum->first_us;
	longest_us = sum->last_us - entry->first_us;
	if (longest_us <= conn->index.longest_us)
		return true;
	conn->index.longest_us = longest_us;
	return store_db_set_meta(&conn->db, "longest", longest_us);
}

/*
 * Inserts or updates the row of a trace. A trace that somebody has removed gets
 * a new number.
 */
static bool
save_summary(osp_driver_conn *conn, const summary *sum)
{
	store_entry *entry = &conn->index.entries[sum->entry];
	store_key key = store_key_of(sum->base_id);
	bool found = false;

	if (!entry->is_new && !update_trace(conn, entry, &key, sum, &found))
		return false;
	if (!entry->is_new && !found)
	{
		entry->id = conn->index.next_id++;
		entry->first_us = INT64_MAX;
		entry->has_root = false;
	}
	entry->is_untold = sum->told == NULL && (!found || entry->is_untold);
	entry->is_new = false;
	entry->has_root |= sum->root != NULL;
	if (!note_longest(conn, entry, sum))
		return false;
	return found || insert_trace(conn, entry->id, &key, sum);
}

/* ---- blocks ---- */

/* Writes the numbers of the block's traces to batch->traces. */
static osp_status
list_traces(osp_driver_conn *conn)
{
	store_batch *batch = conn->batch;
	int64_t last = 0;
	size_t i;

	osp_buf_reset(&batch->traces);
	for (i = 0; i < batch->count; i++)
	{
		int64_t id = conn->index.entries[batch->summaries[i].entry].id;

		store_put_varint(&batch->traces, store_zigzag(id - last));
		last = id;
	}
	return osp_buf_status(&batch->traces);
}

static bool
insert_block(osp_driver_conn *conn, osp_str data)
{
	store_batch *batch = conn->batch;
	sqlite3_stmt *stmt = store_db_query(&conn->db, STORE_ADD_BLOCK);
	int64_t block;
	size_t i;

	if (stmt == NULL ||
		sqlite3_bind_blob64(
			stmt, 1, batch->traces.ptr, batch->traces.len, SQLITE_STATIC) !=
			SQLITE_OK ||
		sqlite3_bind_blob64(stmt, 2, data.ptr, data.len, SQLITE_STATIC) !=
			SQLITE_OK ||
		!store_db_run(stmt))
		return false;
	block = sqlite3_last_insert_rowid(conn->db.db);
	for (i = 0; i < batch->count; i++)
	{
		const int64_t part[] = {
			conn->index.entries[batch->summaries[i].entry].id, block};

		if (!store_db_run_with(&conn->db, STORE_ADD_PART, 2, part))
			return false;
	}
	return true;
}

/* Writes the block that was collected, and begins a new one. */
static osp_status
flush_block(osp_driver_conn *conn, osp_error *err)
{
	store_batch *batch = conn->batch;
	osp_status status;
	osp_str data;
	size_t i;

	if (batch->count == 0)
		return OSP_OK;
	status = store_encoder_finish(conn->encoder, &data);
	if (status != OSP_OK)
		return osp_error_set(
			err, status, "sqlite: %s", osp_status_text(status));
	for (i = 0; i < batch->count; i++)
		if (!save_summary(conn, &batch->summaries[i]))
			return store_db_failed(&conn->db, err);
	if (list_traces(conn) != OSP_OK)
		return store_no_memory(err);
	if (!insert_block(conn, data))
		return store_db_failed(&conn->db, err);
	batch->count = 0;
	batch->number++;
	return OSP_OK;
}

static int64_t
time_of(const osp_notification *item)
{
	int64_t ns;

	if (item->values != NULL)
		return item->values->wall_ns;
	return osp_timestamp_parse(item->timestamp, &ns) ? ns : 0;
}

static osp_status
add_item(osp_driver_conn *conn, const osp_notification *item, summary **sum,
		 osp_error *err)
{
	osp_status status;
	int64_t ns;
	bool known;

	status = is_known(conn, item, &known, err);
	if (status != OSP_OK || known)
		return status;
	status = find_summary(conn, item->base_id, sum, err);
	if (status != OSP_OK || *sum == NULL)
		return status;
	ns = time_of(item);
	sum_up(conn->batch, *sum, item, ns / 1000);
	store_encoder_add(
		conn->encoder, (uint64_t) (*sum - conn->batch->summaries), item, ns);
	if (store_encoder_is_full(conn->encoder))
	{
		status = flush_block(conn, err);
		*sum = NULL;
	}
	return status;
}

osp_status
store_add_items(osp_driver_conn *conn, const osp_notification *items,
				size_t count, osp_error *err)
{
	osp_status status = make_batch(conn);
	summary *sum = NULL;
	size_t i;

	if (status != OSP_OK)
		return store_no_memory(err);
	conn->batch->count = 0;
	conn->batch->number++;
	for (i = 0; i < count && status == OSP_OK; i++)
		status = add_item(conn, &items[i], &sum, err);
	if (status == OSP_OK)
		status = flush_block(conn, err);
	return status == OSP_OK ? store_sources(conn, err) : status;
}
