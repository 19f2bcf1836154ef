/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_api.h
 *	  SQLite's functions, always by a table: the one that SQLite hands over to the
 *	  run-time extension, or one that sqlite_home.c fills in. A program may hold
 *	  several SQLites, and by name one would get whichever comes first.
 */
#ifndef OSP_SQLITE_API_H
#define OSP_SQLITE_API_H

#include <sqlite3ext.h>

/* The version that brought sqlite3_changes64. It may be newer than the header that this
 * is built with, or than the SQLite that it runs with. */
#define OSP_SQLITE_CHANGES64 3037000

extern const sqlite3_api_routines *sqlite3_api;

#endif /* OSP_SQLITE_API_H */
