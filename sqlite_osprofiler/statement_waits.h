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

/* Is waiting for the disk measured in this process? (wrap_fsync.c) */
extern bool osp_sqlite__syncs_measured;

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

/*
 * Between two rows a statement waits for the program. Two readings of a clock for each
 * row would be dear, so this one goes by the tick of the kernel (1 to 10 ms), which
 * takes half as long. Of pauses that are shorter, as many are seen as a tick whole as
 * make up for those that are not, so that sums are right.
 */
static inline int64_t
osp_sqlite__coarse_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A row was returned, so the program has its turn. */
static inline void
osp_sqlite__pause_begin(osp_sqlite_stmt *st)
{
	st->returned_ns = osp_sqlite__coarse_now();
}

/* The program asks for the next row, or ends the statement. */
static inline void
osp_sqlite__pause_end(osp_sqlite_stmt *st)
{
	if (st->rows > 0)
		st->waits.paused_ns += osp_sqlite__coarse_now() - st->returned_ns;
}

/* Appends the waits to the stop of what took elapsed_ns: "active_ms" if the program
 * paused, "busy", and "syncs". */
void osp_sqlite__put_waits(osp_writer *w, const osp_sqlite_waits *waits,
						   int64_t elapsed_ns);

#endif /* OSP_SQLITE_STATEMENT_WAITS_H */
