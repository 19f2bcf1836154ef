/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_checkpoint.c
 *	  sqlite3_wal_checkpoint_v2: when the WAL is written back to the database.
 *
 * SQLite calls it at the end of a statement that commits when the WAL has grown
 * to 1,000 pages (sqlite3_wal_autocheckpoint), and so does
 * sqlite3_wal_checkpoint. PRAGMA wal_checkpoint does not call it; there the
 * statement itself is the checkpoint.
 */
#include <errno.h>

#include "codes.h"
#include "sqlite_home.h"
#include "sqlite_operation.h"
#include "statement_waits.h"
#include "wrappers.h"

#define CHECKPOINT_NAME OSP_STR("sqlite.checkpoint")
#define INFO_MAX        512

/* A checkpoint that has ended. */
typedef struct checkpoint
{
	int64_t start_ns;
	int mode;
	int pages; /* in the WAL; negative: unknown */
	int moved; /* of these, now in the database */
	int rc;
	osp_sqlite_waits waits;
} checkpoint;

static osp_str
mode_name(int mode)
{
	static const char *const names[] = {
		"passive", "full", "restart", "truncate"};

	return osp_str_of(mode >= 0 && mode < 4 ? names[mode] : "unknown");
}

/* Opens the point of a checkpoint, below the statement that it is part of. */
static bool
open_checkpoint(osp_sqlite_conn *conn, osp__point *point)
{
	const osp_sqlite_stmt *st = osp_sqlite__innermost;
	osp_context context;

	if (st == NULL && !conn->wrapped)
		st = osp_sqlite__stmt_outer(conn);
	if (st == NULL)
		return osp__hook_open(point);
	context.base_id = st->point.base_id;
	context.key = 0;
	osp_id_set_uuid(&context.parent_id, &st->point.trace_id);
	return osp__hook_ours(&st->point) && osp__hook_open_in(point, &context);
}

static void
stop_checkpoint(const osp__point *point, const checkpoint *done)
{
	osp_writer w;

	if (!osp__hook_begin(point,
						 OSP_RECORD_STOP,
						 CHECKPOINT_NAME,
						 osp__hook_now(),
						 INFO_MAX,
						 &w))
		return;
	osp_put_object(&w, OSP_STR("checkpoint"));
	osp_put_i64(&w, OSP_STR("pages"), done->pages);
	osp_put_i64(&w, OSP_STR("moved"), done->moved);
	osp_put_end(&w);
	osp_sqlite__put_waits(&w, &done->waits, 0);
	if (done->rc != SQLITE_OK)
	{
		osp_put_str(
			&w, OSP_STR("etype"), osp_str_of(osp_sqlite__code_name(done->rc)));
		osp_put_str(
			&w, OSP_STR("message"), osp_str_of(sqlite3_errstr(done->rc)));
	}
	osp__hook_commit(&w);
}

/*
 * Records both start and stop of a checkpoint, below the statement that it is
 * part of, if any.
 */
static void
record_checkpoint(osp_sqlite_conn *conn, const checkpoint *done)
{
	osp__point point;
	osp_writer w;

	if (!open_checkpoint(conn, &point))
		return;
	point.start_ns = done->start_ns;
	if (!osp__hook_begin(&point,
						 OSP_RECORD_START,
						 CHECKPOINT_NAME,
						 point.start_ns,
						 INFO_MAX + conn->where_len,
						 &w))
	{
		osp__hook_drop_stop(&point);
		return;
	}
	osp_put_object(&w, OSP_STR("db"));
	osp_put_encoded(&w, osp_str_n(conn->where, conn->where_len));
	osp_put_end(&w);
	osp_put_object(&w, OSP_STR("checkpoint"));
	osp_put_str(&w, OSP_STR("mode"), mode_name(done->mode));
	osp_put_end(&w);
	osp__hook_commit(&w);
	stop_checkpoint(&point, done);
}

int
osp_sqlite__wal_checkpoint_v2(sqlite3 *db, const char *name, int mode,
							  int *pages, int *moved)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	checkpoint done = {.mode = mode, .pages = -1, .moved = -1};
	osp_sqlite_waits *outer;
	osp_sqlite_conn *conn;
	int error;

	if (OSP_UNLIKELY(real != &osp_sqlite__home) ||
		(!osp_sqlite__is_watched() && !osp__hook_tracing()))
		return real->wal_checkpoint_v2(db, name, mode, pages, moved);
	conn = osp_sqlite__conn_find(db);
	if (conn == NULL || !conn->enabled)
		return real->wal_checkpoint_v2(db, name, mode, pages, moved);
	if (pages == NULL)
		pages = &done.pages;
	if (moved == NULL)
		moved = &done.moved;
	done.start_ns = osp__hook_now();
	outer = osp_sqlite__collect_begin(&done.waits);
	done.rc = real->wal_checkpoint_v2(db, name, mode, pages, moved);
	osp_sqlite__collect_end(outer);
	error = errno;
	done.pages = *pages;
	done.moved = *moved;
	record_checkpoint(conn, &done);
	errno = error;
	return done.rc;
}

OSP_SQLITE_EXPORT(wal_checkpoint_v2);
