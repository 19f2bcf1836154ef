/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_store.h
 *	  Common parts of the sqlite driver. docs/store.md describes the tables and
 *	  what they guarantee.
 *
 * The writer is one connection that stays open. Each call that reads opens a
 * read-only connection of its own and reads in short transactions, so that it
 * blocks neither the writer nor checkpoints of the write-ahead log.
 *
 * Functions that return false have failed in SQLite; store_db_failed() reports
 * how.
 */
#ifndef OSP_SQLITE_STORE_H
#define OSP_SQLITE_STORE_H

#include <sys/types.h>

#include "osprofiler/driver.h"
#include "store_block.h"
#include "store_db.h"
#include "store_index.h"

typedef struct store_batch store_batch;

struct osp_driver_conn
{
	osp_driver_options options; /* connection_string is empty */
	const osp_allocator *alc;
	char *path; /* an absolute path */

	/* Limits on what is kept; 0: no limit. */
	int64_t keep_us;
	int64_t max_bytes;

	/* Members of the writer. db.db is NULL while it is closed. */
	store_db db;
	dev_t dev; /* these two identify the open file */
	ino_t ino;
	store_index index;
	store_batch *batch;
	store_encoder *encoder;
	int64_t next_upkeep_ns; /* when upkeep is due, by osp_mono_now */
	int64_t retained_at;    /* index.next_id at the last check of the limits */
	int64_t added;          /* new traces that no removal has offset yet */
	int64_t sources_hour;   /* the hour up to which sources were forgotten */
	int log_begun;          /* pages of the log at the last check */
	int checkpoint_at;      /* pages of the log at the next checkpoint */

	osp_buf page; /* the token of the next page of a list */
};

/* ---- store_uri.c ---- */

/* Reads the path and the options of sqlite:///PATH[?keep=7d&max_size=1GB]. */
osp_status store_read_uri(osp_driver_conn *conn, osp_str connection_string,
						  osp_error *err) OSP_MUST_CHECK;

/* ---- store_open.c ---- */

/*
 * Opens the file for writing, as conn->db. A file that is missing or empty gets
 * our tables. After a failure nothing is left open.
 */
osp_status store_open_writer(osp_driver_conn *conn,
							 osp_error *err) OSP_MUST_CHECK;
void store_close_writer(osp_driver_conn *conn);

/* Opens the file for reading. OSP_ENOENT: there is no file. */
osp_status store_open_reader(osp_driver_conn *conn, store_db *db,
							 osp_error *err) OSP_MUST_CHECK;

/* ---- store_write.c ---- */

/* Adds notifications to the tables, in the transaction that is open. */
osp_status store_add_items(osp_driver_conn *conn, const osp_notification *items,
						   size_t count, osp_error *err) OSP_MUST_CHECK;
void store_batch_free(store_batch *batch);

/* ---- store_read.c, store_list.c ---- */

osp_status store_get_points(osp_driver_conn *conn, osp_str base_id,
							osp_point_fn fn, void *ctx,
							osp_error *err) OSP_MUST_CHECK;
osp_status store_list_traces(osp_driver_conn *conn,
							 const osp_trace_filter *filter, osp_trace_fn fn,
							 void *ctx, osp_str *next,
							 osp_error *err) OSP_MUST_CHECK;

/* ---- store_prune.c ---- */

/* A growing list of numbers; values is freed with alc. */
typedef struct store_numbers
{
	const osp_allocator *alc;
	int64_t *values;
	size_t count;
	size_t cap;
} store_numbers;

/* Reads the numbers of a block's traces from its column traces. OSP_ENOMEM. */
osp_status store_read_traces(osp_str column, store_numbers *out) OSP_MUST_CHECK;

/* Removes the row of a trace, and makes sure that its number is not used again. */
bool store_delete_trace(store_db *db, int64_t id) OSP_MUST_CHECK;

/*
 * Removes up to limit traces that ended before before_us, oldest first, in one
 * transaction. INT64_MAX: removes the oldest traces, whenever they ended.
 */
osp_status store_remove_old(osp_driver_conn *conn, int64_t before_us,
							unsigned limit, uint64_t *removed,
							osp_error *err) OSP_MUST_CHECK;

/* ---- store_remove.c ---- */

osp_status store_remove_traces(osp_driver_conn *conn, const osp_removal *given,
							   uint64_t *removed,
							   osp_error *err) OSP_MUST_CHECK;

/* ---- store_upkeep.c ---- */

/*
 * Does a step of the work that is due after a batch: removing old traces,
 * returning space to the file system, checkpoint, conversion. Takes some
 * milliseconds at most.
 */
osp_status store_upkeep(osp_driver_conn *conn, osp_error *err) OSP_MUST_CHECK;

/* Does the work that is still due when the writer ends. After a quarter of a second no
 * further step begins. A step waits for a lock no longer than timeout_ms. */
void store_upkeep_end(osp_driver_conn *conn);

/* Gives unused space back to the file system, in steps. */
osp_status store_give_back(osp_driver_conn *conn,
						   osp_error *err) OSP_MUST_CHECK;

/* ---- store_old.c: the table of earlier versions ---- */

/* Passes the rows of a trace that are still in the old table to fn. */
osp_status store_old_points(osp_driver_conn *conn, store_db *db,
							osp_str base_id, osp_point_fn fn, void *ctx,
							osp_error *err) OSP_MUST_CHECK;

/*
 * Moves some rows of the old table into our tables. Drops the old table after
 * its last row.
 */
osp_status store_old_convert(osp_driver_conn *conn,
							 osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_SQLITE_STORE_H */
