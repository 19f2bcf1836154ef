/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_home.h
 *	  Which SQLite a call is for, and the one SQLite that is traced.
 *
 * A process can hold several SQLites: the system's, one that a library brings
 * along, SQLCipher. Our wrappers have SQLite's names, so calls for all of them
 * may arrive here, and each call has to reach the SQLite that it would have
 * reached without us. That depends on the caller: the object (program or shared
 * library) that contains the return address of the call.
 *
 * The first SQLite that is found is called *home*. Only its connections are
 * traced. Calls for another SQLite are just passed on.
 */
#ifndef OSP_SQLITE_HOME_H
#define OSP_SQLITE_HOME_H

#include "sqlite_conn.h"

/* The original functions of one SQLite, as far as we wrap them. */
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
	int (*busy_handler)(sqlite3 *, int (*)(void *, int), void *);
	int (*wal_checkpoint_v2)(sqlite3 *, const char *, int, int *, int *);

	/* Wrapped by the preload library only. */
	int (*open)(const char *, sqlite3 **);
	int (*open_v2)(const char *, sqlite3 **, int, const char *);
	int (*open16)(const void *, sqlite3 **);
	int (*config)(int, ...);
	int (*initialize)(void);
	int (*shutdown)(void);
	int (*auto_extension)(void (*)(void));
	void (*reset_auto_extension)(void);
} osp_sqlite_real;

/* Home's original functions. Valid only if osp_sqlite__home_known(). */
extern osp_sqlite_real osp_sqlite__home;

/*
 * Address ranges of objects whose calls are for home: home itself, and the
 * first of its callers. A range is written once.
 */
typedef struct osp_sqlite_range
{
	uintptr_t low;
	uintptr_t size;
} osp_sqlite_range;

extern osp_sqlite_range osp_sqlite__callers[2];

/*
 * Returns the functions of the SQLite that the calling object finds; NULL: it
 * finds none.
 */
const osp_sqlite_real *osp_sqlite__find_of(const void *caller);

/* The slow path of osp_sqlite__real; never NULL. */
const osp_sqlite_real *osp_sqlite__find_real(const void *caller);

/*
 * Returns the functions of the SQLite that a call is for; caller is the return
 * address of the call. Thread-safe; takes no lock.
 */
static inline const osp_sqlite_real *
osp_sqlite__real(const void *caller)
{
	const osp_sqlite_range *range = osp_sqlite__callers;
	uintptr_t at = (uintptr_t) caller;

	if (OSP_LIKELY(at - range[0].low < range[0].size ||
				   at - range[1].low < range[1].size))
		return &osp_sqlite__home;
	return osp_sqlite__find_real(caller);
}

#define OSP_SQLITE_REAL() osp_sqlite__real(__builtin_return_address(0))

/*
 * sqlite3_exec for a program whose linker left SQLite's own out, since it found
 * the name in our library first. It calls other functions of home.
 */
int osp_sqlite__exec_in_place(sqlite3 *db, const char *sql,
							  int (*fn)(void *, int, char **, char **),
							  void *ctx, char **message);

/* Has a SQLite been chosen as home already? */
bool osp_sqlite__home_known(void);

/*
 * If there is no home yet, chooses a SQLite that the process has loaded: one
 * whose names are global, else the one called libsqlite3.so.0. False: there is
 * none.
 */
bool osp_sqlite__home_search(void);

/*
 * Is this a connection of home? The process may have a second SQLite whose
 * functions cannot be found, and home's must not be called for its connections.
 */
bool osp_sqlite__is_of_home(sqlite3 *db);

/*
 * Will the wrappers see the statements of this connection of home? They will if
 * the process, and SQLite itself, finds the wrappers under SQLite's names.
 */
bool osp_sqlite__wrappers_work(sqlite3 *db);

#endif /* OSP_SQLITE_HOME_H */
