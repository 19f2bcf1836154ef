/* SPDX-License-Identifier: Apache-2.0
 *
 * store_index.c
 *	  Finds traces by their base_id. See store_index.h.
 */
#include "store_index.h"

#include <stdlib.h>

#include "trace_text.h"

#define FIRST_CAP 256
#define MAX_CAP   ((size_t) 1 << 24)
#define TEXTS_MAX ((size_t) 1 << 30)

/*
 * The size of a filter: 16 bits for each key. About one in 300 keys that it
 * does not have passes. The bits of one hash are in one line of the processor's
 * cache.
 */
#define FILTER_LINES 512
#define LINE_BYTES   64
#define FILTER_BYTES (FILTER_LINES * LINE_BYTES)
#define FILTER_BITS  4

store_key
store_key_of(osp_str text)
{
	store_key key;

	memset(&key, 0, sizeof(key));
	key.text = text;
	key.is_uuid = osp_uuid_parse(text, &key.uuid);
	return key;
}

store_key
store_key_of_column(sqlite3_stmt *row, int column,
					char storage[OSP_UUID_TEXT_LEN + 1])
{
	store_key key;

	memset(&key, 0, sizeof(key));
	if (sqlite3_column_type(row, column) == SQLITE_BLOB &&
		sqlite3_column_bytes(row, column) == (int) sizeof(key.uuid.bytes))
	{
		key.is_uuid = true;
		memcpy(key.uuid.bytes,
			   sqlite3_column_blob(row, column),
			   sizeof(key.uuid.bytes));
		osp_uuid_text(&key.uuid, storage);
		key.text = osp_str_n(storage, OSP_UUID_TEXT_LEN);
	}
	else
		key.text = store_db_text(row, column);
	return key;
}

static osp_str
bytes_of(const store_key *key)
{
	return key->is_uuid ? osp_str_n((const char *) key->uuid.bytes,
									sizeof(key->uuid.bytes))
						: key->text;
}

bool
store_key_bind(sqlite3_stmt *stmt, int at, const store_key *key)
{
	osp_str bytes = bytes_of(key);

	if (stmt == NULL)
		return false;
	return (key->is_uuid ? sqlite3_bind_blob64(
							   stmt, at, bytes.ptr, bytes.len, SQLITE_TRANSIENT)
						 : sqlite3_bind_text64(stmt,
											   at,
											   bytes.ptr,
											   bytes.len,
											   SQLITE_STATIC,
											   SQLITE_UTF8)) == SQLITE_OK;
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

uint64_t
store_key_hash(const store_key *key, uint64_t seed)
{
	osp_str bytes = bytes_of(key);
	uint64_t hash = mix(seed, bytes.len);

	while (bytes.len > 0)
	{
		size_t len = bytes.len < 8 ? bytes.len : 8;
		uint64_t value = 0;

		memcpy(&value, bytes.ptr, len);
		hash = mix(hash, value);
		bytes.ptr += len;
		bytes.len -= len;
	}
	return mix(hash, hash >> 32);
}

void
store_index_init(store_index *index, const osp_allocator *alc)
{
	memset(index, 0, sizeof(*index));
	index->alc = alc;
	osp_buf_init(&index->texts, alc, TEXTS_MAX);
}

void
store_index_drop(store_index *index)
{
	size_t i;

	for (i = 0; i < index->filter_count; i++)
		osp_free(index->alc, index->filters[i].bits);
	index->filter_count = 0;
	if (index->slots != NULL)
		memset(index->slots, 0, 2 * index->cap * sizeof(index->slots[0]));
	index->count = 0;
	osp_buf_reset(&index->texts);
	index->next_id = 0;
	index->tail = 0;
	index->longest_us = 0;
	index->loaded = false;
}

void
store_index_term(store_index *index)
{
	store_index_drop(index);
	osp_free(index->alc, index->entries);
	osp_free(index->alc, index->slots);
	osp_free(index->alc, index->filters);
	osp_buf_term(&index->texts);
}

/* ---- the traces in memory ---- */

/* Returns the slot of a key, or the free slot where it belongs. */
static uint32_t *
find_slot(const store_index *index, uint64_t hash, bool is_uuid, osp_str bytes)
{
	size_t mask = 2 * index->cap - 1;
	size_t at = (size_t) hash & mask;

	while (index->slots[at] != 0)
	{
		const store_entry *entry = &index->entries[index->slots[at] - 1];

		if (entry->hash == hash && entry->is_uuid == is_uuid &&
			osp_str_eq(osp_str_n(index->texts.ptr + entry->at, entry->len),
					   bytes))
			break;
		at = (at + 1) & mask;
	}
	return &index->slots[at];
}

static void
fill_slots(store_index *index)
{
	size_t i;

	if (index->slots == NULL)
		return;
	for (i = 0; i < index->count; i++)
	{
		const store_entry *entry = &index->entries[i];

		*find_slot(index,
				   entry->hash,
				   entry->is_uuid,
				   osp_str_n(index->texts.ptr + entry->at, entry->len)) =
			(uint32_t) i + 1;
	}
}

static osp_status
grow(store_index *index)
{
	size_t cap = index->cap > 0 ? 2 * index->cap : FIRST_CAP;
	store_entry *entries;
	uint32_t *slots;

	if (cap > MAX_CAP)
		return OSP_ENOMEM;
	entries = osp_realloc(index->alc, index->entries, cap * sizeof(entries[0]));
	if (entries == NULL)
		return OSP_ENOMEM;
	index->entries = entries;
	slots = osp_calloc(index->alc, 2 * cap, sizeof(slots[0]));
	if (slots == NULL)
		return OSP_ENOMEM;
	osp_free(index->alc, index->slots);
	index->slots = slots;
	index->cap = cap;
	fill_slots(index);
	return OSP_OK;
}

/*
 * Remembers a trace and its number. A trace that is already there gets the new
 * number.
 */
static osp_status
remember(store_index *index, const store_key *key, uint64_t hash, int64_t id,
		 store_entry **out)
{
	osp_str bytes = bytes_of(key);
	size_t at = index->texts.len;
	store_entry *entry;
	uint32_t *slot;

	if (index->count == index->cap && grow(index) != OSP_OK)
		return OSP_ENOMEM;
	slot = find_slot(index, hash, key->is_uuid, bytes);
	if (*slot != 0)
	{
		*out = &index->entries[*slot - 1];
		(*out)->id = id;
		return OSP_OK;
	}
	osp_buf_add_str(&index->texts, bytes);
	if (osp_buf_status(&index->texts) != OSP_OK)
		return osp_buf_status(&index->texts);
	entry = &index->entries[index->count++];
	memset(entry, 0, sizeof(*entry));
	entry->hash = hash;
	entry->id = id;
	entry->at = at;
	entry->len = (uint32_t) bytes.len;
	entry->is_uuid = key->is_uuid;
	*slot = (uint32_t) index->count;
	*out = entry;
	return OSP_OK;
}

/* Forgets all traces whose numbers are below id. */
static void
forget_below(store_index *index, int64_t id)
{
	size_t texts = 0;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < index->count; i++)
	{
		store_entry entry = index->entries[i];

		if (entry.id < id)
			continue;
		memmove(
			index->texts.ptr + texts, index->texts.ptr + entry.at, entry.len);
		entry.at = texts;
		texts += entry.len;
		index->entries[kept++] = entry;
	}
	index->count = kept;
	index->texts.len = texts;
	if (index->slots != NULL)
		memset(index->slots, 0, 2 * index->cap * sizeof(index->slots[0]));
	fill_slots(index);
}

/* ---- filters ---- */

static unsigned char *
filter_line(unsigned char *bits, uint64_t *hash)
{
	unsigned char *line = bits + (*hash % FILTER_LINES) * LINE_BYTES;

	*hash /= FILTER_LINES;
	return line;
}

static void
filter_add(unsigned char *bits, uint64_t hash)
{
	unsigned char *line = filter_line(bits, &hash);
	int i;

	for (i = 0; i < FILTER_BITS; i++, hash >>= 9)
		line[(hash & 511) / 8] |= (unsigned char) (1 << (hash & 7));
}

static bool
filter_has(unsigned char *bits, uint64_t hash)
{
	const unsigned char *line = filter_line(bits, &hash);
	int i;

	for (i = 0; i < FILTER_BITS; i++, hash >>= 9)
		if ((line[(hash & 511) / 8] & 1 << (hash & 7)) == 0)
			return false;
	return true;
}

/* Adds a filter and takes ownership of bits. */
static osp_status
add_filter(store_index *index, int64_t segment, unsigned char *bits)
{
	size_t size = (index->filter_count + 1) * sizeof(index->filters[0]);
	store_filter *filters = osp_realloc(index->alc, index->filters, size);

	if (filters == NULL)
	{
		osp_free(index->alc, bits);
		return OSP_ENOMEM;
	}
	index->filters = filters;
	filters[index->filter_count].segment = segment;
	filters[index->filter_count++].bits = bits;
	return OSP_OK;
}

/* ---- loading from the tables ---- */

/*
 * Loads the filters of new segments. A damaged filter is replaced by one that
 * lets every key pass.
 */
static osp_status
load_filters(store_index *index, store_db *db, osp_error *err)
{
	sqlite3_stmt *row = store_db_query(db, STORE_SEGMENTS_FROM);
	int rc = SQLITE_ERROR;

	if (row != NULL &&
		sqlite3_bind_int64(row, 1, index->tail / STORE_SEGMENT) == SQLITE_OK)
		while ((rc = sqlite3_step(row)) == SQLITE_ROW)
		{
			osp_str stored = store_db_blob(row, 1);
			unsigned char *bits = osp_alloc(index->alc, FILTER_BYTES);

			if (bits == NULL)
			{
				(void) sqlite3_reset(row);
				return store_no_memory(err);
			}
			memset(bits, 0xff, FILTER_BYTES);
			if (stored.len == FILTER_BYTES)
				memcpy(bits, stored.ptr, FILTER_BYTES);
			if (add_filter(index, sqlite3_column_int64(row, 0), bits) != OSP_OK)
			{
				(void) sqlite3_reset(row);
				return store_no_memory(err);
			}
		}
	return rc == SQLITE_DONE ? OSP_OK : store_db_failed(db, err);
}

/* Loads the traces from this number on. */
static osp_status
load_traces(store_index *index, store_db *db, int64_t from, osp_error *err)
{
	sqlite3_stmt *row = store_db_query(db, STORE_TRACES_FROM);
	int rc = SQLITE_ERROR;

	if (row != NULL && sqlite3_bind_int64(row, 1, from) == SQLITE_OK)
		while ((rc = sqlite3_step(row)) == SQLITE_ROW)
		{
			char storage[OSP_UUID_TEXT_LEN + 1];
			store_key key = store_key_of_column(row, 1, storage);
			store_entry *entry;

			if (remember(index,
						 &key,
						 store_key_hash(&key, index->seed),
						 sqlite3_column_int64(row, 0),
						 &entry) != OSP_OK)
			{
				(void) sqlite3_reset(row);
				return store_no_memory(err);
			}
			entry->first_us = sqlite3_column_int64(row, 2);
			entry->has_root = sqlite3_column_type(row, 3) != SQLITE_NULL;
			entry->is_untold =
				entry->has_root &&
				!osp__tells_apart(store_db_text(row, 3), store_db_text(row, 4));
		}
	return rc == SQLITE_DONE ? OSP_OK : store_db_failed(db, err);
}

osp_status
store_index_refresh(store_index *index, store_db *db, osp_error *err)
{
	int64_t version = 0;
	int64_t segment = -1;
	int64_t highest = 0;
	int64_t last = 0;
	int64_t seed = 0;
	osp_status status;

	if (!store_db_number(store_db_query(db, STORE_DATA_VERSION), &version))
		return store_db_failed(db, err);
	if (index->loaded && version == db->version)
		return OSP_OK;
	if (!store_db_number(store_db_query(db, STORE_LAST_SEGMENT), &segment) ||
		!store_db_number(store_db_query(db, STORE_LAST_TRACE), &last) ||
		!store_db_get_meta(db, "highest", &highest) ||
		!store_db_get_meta(db, "seed", &seed) ||
		!store_db_get_meta(db, "longest", &index->longest_us))
		return store_db_failed(db, err);
	index->seed = (uint64_t) seed;
	status = load_filters(index, db, err);
	if (status != OSP_OK)
		return status;
	if ((segment + 1) * STORE_SEGMENT > index->tail)
	{
		index->tail = (segment + 1) * STORE_SEGMENT;
		forget_below(index, index->tail);
	}
	if (index->next_id < index->tail)
		index->next_id = index->tail;
	status = load_traces(index, db, index->next_id, err);
	if (status != OSP_OK)
		return status;
	last = last > highest ? last : highest;
	index->next_id = last >= index->next_id ? last + 1 : index->next_id;
	if (index->next_id == 0)
		index->next_id = 1;
	db->version = version;
	index->loaded = true;
	return OSP_OK;
}

/* Searches for a key in the segments whose filters let it pass. */
static osp_status
find_in_segments(store_index *index, store_db *db, const store_key *key,
				 uint64_t hash, int64_t *id, osp_error *err)
{
	size_t i;

	for (i = index->filter_count; i-- > 0 && *id == 0;)
	{
		sqlite3_stmt *stmt;

		if (!filter_has(index->filters[i].bits, hash))
			continue;
		stmt = store_db_query(db, STORE_LOOK_UP);
		if (stmt == NULL ||
			sqlite3_bind_int64(stmt, 1, index->filters[i].segment) !=
				SQLITE_OK ||
			sqlite3_bind_int64(stmt, 2, (int64_t) (hash >> STORE_HASH_SHIFT)) !=
				SQLITE_OK ||
			!store_key_bind(stmt, 3, key) || !store_db_number(stmt, id))
			return store_db_failed(db, err);
	}
	return OSP_OK;
}

osp_status
store_index_find(store_index *index, store_db *db, const store_key *key,
				 store_entry **out, osp_error *err)
{
	uint64_t hash = store_key_hash(key, index->seed);
	int64_t first_us = INT64_MAX;
	int64_t id = 0;
	osp_status status;

	*out = NULL;
	if (index->cap > 0)
	{
		uint32_t slot = *find_slot(index, hash, key->is_uuid, bytes_of(key));

		if (slot != 0)
		{
			*out = &index->entries[slot - 1];
			return OSP_OK;
		}
	}
	status = find_in_segments(index, db, key, hash, &id, err);
	if (status != OSP_OK)
		return status;
	if (remember(index, key, hash, id != 0 ? id : index->next_id, out) !=
		OSP_OK)
		return store_no_memory(err);
	if (id == 0)
	{
		(*out)->is_new = true;
		index->next_id++;
	}
	else if (!store_db_run_with_number(db, STORE_FIRST_TIME, id, &first_us))
		return store_db_failed(db, err);
	(*out)->first_us = first_us;
	return OSP_OK;
}

/* ---- segments ---- */

bool
store_index_is_due(const store_index *index)
{
	return index->next_id >= index->tail + STORE_SEGMENT;
}

typedef struct pair
{
	int64_t hash;
	int64_t id;
} pair;

static int
compare_pairs(const void *a, const void *b)
{
	const pair *left = a;
	const pair *right = b;

	return left->hash < right->hash ? -1 : left->hash > right->hash;
}

/* Writes a segment with these traces, in their order, and its filter. */
static bool
write_segment(store_db *db, int64_t segment, const pair *pairs, size_t count,
			  const unsigned char *bits)
{
	sqlite3_stmt *stmt;
	size_t i;

	for (i = 0; i < count; i++)
	{
		const int64_t row[] = {segment, pairs[i].hash, pairs[i].id};

		if (!store_db_run_with(db, STORE_ADD_LOOKUP, 3, row))
			return false;
	}
	stmt = store_db_query(db, STORE_ADD_SEGMENT);
	return stmt != NULL && sqlite3_bind_int64(stmt, 1, segment) == SQLITE_OK &&
		   sqlite3_bind_blob(stmt, 2, bits, FILTER_BYTES, SQLITE_STATIC) ==
			   SQLITE_OK &&
		   store_db_run(stmt);
}

osp_status
store_index_segment(store_index *index, store_db *db, osp_error *err)
{
	int64_t end = index->tail + STORE_SEGMENT;
	unsigned char *bits = osp_calloc(index->alc, 1, FILTER_BYTES);
	pair *pairs = osp_calloc(index->alc, STORE_SEGMENT, sizeof(*pairs));
	osp_status status = OSP_OK;
	size_t count = 0;
	size_t i;

	if (bits == NULL || pairs == NULL)
	{
		osp_free(index->alc, bits);
		osp_free(index->alc, pairs);
		return store_no_memory(err);
	}
	for (i = 0; i < index->count; i++)
	{
		const store_entry *entry = &index->entries[i];

		if (entry->id < index->tail || entry->id >= end)
			continue;
		pairs[count].hash = (int64_t) (entry->hash >> STORE_HASH_SHIFT);
		pairs[count++].id = entry->id;
		filter_add(bits, entry->hash);
	}
	qsort(pairs, count, sizeof(*pairs), compare_pairs);
	if (write_segment(db, index->tail / STORE_SEGMENT, pairs, count, bits))
	{
		if (add_filter(index, index->tail / STORE_SEGMENT, bits) != OSP_OK)
			status = store_no_memory(err);
	}
	else
	{
		status = store_db_failed(db, err);
		osp_free(index->alc, bits);
	}
	osp_free(index->alc, pairs);
	if (status == OSP_OK)
	{
		index->tail = end;
		forget_below(index, end);
	}
	return status;
}

/* ---- readers ---- */

/* Reads the seed of the hash, and the first number that is in no segment. */
static bool
read_index(store_db *db, uint64_t *seed, int64_t *tail)
{
	int64_t segment = -1;
	int64_t value = 0;

	if (!store_db_number(store_db_query(db, STORE_LAST_SEGMENT), &segment) ||
		!store_db_get_meta(db, "seed", &value))
		return false;
	*seed = (uint64_t) value;
	*tail = (segment + 1) * STORE_SEGMENT;
	return true;
}

osp_status
store_find_trace(store_db *db, const store_key *key, int64_t *id,
				 osp_error *err)
{
	sqlite3_stmt *stmt;
	uint64_t seed;
	int64_t tail;

	*id = 0;
	if (!read_index(db, &seed, &tail))
		return store_db_failed(db, err);
	stmt = store_db_query(db, STORE_LOOK_UP_ALL);
	if (!store_key_bind(stmt, 1, key) ||
		sqlite3_bind_int64(stmt,
						   2,
						   (int64_t) (store_key_hash(key, seed) >>
									  STORE_HASH_SHIFT)) != SQLITE_OK ||
		sqlite3_bind_int64(stmt, 3, tail) != SQLITE_OK ||
		!store_db_number(stmt, id))
		return store_db_failed(db, err);
	return OSP_OK;
}
