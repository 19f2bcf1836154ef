/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_waits.c
 *	  What a statement waited for.
 */
#include "statement_waits.h"

#define NS_PER_MS 1e6

__thread osp_sqlite_waits *osp_sqlite__collecting = NULL;

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

void
osp_sqlite__put_waits(osp_writer *w, const osp_sqlite_waits *waits)
{
	put_wait(w, OSP_STR("busy"), &waits->busy);
	put_wait(w, OSP_STR("syncs"), &waits->syncs);
}
