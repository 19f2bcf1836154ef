/* SPDX-License-Identifier: Apache-2.0
 *
 * store_index.h
 *	  Where a trace is: from its base_id to its number in the table trace.
 *
 * Random base_ids in an index of the usual kind would make every new trace touch
 * a page of its own, which then is written whole. Instead the newest traces, the
 * *tail*, are not indexed: the writer knows them by heart, and a reader looks
 * through them. When STORE_SEGMENT numbers were given away, their hashes go into
 * the table lookup at once and in order, and the table segment gets a Bloom
 * filter of them, by which the writer knows of nearly every new base_id that no
 * segment has it.
 */
#ifndef OSP_STORE_INDEX_H
#define OSP_STORE_INDEX_H

#include "osprofiler/buf.h"
#include "osprofiler/ids.h"
#include "store_db.h"

#define STORE_SEGMENT 16384 /* a query in store_db.h has it, too */

/* A base_id: a UUID is stored as its 16 bytes, other text as it is. */
typedef struct store_key
{
	osp_str text; /* borrowed */
	bool is_uuid;
	osp_uuid uuid;
} store_key;

store_key store_key_of(osp_str text);

/* The same from a column; a UUID's text goes into storage. */
store_key store_key_of_column(sqlite3_stmt *row, int column,
							  char storage[OSP_UUID_TEXT_LEN + 1]);
bool store_key_bind(sqlite3_stmt *stmt, int at,
					const store_key *key) OSP_MUST_CHECK;

/* Its hash, which depends on the store. The table lookup has HASH >> 17. */
uint64_t store_key_hash(const store_key *key, uint64_t seed);

#define STORE_HASH_SHIFT 17

typedef struct store_entry
{
	uint64_t hash;
	int64_t id;
	int64_t first_us; /* as the table has it, or later */
	size_t at;        /* of its bytes in store_index.texts */
	uint32_t len;
	bool is_uuid;
	bool is_new;       /* not in the table yet */
	bool has_root;     /* the table has its first operation, or did */
	bool is_untold;    /* and the one that it has tells nothing apart */
	uint32_t summary;  /* of the writer: its place in the batch */
	uint64_t batch_no; /* the batch in which summary is valid */
} store_entry;

typedef struct store_filter
{
	int64_t segment;
	unsigned char *bits;
} store_filter;

/* What the writer knows. Dropped as a whole when a transaction fails. */
typedef struct store_index
{
	const osp_allocator *alc;
	bool loaded;
	uint64_t seed;
	int64_t next_id;
	int64_t longest_us; /* no trace lasted longer, as the table meta knows */
	int64_t tail;       /* the first number that is in no segment */
	store_entry *entries;
	size_t count;
	size_t cap;
	uint32_t *slots; /* 1 + place in entries, 0: free; two for each of cap */
	osp_buf texts;
	store_filter *filters;
	size_t filter_count;
} store_index;

void store_index_init(store_index *index, const osp_allocator *alc);
void store_index_term(store_index *index);
void store_index_drop(store_index *index);

/* In a write transaction: learns what others have written since. */
osp_status store_index_refresh(store_index *index, store_db *db,
							   osp_error *err) OSP_MUST_CHECK;

/* The entry of a base_id, borrowed until the next call. One that is nowhere gets
 * the next number, and is_new. */
osp_status store_index_find(store_index *index, store_db *db,
							const store_key *key, store_entry **out,
							osp_error *err) OSP_MUST_CHECK;

/* Is a segment full? */
bool store_index_is_due(const store_index *index);

/* In a transaction of its own: indexes the numbers of a segment. */
osp_status store_index_segment(store_index *index, store_db *db,
							   osp_error *err) OSP_MUST_CHECK;

/* For readers: the number of a trace, 0 if there is none. */
osp_status store_find_trace(store_db *db, const store_key *key, int64_t *id,
							osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_STORE_INDEX_H */
