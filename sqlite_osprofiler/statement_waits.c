/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_waits.c
 *	  The waits of a statement.
 */
#include "statement_waits.h"

#define NS_PER_MS 1e6

/* Shorter pauses are not recorded. */
#define PAUSED_MIN_NS 1000000

/* The shortest time at work that is recorded, since 0 would mean that it is unknown. */
#define ACTIVE_MIN_NS 1000

__thread osp_sqlite_waits *osp_sqlite__collecting = NULL;

bool osp_sqlite__syncs_measured = false;

osp_sqlite_waits *
osp_sqlite__waits_here(osp_sqlite_conn *conn)
{
	osp_sqlite_stmt *st = osp_sqlite__innermost;

	if (osp_sqlite__collecting != NULL)
		return osp_sqlite__collecting;
	if (st == NULL && !conn->wrapped)
		st = osp_sqlite__stmt_outer(conn);
	return st != NULL && st->conn == conn ? &st->waits : NULL;
}

static void
put_wait(osp_writer *w, osp_str name, const osp_sqlite_wait *wait)
{
	if (wait->count == 0)
		return;
	osp_put_object(w, name);
	osp_put_u64(w, OSP_STR("count"), wait->count);
	osp_put_f64(w, OSP_STR("ms"), (double) wait->ns / NS_PER_MS);
	osp_put_end(w);
}

/* Writes how long SQLite was at work, if the program paused between rows. */
static void
put_active(osp_writer *w, int64_t paused_ns, int64_t elapsed_ns)
{
	int64_t active_ns = elapsed_ns - paused_ns;

	if (paused_ns < PAUSED_MIN_NS || elapsed_ns < PAUSED_MIN_NS)
		return;
	if (active_ns < ACTIVE_MIN_NS)
		active_ns = ACTIVE_MIN_NS;
	osp_put_f64(w, OSP_STR("active_ms"), (double) active_ns / NS_PER_MS);
}

void
osp_sqlite__put_waits(osp_writer *w, const osp_sqlite_waits *waits,
					  int64_t elapsed_ns)
{
	put_active(w, waits->paused_ns, elapsed_ns);
	put_wait(w, OSP_STR("busy"), &waits->busy);
	put_wait(w, OSP_STR("syncs"), &waits->syncs);
}
