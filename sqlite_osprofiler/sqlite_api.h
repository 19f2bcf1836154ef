/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_api.h
 *	  SQLite's functions: by name in the library, by the table that SQLite hands
 *	  over in the run-time extension, which is made of the same sources.
 */
#ifndef OSP_SQLITE_API_H
#define OSP_SQLITE_API_H

#ifdef OSP_SQLITE_EXTENSION
#include <sqlite3ext.h>
extern const sqlite3_api_routines *sqlite3_api;
#else
#include <sqlite3.h>
#endif

#endif /* OSP_SQLITE_API_H */
