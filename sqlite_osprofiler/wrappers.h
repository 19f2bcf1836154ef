/* SPDX-License-Identifier: Apache-2.0
 *
 * wrappers.h
 *	  Our functions that have SQLite's names, under names of our own: by
 *	  SQLite's name a call would reach the function that comes first in the
 *	  process. Each one first finds out for which SQLite the call is
 *	  (sqlite_home.h).
 */
#ifndef OSP_SQLITE_WRAPPERS_H
#define OSP_SQLITE_WRAPPERS_H

#include "sqlite_conn.h"

/* Exports our function osp_sqlite__NAME as sqlite3_NAME. */
#define OSP_SQLITE_EXPORT(name)                                              \
	extern __typeof__(osp_sqlite__##name) osp_sqlite__export_##name __asm__( \
		"sqlite3_" #name)                                                    \
		__attribute__((alias("osp_sqlite__" #name), visibility("default")))

/*
 * Set in this thread while it tests whether the wrappers are called; the number
 * of calls so far.
 */
extern __thread bool osp_sqlite__probing
	__attribute__((tls_model("initial-exec")));
extern __thread unsigned osp_sqlite__probes
	__attribute__((tls_model("initial-exec")));

int osp_sqlite__step(sqlite3_stmt *stmt);
int osp_sqlite__reset(sqlite3_stmt *stmt);
int osp_sqlite__finalize(sqlite3_stmt *stmt);
int osp_sqlite__exec(sqlite3 *db, const char *sql,
					 int (*fn)(void *, int, char **, char **), void *ctx,
					 char **message);
int osp_sqlite__prepare(sqlite3 *db, const char *sql, int len,
						sqlite3_stmt **stmt, const char **tail);
int osp_sqlite__prepare_v2(sqlite3 *db, const char *sql, int len,
						   sqlite3_stmt **stmt, const char **tail);
int osp_sqlite__prepare_v3(sqlite3 *db, const char *sql, int len,
						   unsigned flags, sqlite3_stmt **stmt,
						   const char **tail);
int osp_sqlite__prepare16(sqlite3 *db, const void *sql, int len,
						  sqlite3_stmt **stmt, const void **tail);
int osp_sqlite__prepare16_v2(sqlite3 *db, const void *sql, int len,
							 sqlite3_stmt **stmt, const void **tail);
int osp_sqlite__prepare16_v3(sqlite3 *db, const void *sql, int len,
							 unsigned flags, sqlite3_stmt **stmt,
							 const void **tail);
int osp_sqlite__trace_v2(sqlite3 *db, unsigned mask,
						 int (*fn)(unsigned, void *, void *, void *),
						 void *ctx);
void *osp_sqlite__trace(sqlite3 *db, void (*fn)(void *, const char *),
						void *ctx);
void *osp_sqlite__profile(sqlite3 *db,
						  void (*fn)(void *, const char *, sqlite3_uint64),
						  void *ctx);
int osp_sqlite__busy_handler(sqlite3 *db, int (*fn)(void *, int), void *ctx);
int osp_sqlite__wal_checkpoint_v2(sqlite3 *db, const char *name, int mode,
								  int *pages, int *moved);

#endif /* OSP_SQLITE_WRAPPERS_H */
