/* SPDX-License-Identifier: Apache-2.0
 *
 * library.c
 *	  The functions of osprofiler/sqlite.h.
 */
#include <dlfcn.h>

#include "attach.h"
#include "hook.h"
#include "profiler/profiler_debug.h"
#include "sqlite_home.h"
#include "sqlite_operation.h"

typedef bool (*has_fn)(struct sqlite3 *);

/*
 * Is the connection traced by the run-time extension, which is another copy of
 * this code?
 */
static bool
is_the_extensions(struct sqlite3 *db)
{
	has_fn has = (has_fn) dlsym(RTLD_DEFAULT, "osp_sqlite_extension_has");

	return has != NULL && has(db);
}

/* Says why a connection is not traced, if OSPROFILER_DEBUG asks for it. */
static int
refuse(int rc, const char *why)
{
	(void) osp__hook_config(); /* reads OSPROFILER_DEBUG */
	osp__debug("a connection of SQLite is not traced: %s", why);
	return rc;
}

int
osp_sqlite_enable(struct sqlite3 *db, const osp_sqlite_options *options)
{
	osp_sqlite_options defaults;
	int rc;

	if (db == NULL)
		return refuse(SQLITE_MISUSE, "it was not opened");
	if (is_the_extensions(db))
		return SQLITE_OK;

	/* If no SQLite is traced yet, the caller's SQLite becomes the traced one. */
	(void) osp_sqlite__find_of(__builtin_return_address(0));
	if (!osp_sqlite__home_known() && !osp_sqlite__home_search())
		return refuse(SQLITE_ERROR,
					  "its SQLite does not show its functions to libraries "
					  "(link SQLite into the program without --exclude-libs "
					  "and hidden symbols, or dynamically)");
	if (!osp_sqlite__is_of_home(db))
		return refuse(SQLITE_ERROR,
					  "the process holds several SQLites, and this one does "
					  "not show its functions, or another one is traced");
	if (options == NULL)
	{
		osp_sqlite_options_init(&defaults);
		options = &defaults;
	}
	rc = osp_sqlite__attach(db, options, osp_sqlite__wrappers_work(db));
	return rc == SQLITE_OK ? rc : refuse(rc, sqlite3_errstr(rc));
}

bool
osp_sqlite_enabled(struct sqlite3 *db)
{
	const osp_sqlite_conn *conn = osp_sqlite__conn_find(db);

	return (conn != NULL && conn->enabled) || is_the_extensions(db);
}

void
osp_sqlite_disable(struct sqlite3 *db)
{
	osp_sqlite_conn *conn = osp_sqlite__conn_find(db);

	if (conn == NULL || !conn->enabled)
		return;
	conn->enabled = false;
	conn->live = false;
	osp_sqlite__close_all(conn);
	(void) osp_sqlite__hook_register(conn);
}
