/* SPDX-License-Identifier: Apache-2.0
 *
 * store_upkeep.c
 *	  Keeps a store small and fast, with one step at a time between batches.
 *
 * A step takes some milliseconds. While there is work left, there is a step
 * every BUSY_NS. Otherwise a step every IDLE_NS checks whether there is any
 * work. A writer that ends, perhaps before the second step, makes up for what
 * it has added.
 */
#include "sqlite_store.h"

#include <time.h>

#include "record/clock.h"

#define BUSY_NS INT64_C(20000000)
#define IDLE_NS INT64_C(1000000000)
#define END_NS  INT64_C(250000000)

/*
 * A step removes up to STEP_TRACES traces more than were added, so that it is
 * faster than the writer, but at most STEP_TRACES_MAX.
 */
#define STEP_TRACES     128
#define STEP_TRACES_MAX 2000

/*
 * With LOG_PAGES pages, the log is moved into the database. With LOG_PAGES_MAX
 * pages, this waits up to LOG_WAIT_NS for readers, so that the log can start
 * anew.
 */
#define LOG_PAGES     4000
#define LOG_PAGES_MAX 16000
#define LOG_WAIT_NS   INT64_C(20000000)

/*
 * Free pages are returned to the file system, some in each step, if they are
 * more than an eighth of the file and more than FREE_PAGES_MIN.
 */
#define FREE_PAGES_MIN 256
#define VACUUM_STEP    "PRAGMA incremental_vacuum(256)"

/*
 * A source that sent nothing for this long is gone, and will not repeat what it
 * has sent.
 */
#define SOURCE_SECONDS (2 * INT64_C(86400))

static osp_status
move_log(osp_driver_conn *conn, osp_error *err)
{
	store_db *db = &conn->db;
	bool long_log = db->log_pages >= LOG_PAGES_MAX;
	int64_t wait_ns = db->wait_ns;
	int rc;

	if (db->log_pages < conn->log_begun)
		conn->checkpoint_at = LOG_PAGES;
	conn->log_begun = db->log_pages;
	if (db->log_pages < conn->checkpoint_at || db->log_pages < LOG_PAGES)
		return OSP_OK;
	conn->checkpoint_at = db->log_pages + LOG_PAGES;
	db->wait_ns = LOG_WAIT_NS;
	rc = sqlite3_wal_checkpoint_v2(db->db,
								   NULL,
								   long_log ? SQLITE_CHECKPOINT_TRUNCATE
											: SQLITE_CHECKPOINT_PASSIVE,
								   NULL,
								   NULL);
	db->wait_ns = wait_ns;
	if (rc == SQLITE_OK && long_log)
		db->log_pages = 0;
	return rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED
			   ? OSP_OK
			   : store_db_failed(db, err);
}

static osp_status
close_segment(osp_driver_conn *conn, osp_error *err)
{
	store_db *db = &conn->db;
	osp_status status;

	if (!store_db_begin(db))
		return store_db_failed(db, err);
	status = store_index_refresh(&conn->index, db, err);
	if (status == OSP_OK && store_index_is_due(&conn->index))
		status = store_index_segment(&conn->index, db, err);
	if (status == OSP_OK && !store_db_commit(db))
		status = store_db_failed(db, err);
	return status;
}

/* Removes the index of a segment whose traces are all gone. */
static osp_status
drop_segment(store_db *db, bool *busy, osp_error *err)
{
	int64_t segment = -1;

	if (!store_db_begin(db) ||
		!store_db_number(store_db_query(db, STORE_DEAD_SEGMENT), &segment))
		return store_db_failed(db, err);
	if (segment >= 0)
	{
		*busy = true;
		if (!store_db_run_with(db, STORE_DELETE_LOOKUPS, 1, &segment) ||
			!store_db_run_with(db, STORE_DELETE_SEGMENT, 1, &segment))
			return store_db_failed(db, err);
	}
	return store_db_commit(db) ? OSP_OK : store_db_failed(db, err);
}

typedef struct pages
{
	int64_t all;
	int64_t unused;
	int64_t size;
} pages;

static bool
count_pages(store_db *db, pages *out)
{
	memset(out, 0, sizeof(*out));
	return store_db_number(store_db_query(db, STORE_PAGE_COUNT), &out->all) &&
		   store_db_number(store_db_query(db, STORE_FREE_COUNT),
						   &out->unused) &&
		   store_db_number(store_db_query(db, STORE_PAGE_SIZE), &out->size);
}

static bool
has_much_unused(const pages *p)
{
	return p->unused > FREE_PAGES_MIN && p->unused > p->all / 8;
}

/* Removes the oldest traces if the limits on age or size require it. */
static osp_status
retain(osp_driver_conn *conn, const pages *p, bool *busy, osp_error *err)
{
	int64_t next_id = conn->index.next_id;
	int64_t limit = STEP_TRACES;
	int64_t before_us = INT64_MIN;
	uint64_t removed = 0;
	osp_status status;

	if (next_id > conn->retained_at)
		conn->added += next_id - conn->retained_at;
	limit += conn->added;
	if (limit > STEP_TRACES_MAX)
		limit = STEP_TRACES_MAX;
	conn->retained_at = next_id;
	if (conn->keep_us > 0)
		before_us = (int64_t) time(NULL) * 1000000 - conn->keep_us;
	if (conn->max_bytes > 0 && (p->all - p->unused) * p->size > conn->max_bytes)
		before_us = INT64_MAX;
	if (before_us == INT64_MIN)
	{
		conn->added = 0;
		return OSP_OK;
	}
	status = store_remove_old(conn, before_us, (unsigned) limit, &removed, err);
	conn->added = removed < (uint64_t) limit || conn->added < (int64_t) removed
					  ? 0
					  : conn->added - (int64_t) removed;
	*busy |= removed > 0;
	if (status == OSP_OK && removed > 0)
		status = drop_segment(&conn->db, busy, err);
	return status;
}

/* Does the work of one step. *busy: there is more work. */
static osp_status
step(osp_driver_conn *conn, bool *busy, osp_error *err)
{
	store_db *db = &conn->db;
	osp_status status;
	pages p;

	if (db->form == STORE_MIXED)
	{
		*busy = true;
		status = store_old_convert(conn, err);
		if (status != OSP_OK)
			return status;
	}
	if (!count_pages(db, &p))
		return store_db_failed(db, err);
	status = retain(conn, &p, busy, err);
	if (status == OSP_OK && has_much_unused(&p))
	{
		*busy = true;
		if (!store_db_exec(db, VACUUM_STEP))
			status = store_db_failed(db, err);
	}
	return status;
}

osp_status
store_upkeep(osp_driver_conn *conn, osp_error *err)
{
	int64_t gone = (int64_t) time(NULL) - SOURCE_SECONDS;
	osp_status status = OSP_OK;
	bool busy = false;

	if (store_index_is_due(&conn->index))
		status = close_segment(conn, err);
	if (status == OSP_OK)
		status = move_log(conn, err);
	if (status != OSP_OK || osp_mono_now() < conn->next_upkeep_ns)
		return status;
	status = step(conn, &busy, err);
	conn->next_upkeep_ns = osp_mono_now() + (busy ? BUSY_NS : IDLE_NS);
	if (status == OSP_OK && !busy && gone / 3600 != conn->sources_hour)
	{
		conn->sources_hour = gone / 3600;
		if (!store_db_run_with(&conn->db, STORE_FORGET_SOURCES, 1, &gone))
			status = store_db_failed(&conn->db, err);
	}
	return status;
}

void
store_upkeep_end(osp_driver_conn *conn)
{
	int64_t until = osp_mono_now() + END_NS;
	osp_status status = OSP_OK;
	bool busy = false;

	if (conn->db.db == NULL || conn->retained_at == 0)
		return;
	store_db_begin_call(&conn->db, &conn->options);
	while (status == OSP_OK && osp_mono_now() < until &&
		   (conn->added > 0 || conn->index.next_id > conn->retained_at))
		status = step(conn, &busy, NULL);
}

osp_status
store_give_back(osp_driver_conn *conn, osp_error *err)
{
	store_db *db = &conn->db;
	osp_status status = OSP_OK;
	bool busy = true;
	pages p;

	while (status == OSP_OK && busy)
	{
		busy = false;
		status = drop_segment(db, &busy, err);
	}
	while (status == OSP_OK)
	{
		int64_t before;

		if (store_db_is_over(db) || !count_pages(db, &p))
			return store_db_failed(db, err);
		before = p.unused;
		if (!has_much_unused(&p))
			break;
		if (!store_db_exec(db, VACUUM_STEP) || !count_pages(db, &p))
			return store_db_failed(db, err);
		if (p.unused >= before)
			break; /* the file cannot shrink */
		status = move_log(conn, err);
	}
	return status;
}
