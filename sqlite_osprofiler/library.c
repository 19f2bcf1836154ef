/* SPDX-License-Identifier: Apache-2.0
 *
 * library.c
 *	  The functions of osprofiler/sqlite.h.
 */
#include <dlfcn.h>

#include "attach.h"
#include "hook.h"
#include "sqlite_home.h"
#include "sqlite_operation.h"

typedef bool (*has_fn)(struct sqlite3 *);

/* Does the run-time extension, another copy of all this, have the connection? */
static bool
is_the_extensions(struct sqlite3 *db)
{
	has_fn has = (has_fn) dlsym(RTLD_DEFAULT, "osp_sqlite_extension_has");

	return has != NULL && has(db);
}

int
osp_sqlite_enable(struct sqlite3 *db, const osp_sqlite_options *options)
{
	osp_sqlite_options defaults;

	if (is_the_extensions(db))
		return SQLITE_OK;
	if (!osp_sqlite__home_search())
		return SQLITE_ERROR;
	if (options == NULL)
	{
		osp_sqlite_options_init(&defaults);
		options = &defaults;
	}
	return osp_sqlite__attach(db, options, osp_sqlite__wrappers_work(db));
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
