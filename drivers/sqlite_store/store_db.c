/* SPDX-License-Identifier: Apache-2.0
 *
 * store_db.c
 *	  A connection to a store's database. See store_db.h.
 *
 * SQLite itself takes its memory from malloc.
 */
#include "store_db.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/clock.h"

#define NS_PER_MS INT64_C(1000000)

/*
 * The pause before a lock is tried again, and the number of steps of a query
 * after which SQLite asks whether its time is up.
 */
#define RETRY_NS       (2 * NS_PER_MS)
#define PROGRESS_STEPS 20000

static const char *const queries[] = {
#define STORE_SQL(name, sql) sql,
	STORE_QUERIES(STORE_SQL)
#undef STORE_SQL
};

void
store_db_begin_call(store_db *db, const osp_driver_options *options)
{
	unsigned wait_ms =
		options->timeout_ms != 0 ? options->timeout_ms : OSP_DRIVER_TIMEOUT_MS;

	db->wait_ns = wait_ms * NS_PER_MS;
	db->until_ns = options->deadline_ms == 0
					   ? INT64_MAX
					   : osp_mono_now() + options->deadline_ms * NS_PER_MS;
	db->interrupted = options->interrupted;
	db->interrupted_ctx = options->interrupted_ctx;
	db->ended = OSP_OK;
}

bool
store_db_is_over(store_db *db)
{
	if (db->ended != OSP_OK)
		return true;
	if (db->interrupted != NULL && db->interrupted(db->interrupted_ctx))
		db->ended = OSP_EINTR;
	else if (db->until_ns != INT64_MAX && osp_mono_now() >= db->until_ns)
		db->ended = OSP_EUNAVAIL;
	return db->ended != OSP_OK;
}

/* SQLite's progress handler. A result other than 0 ends the query. */
static int
on_progress(void *ctx)
{
	return store_db_is_over(ctx);
}

/*
 * SQLite's busy handler. The result 0 gives up; tries is the number of earlier
 * calls.
 */
static int
on_busy(void *ctx, int tries)
{
	const struct timespec pause = {0, RETRY_NS};
	store_db *db = ctx;

	if (tries * RETRY_NS >= db->wait_ns || store_db_is_over(db))
		return 0;
	(void) nanosleep(&pause, NULL);
	return 1;
}

/* SQLite's hook after a commit, which notes the length of the log. */
static int
on_commit(void *ctx, sqlite3 *handle, const char *name, int pages)
{
	store_db *db = ctx;

	(void) handle;
	(void) name;
	db->log_pages = pages;
	return SQLITE_OK;
}

/*
 * Reports why a file cannot be opened, since SQLite does not say why. OSP_OK:
 * it can.
 */
static osp_status
examine(const char *path, bool writable, osp_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return osp_error_set(err,
							 errno == ENOENT || errno == ENOTDIR ? OSP_ENOENT
																 : OSP_EPERM,
							 "cannot open %.180s: %s",
							 path,
							 strerror(errno));
	if (!S_ISREG(st.st_mode))
		return osp_error_set(
			err, OSP_EIO, "cannot open %.180s: it is no file", path);
	if (eaccess(path, writable ? R_OK | W_OK : R_OK) != 0)
		return osp_error_set(
			err, OSP_EPERM, "cannot open %.180s: %s", path, strerror(errno));
	return OSP_OK;
}

osp_status
store_db_open(store_db *db, const char *path, bool writable, osp_error *err)
{
	const int flags =
		(writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
		SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	osp_status status = examine(path, writable, err);

	db->path = path;
	if (status != OSP_OK)
		return status;
	if (sqlite3_open_v2(path, &db->db, flags, NULL) != SQLITE_OK ||
		sqlite3_busy_handler(db->db, on_busy, db) != SQLITE_OK)
	{
		status = store_db_failed(db, err);
		store_db_close(db);
		return status;
	}
	sqlite3_progress_handler(db->db, PROGRESS_STEPS, on_progress, db);

	/* This hook replaces SQLite's own checkpoints. */
	(void) sqlite3_wal_hook(db->db, on_commit, db);
	return OSP_OK;
}

void
store_db_close(store_db *db)
{
	size_t i;

	for (i = 0; i < STORE_QUERY_COUNT; i++)
	{
		(void) sqlite3_finalize(db->statements[i]);
		db->statements[i] = NULL;
	}
	(void) sqlite3_close(db->db);
	db->db = NULL;
}

osp_status
store_no_memory(osp_error *err)
{
	return osp_error_set(err, OSP_ENOMEM, "sqlite: out of memory");
}

osp_status
store_db_failed(store_db *db, osp_error *err)
{
	const char *text = sqlite3_errmsg(db->db);
	int code = sqlite3_extended_errcode(db->db);

	if (db->ended == OSP_EINTR)
		return osp_error_set(err, OSP_EINTR, "interrupted");
	if (db->ended == OSP_EUNAVAIL)
		return osp_error_set(err, OSP_EUNAVAIL, "%.180s is too slow", db->path);
	switch (code & 0xff)
	{
		case SQLITE_NOMEM:
			return store_no_memory(err);
		case SQLITE_BUSY:
		case SQLITE_LOCKED:
			return osp_error_set(err,
								 OSP_EUNAVAIL,
								 "%.180s is in use by another process",
								 db->path);
		case SQLITE_CORRUPT:
			return osp_error_set(
				err,
				OSP_EIO,
				"%.150s is damaged: %.40s; move it away to start anew",
				db->path,
				text);
		case SQLITE_NOTADB:
			return osp_error_set(err,
								 OSP_EIO,
								 "%.150s is not a SQLite database; move it "
								 "away or name another file",
								 db->path);
		case SQLITE_READONLY:
		case SQLITE_CANTOPEN:
		case SQLITE_PERM:
		case SQLITE_AUTH:
			return osp_error_set(err,
								 OSP_EPERM,
								 "cannot use %.120s: %.80s (its directory "
								 "must be writable, too)",
								 db->path,
								 text);
		case SQLITE_IOERR:

			/* SQLite calls a full file system an I/O error where it makes its log. */
			if (sqlite3_system_errno(db->db) == ENOSPC)
				text = strerror(ENOSPC);
			return osp_error_set(err, OSP_EIO, "%.150s: %.90s", db->path, text);
		default:
			return osp_error_set(err, OSP_EIO, "%.150s: %.90s", db->path, text);
	}
}

sqlite3_stmt *
store_db_query(store_db *db, store_query which)
{
	sqlite3_stmt **stmt = &db->statements[which];

	if (*stmt != NULL)
		(void) sqlite3_reset(*stmt);
	else if (sqlite3_prepare_v3(db->db,
								queries[which],
								-1,
								SQLITE_PREPARE_PERSISTENT,
								stmt,
								NULL) != SQLITE_OK)
		return NULL;
	return *stmt;
}

bool
store_db_run(sqlite3_stmt *stmt)
{
	int rc = stmt != NULL ? sqlite3_step(stmt) : SQLITE_ERROR;

	return (rc == SQLITE_DONE || rc == SQLITE_ROW) &&
		   sqlite3_reset(stmt) == SQLITE_OK;
}

bool
store_db_exec(store_db *db, const char *sql)
{
	return sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool
store_db_number(sqlite3_stmt *stmt, int64_t *out)
{
	int rc = stmt != NULL ? sqlite3_step(stmt) : SQLITE_ERROR;

	if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(stmt, 0);
	return (rc == SQLITE_DONE || rc == SQLITE_ROW) &&
		   sqlite3_reset(stmt) == SQLITE_OK;
}

bool
store_db_run_with(store_db *db, store_query which, size_t count,
				  const int64_t *values)
{
	sqlite3_stmt *stmt = store_db_query(db, which);
	size_t i;

	for (i = 0; stmt != NULL && i < count; i++)
		if (sqlite3_bind_int64(stmt, (int) i + 1, values[i]) != SQLITE_OK)
			return false;
	return store_db_run(stmt);
}

bool
store_db_run_with_number(store_db *db, store_query which, int64_t value,
						 int64_t *out)
{
	sqlite3_stmt *stmt = store_db_query(db, which);

	return stmt != NULL && sqlite3_bind_int64(stmt, 1, value) == SQLITE_OK &&
		   store_db_number(stmt, out);
}

bool
store_db_get_meta(store_db *db, const char *name, int64_t *out)
{
	sqlite3_stmt *stmt = store_db_query(db, STORE_GET_META);

	return stmt != NULL &&
		   sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
		   store_db_number(stmt, out);
}

bool
store_db_set_meta(store_db *db, const char *name, int64_t value)
{
	sqlite3_stmt *stmt = store_db_query(db, STORE_SET_META);

	return stmt != NULL &&
		   sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
		   sqlite3_bind_int64(stmt, 2, value) == SQLITE_OK &&
		   store_db_run(stmt);
}

bool
store_db_begin(store_db *db)
{
	return store_db_run(store_db_query(db, STORE_BEGIN));
}

bool
store_db_commit(store_db *db)
{
	return store_db_run(store_db_query(db, STORE_COMMIT));
}

void
store_db_rollback(store_db *db)
{
	if (db->db != NULL && sqlite3_get_autocommit(db->db) == 0)
		(void) sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
}

osp_str
store_db_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *) sqlite3_column_text(row, column);

	return osp_str_n(text, (size_t) sqlite3_column_bytes(row, column));
}

osp_str
store_db_blob(sqlite3_stmt *row, int column)
{
	const char *bytes = sqlite3_column_blob(row, column);

	return osp_str_n(bytes, (size_t) sqlite3_column_bytes(row, column));
}
