/* SPDX-License-Identifier: Apache-2.0
 *
 * attach.h
 *	  Makes a connection a traced one.
 */
#ifndef OSP_SQLITE_ATTACH_H
#define OSP_SQLITE_ATTACH_H

#include "sqlite_conn.h"

/*
 * Attaches to db. wrapped: its statements are traced by the wrappers, else by
 * the trace hook. Returns SQLITE_OK also if it is attached already.
 */
int osp_sqlite__attach(sqlite3 *db, const osp_sqlite_options *options,
					   bool wrapped);

/* Sets the options that OSPROFILER_SQLITE_POINTS asks for. */
void osp_sqlite__options_from_environment(osp_sqlite_options *options);

#endif /* OSP_SQLITE_ATTACH_H */
