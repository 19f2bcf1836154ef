/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite.h
 *	  Traces the statements of a SQLite connection.
 *
 *	  osp_init("SECRET_KEY", NULL, NULL);
 *	  sqlite3_open("app.db", &db);
 *	  if (osp_sqlite_enable(db, NULL) != SQLITE_OK)
 *		  fputs("this connection is not traced\n", stderr);
 *	  ... every statement is a point `sqlite`, below the thread's own points
 *
 * Link -losprofiler_sqlite before -lsqlite3. Then calls of sqlite3_step,
 * sqlite3_reset, sqlite3_finalize and sqlite3_prepare* reach the library first, and
 * start, end, parent and outcome of every statement are exact. Otherwise (with the
 * other order, or a SQLite that is linked statically) the library uses SQLite's
 * trace hook, with the limits that docs/sqlite.md lists. A SQLite whose functions
 * the linker hides from libraries cannot be traced.
 *
 * The results of SQLite's functions, sqlite3_errmsg, sqlite3_changes and errno are
 * the same as without tracing.
 */
#ifndef OSPROFILER_SQLITE_H
#define OSPROFILER_SQLITE_H

#include "osprofiler/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

/*
 * Which facts are recorded. The preload library and the run-time extension read
 * them from OSPROFILER_SQLITE_POINTS, a comma-separated list of these names
 * that replaces the default "nested,triggers,rows,statistics".
 */
typedef struct osp_sqlite_options
{
	size_t struct_size;
	bool nested;     /* statements that run inside another statement */
	bool triggers;   /* sqlite.trigger, a point for each run of a trigger */
	bool rows;       /* how many rows a statement returned */
	bool parameters; /* also the statement with its parameters filled in */
	bool statistics; /* full-scan steps, sorts, automatic indexes, VM steps */
	size_t statement_max; /* longer statements are cut; 0: 32 KiB */
} osp_sqlite_options;

/* Fills in the defaults. */
OSP_API void osp_sqlite_options_init(osp_sqlite_options *options);

/*
 * Traces this connection until it is closed; options (NULL: the defaults) are
 * copied. If it is traced already, only the options change. Returns SQLITE_OK,
 * or SQLITE_NOMEM or another error of SQLite; after an error the connection is
 * unchanged. SQLITE_ERROR (1): it belongs to a SQLite that cannot be traced;
 * with OSPROFILER_DEBUG=1 in the environment the reason is printed on stderr.
 */
OSP_API int osp_sqlite_enable(struct sqlite3 *db,
							  const osp_sqlite_options *options);

/*
 * Ends the tracing of this connection. Open statements get their stop. The SQL
 * functions stay.
 */
OSP_API void osp_sqlite_disable(struct sqlite3 *db);

/* Is this connection traced while there is a context? */
OSP_API bool osp_sqlite_enabled(struct sqlite3 *db);

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_SQLITE_H */
