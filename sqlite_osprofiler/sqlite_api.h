/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_api.h
 *	  SQLite's functions, which are always called through a table: the one that
 *	  SQLite passes to the run-time extension, or one that sqlite_home.c fills
 *	  in. A process may have several SQLites, and a call by name would reach the
 *	  one that comes first.
 */
#ifndef OSP_SQLITE_API_H
#define OSP_SQLITE_API_H

#include <sqlite3ext.h>

/*
 * The version that introduced sqlite3_changes64. It may be newer than the
 * header used for building, or than the SQLite of the process.
 */
#define OSP_SQLITE_CHANGES64 3037000

extern const sqlite3_api_routines *sqlite3_api;

#endif /* OSP_SQLITE_API_H */
