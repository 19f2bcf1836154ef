/* SPDX-License-Identifier: Apache-2.0
 *
 * functions.h
 *	  The SQL functions osprofiler_init, _start, _stop and _context.
 */
#ifndef OSP_SQLITE_FUNCTIONS_H
#define OSP_SQLITE_FUNCTIONS_H

#include "sqlite_conn.h"

/*
 * Registers the SQL functions with the connection. gone is called with conn
 * when SQLite frees the connection, or at once if this fails. Returns SQLite's
 * code.
 */
int osp_sqlite__functions_add(osp_sqlite_conn *conn, void (*gone)(void *));

#endif /* OSP_SQLITE_FUNCTIONS_H */
