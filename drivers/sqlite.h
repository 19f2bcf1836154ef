/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite.h
 *	  What the parts of the sqlite driver share.
 */
#ifndef OSP_SQLITE_H
#define OSP_SQLITE_H

#include <sqlite3.h>

#include "osprofiler/driver.h"

/*
 * Tells of a failed call on db. Busy is OSP_EUNAVAIL; what only an administrator
 * can set right (a full disk, a damaged file) is OSP_EIO; OSP_ENOMEM.
 */
osp_status osp__sqlite_trouble(sqlite3 *db, const char *path, osp_error *err);

/* get_points and list_traces of osp_driver, on the database path. One that is
 * not there, or has no table of traces, holds none. */
osp_status osp__sqlite_get_points(const osp_allocator *alc, const char *path,
								  unsigned timeout_ms, osp_str base_id,
								  osp_point_fn fn, void *ctx,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__sqlite_list_traces(const char *path, unsigned timeout_ms,
								   const osp_trace_filter *filter,
								   osp_trace_fn fn, void *ctx,
								   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_SQLITE_H */
