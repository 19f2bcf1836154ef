/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_exec.h
 *	  sqlite3_exec, which finalizes its statements without the wrappers.
 */
#ifndef OSP_SQLITE_WRAP_EXEC_H
#define OSP_SQLITE_WRAP_EXEC_H

#include "sqlite_conn.h"

/* A call of sqlite3_exec that this thread is in. */
typedef struct osp_sqlite_exec
{
	struct osp_sqlite_exec *outer;
	unsigned depth; /* osp__depth.sqlite when it was called */
} osp_sqlite_exec;

extern __thread osp_sqlite_exec *osp_sqlite__exec_now
	__attribute__((tls_model("initial-exec")));

/* Returns the call that steps the statement that begins now; NULL: none does. */
static inline const osp_sqlite_exec *
osp_sqlite__exec_here(void)
{
	const osp_sqlite_exec *now = osp_sqlite__exec_now;

	return OSP_UNLIKELY(now != NULL) && now->depth == osp__depth.sqlite ? now
																		: NULL;
}

#endif /* OSP_SQLITE_WRAP_EXEC_H */
