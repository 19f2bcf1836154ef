/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h
 *	  SQLite's trace hook, ours and the application's at the same time.
 */
#ifndef OSP_SQLITE_HOOK_H
#define OSP_SQLITE_HOOK_H

#include "sqlite_conn.h"

/* Registers the hook for a new connection, which may then sleep. */
int osp_sqlite__hook_attach(osp_sqlite_conn *conn);

/*
 * Registers our callback for the events that are needed by our tracing, and by
 * the application's own callback, which ours calls. Returns SQLite's code.
 */
int osp_sqlite__hook_register(osp_sqlite_conn *conn);

/* Forgets a connection that is being freed. */
void osp_sqlite__hook_forget(const osp_sqlite_conn *conn);

/* Wakes connections that sleep, since a thread begins to trace. */
void osp_sqlite__hook_wake(void);

/*
 * The error that SQLite logged last in this thread. Without access to the log
 * (see preload.c) it is always 0, and the hook cannot distinguish a failure
 * from a normal end.
 */
extern __thread int osp_sqlite__logged
	__attribute__((tls_model("initial-exec")));

#endif /* OSP_SQLITE_HOOK_H */
