/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap.h
 *	  SQLite's functions that the library puts itself in front of.
 */
#ifndef OSP_SQLITE_WRAP_H
#define OSP_SQLITE_WRAP_H

#include "sqlite_conn.h"

/* SQLite's own. Filled by the first call of osp_sqlite__real. */
typedef struct osp_sqlite_real
{
	int (*step)(sqlite3_stmt *);
	int (*reset)(sqlite3_stmt *);
	int (*finalize)(sqlite3_stmt *);
	int (*exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **),
				void *, char **);
	int (*prepare)(sqlite3 *, const char *, int, sqlite3_stmt **,
				   const char **);
	int (*prepare_v2)(sqlite3 *, const char *, int, sqlite3_stmt **,
					  const char **);
	int (*prepare_v3)(sqlite3 *, const char *, int, unsigned, sqlite3_stmt **,
					  const char **);
	int (*prepare16)(sqlite3 *, const void *, int, sqlite3_stmt **,
					 const void **);
	int (*prepare16_v2)(sqlite3 *, const void *, int, sqlite3_stmt **,
						const void **);
	int (*prepare16_v3)(sqlite3 *, const void *, int, unsigned, sqlite3_stmt **,
						const void **);
	int (*trace_v2)(sqlite3 *, unsigned,
					int (*)(unsigned, void *, void *, void *), void *);
	void *(*trace)(sqlite3 *, void (*)(void *, const char *), void *);
	void *(*profile)(sqlite3 *, void (*)(void *, const char *, sqlite3_uint64),
					 void *);
} osp_sqlite_real;

extern osp_sqlite_real osp_sqlite__reals;

void osp_sqlite__find_reals(void);

static inline const osp_sqlite_real *
osp_sqlite__real(void)
{
	if (OSP_UNLIKELY(osp_sqlite__reals.step == NULL))
		osp_sqlite__find_reals();
	return &osp_sqlite__reals;
}

/*
 * SQLite's own function of this name, where ours has it too: the next one in the
 * order of the objects of the process, or the first if ours is not before it.
 */
void *osp_sqlite__next(const char *name, const void *ours);

/*
 * Will the statements of this connection come by the wrappers: are they what the
 * process, and SQLite itself, finds under these names?
 */
bool osp_sqlite__wrappers_work(sqlite3 *db);

#endif /* OSP_SQLITE_WRAP_H */
