/* SPDX-License-Identifier: Apache-2.0
 *
 * server_extension.c
 *	  Is the extension in the database, and does all of its schema belong to superusers?
 *
 * Anybody who may create a schema in the database could make functions and views of the
 * names that are called here. A superuser who makes one needs no help of ours.
 */
#include "server/server_extension.h"

#include <string.h>

#define USERS "(SELECT oid FROM pg_roles WHERE NOT rolsuper)"

/* Asked so that the server logs no error if it is not there. */
static const char question[] =
	"SELECT to_regprocedure('osprofiler.challenge()') IS NOT NULL "
	"AND e.extnamespace = n.oid, "
	"n.nspowner IN " USERS " OR e.extowner IN " USERS
	" OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid "
	"AND proowner IN " USERS ") OR EXISTS (SELECT FROM pg_class "
	"WHERE relnamespace = n.oid AND relowner IN " USERS ") "
	"FROM pg_extension e, pg_namespace n "
	"WHERE extname = 'osprofiler' AND nspname = 'osprofiler'";

osp_status
cli_server_find_extension(cli_server *server, osp_error *err)
{
	cli_answer *answer = NULL;
	osp_status status = cli_server_ask(server, question, 0, NULL, &answer, err);

	if (status != OSP_OK)
		return status;
	if (cli_answer_rows(answer) == 0 ||
		strcmp(cli_answer_value(answer, 0, 0), "t") != 0)
		status =
			osp_error_set(err,
						  OSP_ENOENT,
						  "the extension is not in this database, or of an "
						  "earlier version (CREATE EXTENSION osprofiler)");
	else if (strcmp(cli_answer_value(answer, 0, 1), "t") == 0)
		status =
			osp_error_set(err,
						  OSP_EPERM,
						  "the schema osprofiler of this database, or what "
						  "is in it, belongs to somebody who is no "
						  "superuser, so nothing of it is called");
	cli_answer_free(answer);
	return status;
}
