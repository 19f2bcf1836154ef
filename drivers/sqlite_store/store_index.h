/* SPDX-License-Identifier: Apache-2.0
 *
 * store_index.h
 *	  Finds a trace by its base_id: its number in the table trace.
 *
 * In an ordinary index, random base_ids would make every new trace change a
 * page of its own, which is then written completely. Instead the newest traces,
 * the *tail*, are not indexed: the writer has them in memory, and a reader
 * scans them. After STORE_SEGMENT numbers, their hashes are added to the table
 * lookup at once and in order, and the table segment gets a Bloom filter of
 * them. With the filters, the writer knows of nearly every new base_id that it
 * is in no segment.
 */
#ifndef OSP_STORE_INDEX_H
#define OSP_STORE_INDEX_H

#include "osprofiler/buf.h"
#include "osprofiler/ids.h"
#include "store_db.h"

#define STORE_SEGMENT 16384 /* a query in store_db.h has this number, too */

/* A base_id: a UUID is stored as its 16 bytes, other text as it is. */
typedef struct store_key
{
	osp_str text; /* borrowed */
	bool is_uuid;
	osp_uuid uuid;
} store_key;

store_key store_key_of(osp_str text);

/* Reads a base_id from a column. The text of a UUID is written to storage. */
store_key store_key_of_column(sqlite3_stmt *row, int column,
							  char storage[OSP_UUID_TEXT_LEN + 1]);
bool store_key_bind(sqlite3_stmt *stmt, int at,
					const store_key *key) OSP_MUST_CHECK;

/*
 * Hashes a base_id. The seed is different for each store. The table lookup has
 * HASH >> 17.
 */
uint64_t store_key_hash(const store_key *key, uint64_t seed);

#define STORE_HASH_SHIFT 17

typedef struct store_entry
{
	uint64_t hash;
	int64_t id;
	int64_t first_us; /* the time in the table, or a later one */
	size_t at;        /* offset of its bytes in store_index.texts */
	uint32_t len;
	bool is_uuid;
	bool is_new;       /* not in the table yet */
	bool has_root;     /* the table has, or had, its first operation */
	bool is_untold;    /* but this operation does not tell traces apart */
	uint32_t summary;  /* the place of its summary in the batch */
	uint64_t batch_no; /* the batch in which summary is valid */
} store_entry;

typedef struct store_filter
{
	int64_t segment;
	unsigned char *bits;
} store_filter;

/*
 * What the writer knows of the traces. It is dropped as a whole when a
 * transaction fails.
 */
typedef struct store_index
{
	const osp_allocator *alc;
	bool loaded;
	uint64_t seed;
	int64_t next_id;
	int64_t longest_us; /* no trace is longer; in the table meta, too */
	int64_t tail;       /* the first number that is in no segment */
	store_entry *entries;
	size_t count;
	size_t cap;
	uint32_t *slots; /* 1 + place in entries, 0: free; there are 2 * cap */
	osp_buf texts;
	store_filter *filters;
	size_t filter_count;
} store_index;

void store_index_init(store_index *index, const osp_allocator *alc);
void store_index_term(store_index *index);
void store_index_drop(store_index *index);

/*
 * Reads what other processes have written since the last call. Must be called
 * in a write transaction.
 */
osp_status store_index_refresh(store_index *index, store_db *db,
							   osp_error *err) OSP_MUST_CHECK;

/*
 * Finds the entry of a base_id, borrowed until the next call. A base_id without
 * a trace gets the next number, and is_new.
 */
osp_status store_index_find(store_index *index, store_db *db,
							const store_key *key, store_entry **out,
							osp_error *err) OSP_MUST_CHECK;

/* Has the tail enough traces for a segment? */
bool store_index_is_due(const store_index *index);

/*
 * Makes a segment of the oldest traces in the tail. Must be called in a
 * transaction of its own.
 */
osp_status store_index_segment(store_index *index, store_db *db,
							   osp_error *err) OSP_MUST_CHECK;

/* Finds the number of a trace without a store_index, for readers. 0: there is none. */
osp_status store_find_trace(store_db *db, const store_key *key, int64_t *id,
							osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_STORE_INDEX_H */
