/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_api.c
 *	  The table of SQLite's functions. Who fills it in: extension.c or
 *	  sqlite_home.c.
 */
#include "sqlite_api.h"

const sqlite3_api_routines *sqlite3_api;
