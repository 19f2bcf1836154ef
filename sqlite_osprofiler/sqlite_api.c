/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_api.c
 *	  The table of SQLite's functions, which extension.c or sqlite_home.c fills
 *	  in.
 */
#include "sqlite_api.h"

const sqlite3_api_routines *sqlite3_api;
