/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_waits.h
 *	  What a statement waited for: other connections' locks, and the disk.
 *
 * The waits happen in functions that SQLite calls while a statement runs, in
 * the statement's thread: the program's busy handler, fsync, fdatasync. They
 * are added to the statement that runs, or, during a checkpoint or while a
 * statement is prepared, to those of that.
 */
#ifndef OSP_SQLITE_STATEMENT_WAITS_H
#define OSP_SQLITE_STATEMENT_WAITS_H

#include "sqlite_conn.h"

/*
 * Where waits of this thread are collected, if not in the statement that runs.
 * NULL: they are added to that statement.
 */
extern __thread osp_sqlite_waits *osp_sqlite__collecting
	__attribute__((tls_model("initial-exec")));

/* Is waiting for the disk measured in this process? (wrap_fsync.c) */
extern bool osp_sqlite__syncs_measured;

/*
 * Returns where to add waits of this thread in this connection; NULL: nothing
 * is traced. Valid until the statement ends.
 */
osp_sqlite_waits *osp_sqlite__waits_here(osp_sqlite_conn *conn);

/*
 * Begins to collect the waits of this thread in waits. Returns the argument for
 * osp_sqlite__collect_end.
 */
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

/*
 * Reads a coarse clock, for the pauses between two rows in which a statement
 * waits for the program. Reading an exact clock twice for each row would be
 * expensive; this one has the resolution of the kernel's tick (1 to 10 ms) and
 * takes half as long. A shorter pause counts either as a whole tick or as
 * nothing, so that sums are right on average.
 */
static inline int64_t
osp_sqlite__coarse_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Begins a pause: a row was returned to the program. */
static inline void
osp_sqlite__pause_begin(osp_sqlite_stmt *st)
{
	st->returned_ns = osp_sqlite__coarse_now();
}

/* Ends a pause: the program asks for the next row, or ends the statement. */
static inline void
osp_sqlite__pause_end(osp_sqlite_stmt *st)
{
	if (st->rows > 0)
		st->waits.paused_ns += osp_sqlite__coarse_now() - st->returned_ns;
}

/*
 * Writes the waits into the stop of an operation that took elapsed_ns:
 * "active_ms" if the program paused, "busy", and "syncs".
 */
void osp_sqlite__put_waits(osp_writer *w, const osp_sqlite_waits *waits,
						   int64_t elapsed_ns);

#endif /* OSP_SQLITE_STATEMENT_WAITS_H */
