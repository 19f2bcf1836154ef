/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h
 *	  SQLite's trace hook, ours and the application's at the same time.
 */
#ifndef OSP_SQLITE_HOOK_H
#define OSP_SQLITE_HOOK_H

#include "sqlite_conn.h"

/* Registers it for the first time: it may sleep. */
int osp_sqlite__hook_attach(osp_sqlite_conn *conn);

/*
 * Registers our callback for what the connection needs: by our tracing, and by
 * the application's own callback, which ours calls. SQLite's code.
 */
int osp_sqlite__hook_register(osp_sqlite_conn *conn);

/* The connection goes. */
void osp_sqlite__hook_forget(const osp_sqlite_conn *conn);

/* A thread begins to trace: connections that sleep are woken. */
void osp_sqlite__hook_wake(void);

/*
 * The error that SQLite logged last in this thread. Without the log (see
 * preload.c) it stays 0, and the hook cannot tell a failure from an end.
 */
extern __thread int osp_sqlite__logged
	__attribute__((tls_model("initial-exec")));

#endif /* OSP_SQLITE_HOOK_H */
