/* SPDX-License-Identifier: Apache-2.0
 *
 * store_db.h
 *	  A connection to a store's database, with its prepared statements and the
 *	  limits of the current call.
 *
 * Functions that return false have failed in SQLite; store_db_failed() reports
 * how.
 */
#ifndef OSP_STORE_DB_H
#define OSP_STORE_DB_H

#include <sqlite3.h>

#include "osprofiler/driver.h"

/* The SQL of each prepared statement. All SQL that runs often is in this list. */
#define STORE_QUERIES(X)                                                       \
	X(BEGIN, "BEGIN IMMEDIATE")                                                \
	X(COMMIT, "COMMIT")                                                        \
	X(DATA_VERSION, "PRAGMA data_version")                                     \
	X(PAGE_COUNT, "PRAGMA page_count")                                         \
	X(FREE_COUNT, "PRAGMA freelist_count")                                     \
	X(PAGE_SIZE, "PRAGMA page_size")                                           \
	X(GET_META, "SELECT value FROM meta WHERE name = ?")                       \
	X(SET_META, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)")     \
	X(LAST_TRACE, "SELECT max(id) FROM trace")                                 \
	X(LAST_SEGMENT, "SELECT max(id) FROM segment")                             \
	X(SEGMENTS_FROM, "SELECT id, filter FROM segment WHERE id >= ?")           \
	X(TRACES_FROM,                                                             \
	  "SELECT id, base_id, first_us, name, text FROM trace WHERE id >= ?")     \
	X(FIRST_TIME, "SELECT first_us FROM trace WHERE id = ?")                   \
	X(ADD_SEGMENT, "INSERT INTO segment (id, filter) VALUES (?, ?)")           \
	X(ADD_LOOKUP, "INSERT INTO lookup (segment, hash, trace) VALUES (?,?,?)")  \
	X(LOOK_UP,                                                                 \
	  "SELECT trace FROM lookup JOIN trace ON trace.id = trace "               \
	  "WHERE segment = ? AND hash = ? AND base_id = ?")                        \
	X(LOOK_UP_ALL,                                                             \
	  "SELECT trace FROM segment CROSS JOIN lookup ON segment = segment.id "   \
	  "CROSS JOIN trace ON trace.id = trace WHERE hash = ?2 "                  \
	  "AND base_id = ?1 UNION ALL SELECT id FROM trace WHERE id >= ?3 "        \
	  "AND base_id = ?1 LIMIT 1")                                              \
	X(ADD_TRACE,                                                               \
	  "INSERT INTO trace (id, base_id, first_us, duration_us, operations, "    \
	  "errors, service, name, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "  \
	  "?9)")                                                                   \
	X(UPDATE_ROOT,                                                             \
	  "UPDATE trace SET service = CASE WHEN service IS NULL OR name IS NULL "  \
	  "OR ?3 < first_us THEN coalesce(?4, service) ELSE service END, "         \
	  "name = CASE WHEN ?7 > 1 OR (?7 = 1 AND (name IS NULL OR "               \
	  "?3 < first_us)) THEN ?5 ELSE name END, "                                \
	  "text = CASE WHEN ?7 > 1 OR (?7 = 1 AND (name IS NULL OR "               \
	  "?3 < first_us)) THEN ?6 ELSE text END WHERE id = ?1 AND base_id = ?2")  \
	X(UPDATE_TRACE,                                                            \
	  "UPDATE trace SET first_us = min(first_us, ?3), duration_us = "          \
	  "max(first_us + duration_us, ?3 + ?4) - min(first_us, ?3), operations "  \
	  "= operations + ?5, errors = errors + ?6 WHERE id = ?1 "                 \
	  "AND base_id = ?2")                                                      \
	X(ADD_BLOCK, "INSERT INTO block (traces, data) VALUES (?, ?)")             \
	X(ADD_PART, "INSERT OR IGNORE INTO part (trace, block) VALUES (?, ?)")     \
	X(GET_SOURCE, "SELECT sequence FROM source WHERE id = ?")                  \
	X(SET_SOURCE,                                                              \
	  "INSERT OR REPLACE INTO source (id, sequence, seen) VALUES (?, ?, ?)")   \
	X(FORGET_SOURCES, "DELETE FROM source WHERE seen < ?")                     \
	X(NEXT_PART,                                                               \
	  "SELECT block.id, traces, data FROM part JOIN block ON block.id = "      \
	  "part.block WHERE trace = ?1 AND part.block > ?2 "                       \
	  "ORDER BY part.block LIMIT 1")                                           \
	X(BLOCKS_OF_TRACE, "SELECT block FROM part WHERE trace = ?")               \
	X(TRACES_OF_BLOCK, "SELECT traces FROM block WHERE id = ?")                \
	X(UPDATE_BLOCK, "UPDATE block SET traces = ?2, data = ?3 WHERE id = ?1")   \
	X(DELETE_BLOCK, "DELETE FROM block WHERE id = ?")                          \
	X(HAS_TRACE, "SELECT 1 FROM trace WHERE id = ?")                           \
	X(BASE_ID, "SELECT base_id FROM trace WHERE id = ?")                       \
	X(DELETE_PARTS, "DELETE FROM part WHERE trace = ?")                        \
	X(DELETE_PART, "DELETE FROM part WHERE trace = ? AND block = ?")           \
	X(DELETE_TRACE, "DELETE FROM trace WHERE id = ?")                          \
	X(DEAD_SEGMENT,                                                            \
	  "SELECT id FROM segment WHERE id < (SELECT max(id) FROM segment) AND "   \
	  "NOT EXISTS (SELECT 1 FROM trace WHERE trace.id BETWEEN segment.id * "   \
	  "16384 AND segment.id * 16384 + 16383) LIMIT 1")                         \
	X(DELETE_LOOKUPS, "DELETE FROM lookup WHERE segment = ?")                  \
	X(DELETE_SEGMENT, "DELETE FROM segment WHERE id = ?")                      \
	X(OLD_TRACES,                                                              \
	  "SELECT id FROM trace WHERE first_us < ?1 AND first_us + duration_us < " \
	  "?1 AND (first_us + duration_us <> 0 OR ?1 = 9223372036854775807) "      \
	  "ORDER BY first_us LIMIT ?2")

typedef enum store_query
{
#define STORE_ENUM(name, sql) STORE_##name,
	STORE_QUERIES(STORE_ENUM)
#undef STORE_ENUM
	STORE_QUERY_COUNT
} store_query;

/* Which tables a file has. */
typedef enum store_form
{
	STORE_EMPTY, /* no tables */
	STORE_OLD,   /* only the table `data` of earlier versions */
	STORE_OURS,  /* our tables */
	STORE_MIXED  /* our tables, and old rows that are being converted */
} store_form;

typedef struct store_db
{
	sqlite3 *db;
	sqlite3_stmt *statements[STORE_QUERY_COUNT];
	store_form form;
	const char *path; /* for messages, borrowed */
	int64_t version;  /* SQLite's data version; others' writes change it */
	int log_pages;    /* pages of the write-ahead log at the last commit */

	/* Limits of the current call. */
	int64_t wait_ns;  /* how long to wait for a lock */
	int64_t until_ns; /* the end, by osp_mono_now; INT64_MAX: none */
	bool (*interrupted)(void *ctx);
	void *interrupted_ctx;
	osp_status ended; /* why the call was ended: OSP_EINTR, OSP_EUNAVAIL */
} store_db;

/* Sets the limits of a call that begins now. */
void store_db_begin_call(store_db *db, const osp_driver_options *options);

/* Must the call end? SQLite asks this, too, while it waits or works long. */
bool store_db_is_over(store_db *db);

/*
 * Opens path, without reading the tables. After a failure nothing is left open:
 * OSP_ENOENT, OSP_EPERM, OSP_EUNAVAIL, OSP_EIO.
 */
osp_status store_db_open(store_db *db, const char *path, bool writable,
						 osp_error *err) OSP_MUST_CHECK;
void store_db_close(store_db *db);

/* Reports why SQLite failed, and returns the status for it. */
osp_status store_db_failed(store_db *db, osp_error *err);

/* Reports a lack of memory, and returns OSP_ENOMEM. */
osp_status store_no_memory(osp_error *err);

/*
 * Returns a statement to which values can be bound, borrowed. It is prepared at
 * its first use. NULL: preparing failed.
 */
sqlite3_stmt *store_db_query(store_db *db, store_query which);

/*
 * Runs a statement that returns no rows, and resets it. If stmt is NULL,
 * returns false.
 */
bool store_db_run(sqlite3_stmt *stmt) OSP_MUST_CHECK;
bool store_db_exec(store_db *db, const char *sql) OSP_MUST_CHECK;

/*
 * Runs a statement that returns one number, and resets it. Without a row, or if
 * the number is null, *out stays unchanged.
 */
bool store_db_number(sqlite3_stmt *stmt, int64_t *out) OSP_MUST_CHECK;

/*
 * Binds integers to the parameters from 1 on, and runs the statement like
 * store_db_run.
 */
bool store_db_run_with(store_db *db, store_query which, size_t count,
					   const int64_t *values) OSP_MUST_CHECK;

/* Runs a query that has one integer as parameter and returns one number. */
bool store_db_run_with_number(store_db *db, store_query which, int64_t value,
							  int64_t *out) OSP_MUST_CHECK;

bool store_db_get_meta(store_db *db, const char *name,
					   int64_t *out) OSP_MUST_CHECK;
bool store_db_set_meta(store_db *db, const char *name,
					   int64_t value) OSP_MUST_CHECK;

bool store_db_begin(store_db *db) OSP_MUST_CHECK;
bool store_db_commit(store_db *db) OSP_MUST_CHECK;
void store_db_rollback(store_db *db);

/* Return a column of a row as text or as bytes, borrowed; empty for null. */
osp_str store_db_text(sqlite3_stmt *row, int column);
osp_str store_db_blob(sqlite3_stmt *row, int column);

#endif /* OSP_STORE_DB_H */
