/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_kind.h
 *	  Facts that can be derived from the text of a statement.
 */
#ifndef OSP_SQLITE_TEXT_H
#define OSP_SQLITE_TEXT_H

#include "osprofiler/base.h"

/*
 * Does it only call one of the SQL functions of osprofiler ("SELECT
 * osprofiler_start(...)")? Such a statement steers the tracing and is not traced.
 */
bool osp_sqlite__is_control(osp_str text);

/* Is it VACUUM, which runs many statements that are SQLite's own? */
bool osp_sqlite__is_vacuum(osp_str text);

/* Does it change rows, so that sqlite3_changes() gives their number? */
bool osp_sqlite__changes_rows(osp_str text);

#endif /* OSP_SQLITE_TEXT_H */
