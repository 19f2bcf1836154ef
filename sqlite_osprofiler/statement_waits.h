/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_waits.h
 *	  What a statement waited for: other connections' locks, and the disk.
 *
 * The waits happen in functions that SQLite calls while a statement runs, in the
 * statement's thread: the program's busy handler, fsync, fdatasync. They are
 * added to the statement that runs, or to what this thread has put in its place
 * (a checkpoint, a statement that is prepared).
 */
#ifndef OSP_SQLITE_STATEMENT_WAITS_H
#define OSP_SQLITE_STATEMENT_WAITS_H

#include "sqlite_conn.h"

/* Where the waits of this thread go instead of to the statement that runs; NULL:
 * to that. */
extern __thread osp_sqlite_waits *osp_sqlite__collecting
	__attribute__((tls_model("initial-exec")));

/*
 * Waits of this thread in this connection are added here; NULL: nothing is
 * traced. Valid until the statement ends.
 */
osp_sqlite_waits *osp_sqlite__waits_here(osp_sqlite_conn *conn);

/* Begins to collect the waits of this thread in waits; returns what to end with. */
static inline osp_sqlite_waits *
osp_sqlite__collect_begin(osp_sqlite_waits *waits)
{
	osp_sqlite_waits *outer = osp_sqlite__collecting;

	memset(waits, 0, sizeof(*waits));
	osp_sqlite__collecting = waits;
	return outer;
}

static inline void
osp_sqlite__collect_end(osp_sqlite_waits *outer)
{
	osp_sqlite__collecting = outer;
}

/* Appends the waits to a stop: "busy" and "syncs", if there were any. */
void osp_sqlite__put_waits(osp_writer *w, const osp_sqlite_waits *waits);

#endif /* OSP_SQLITE_STATEMENT_WAITS_H */
