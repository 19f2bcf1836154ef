/* SPDX-License-Identifier: Apache-2.0
 *
 * server_extension.c
 *	  Is the extension in the database, and does its whole schema belong to
 *	  superusers?
 *
 * Anybody who may create a schema in the database could make functions and
 * views with the names that are called here. A superuser who did that would not
 * need our calls to gain rights.
 */
#include "server/server_extension.h"

#include <string.h>

#define USERS "(SELECT oid FROM pg_roles WHERE NOT rolsuper)"

/*
 * The columns of the answer, which always has one row. Asking in this way logs
 * no error in the server if the extension is missing.
 */
enum
{
	COLUMN_CREATED,
	COLUMN_USABLE, /* of this version and in its own schema */
	COLUMN_FOREIGN,
	COLUMN_INSTALLED
};

static const char question[] =
	"SELECT e.oid IS NOT NULL, COALESCE("
	"to_regprocedure('osprofiler.challenge()') IS NOT NULL "
	"AND e.extnamespace = n.oid, false), "
	"n.nspowner IN " USERS " OR e.extowner IN " USERS
	" OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid "
	"AND proowner IN " USERS ") OR EXISTS (SELECT FROM pg_class "
	"WHERE relnamespace = n.oid AND relowner IN " USERS "), "
	"e.oid IS NOT NULL OR EXISTS (SELECT FROM pg_available_extensions "
	"WHERE name = 'osprofiler') "
	"FROM (SELECT) o LEFT JOIN pg_extension e ON extname = 'osprofiler' "
	"LEFT JOIN pg_namespace n ON nspname = 'osprofiler'";

static bool
is_true(const cli_answer *answer, int column)
{
	const char *value = cli_answer_value(answer, 0, column);

	return value != NULL && strcmp(value, "t") == 0;
}

static osp_status
judge(const cli_answer *answer, osp_error *err)
{
	if (!is_true(answer, COLUMN_INSTALLED))
		return osp_error_set(err,
							 OSP_ENOENT,
							 "the extension osprofiler is not installed on the "
							 "server's machine");
	if (!is_true(answer, COLUMN_CREATED))
		return osp_error_set(err,
							 OSP_ENOENT,
							 "the extension is not in this database (CREATE "
							 "EXTENSION osprofiler)");
	if (!is_true(answer, COLUMN_USABLE))
		return osp_error_set(err,
							 OSP_ENOENT,
							 "the extension in this database is of an earlier "
							 "version (ALTER EXTENSION osprofiler UPDATE)");
	if (is_true(answer, COLUMN_FOREIGN))
		return osp_error_set(err,
							 OSP_EPERM,
							 "the schema osprofiler of this database, or what "
							 "is in it, belongs to somebody who is no "
							 "superuser, so nothing of it is called");
	return OSP_OK;
}

osp_status
cli_server_find_extension(cli_server *server, osp_error *err)
{
	cli_answer *answer = NULL;
	osp_status status = cli_server_ask(server, question, 0, NULL, &answer, err);

	if (status != OSP_OK)
		return status;
	status = judge(answer, err);
	cli_answer_free(answer);
	return status;
}
