/* SPDX-License-Identifier: Apache-2.0
 *
 * extension.c
 *	  The run-time extension.
 *
 *	  .load /usr/local/lib/osprofiler/osprofiler
 *	  SELECT osprofiler_init('eyJiYXNl...', '1a2b3c...');
 *
 * The extension attaches to the connection that loads it and to those that the
 * process opens later. If libosprofiler_sqlite already traces a connection, the
 * extension leaves it alone. SQLite is called by the table that it passes to the
 * extension, never by name: it may be linked statically, or be another one than
 * the system's.
 *
 * LIMITATIONS. A connection has one trace callback: an application that sets its
 * own afterwards ends the tracing of that connection. Failed statements look like
 * others, and the parent of a nested statement may be wrong (docs/sqlite.md).
 */
#include <dlfcn.h>

#include "attach.h"
#include "hook.h"

/* The oldest version that has sqlite3_stmt_isexplain. */
#define OLDEST 3028000

OSP_API int sqlite3_osprofiler_init(sqlite3 *db, char **message,
									const sqlite3_api_routines *api);
OSP_API bool osp_sqlite_extension_has(sqlite3 *db);

typedef bool (*enabled_fn)(sqlite3 *);

bool
osp_sqlite_extension_has(sqlite3 *db)
{
	return osp_sqlite__conn_find(db) != NULL;
}

/*
 * Sets the table of functions, if it differs. It is not written again for every
 * connection, since other threads are using it.
 */
static void
use_api(const sqlite3_api_routines *api)
{
	if (OSP_UNLIKELY(__atomic_load_n(&sqlite3_api, __ATOMIC_ACQUIRE) != api))
		__atomic_store_n(&sqlite3_api, api, __ATOMIC_RELEASE);
}

static int
attach(sqlite3 *db, char **message)
{
	enabled_fn enabled = (enabled_fn) dlsym(RTLD_DEFAULT, "osp_sqlite_enabled");
	osp_sqlite_options options;
	int rc;

	if (enabled != NULL && enabled(db))
		return SQLITE_OK;
	osp_sqlite__options_from_environment(&options);
	rc = osp_sqlite__attach(db, &options, false);
	if (rc != SQLITE_OK && message != NULL)
		*message = sqlite3_mprintf("osprofiler: %s", sqlite3_errstr(rc));
	return rc;
}

/*
 * Attaches to a connection that is opened later. Even if that fails, the
 * connection must open.
 */
static int
attach_later_one(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
	(void) message;
	use_api(api);
	(void) attach(db, NULL);
	return SQLITE_OK;
}

int
sqlite3_osprofiler_init(sqlite3 *db, char **message,
						const sqlite3_api_routines *api)
{
	int rc;

	use_api(api);
	if (sqlite3_libversion_number() < OLDEST)
	{
		*message = sqlite3_mprintf("osprofiler needs SQLite 3.28 or later");
		return SQLITE_ERROR;
	}
	rc = attach(db, message);
	if (rc == SQLITE_OK)
		rc = sqlite3_auto_extension((void (*)(void)) attach_later_one);

	/*
	 * The library must not be unloaded, since its functions are registered with
	 * this connection and will be with later ones.
	 */
	return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
}
