/* SPDX-License-Identifier: Apache-2.0
 *
 * server_extension.c
 *	  Is the extension in the database, and what its schema has its own?
 *
 * Anybody who may create a schema in the database could make functions and views of the
 * names that are called here. What belongs to superusers they could do without us.
 */
#include "server/server_extension.h"

#include <string.h>

#define FOREIGN(owner) \
	"NOT EXISTS (SELECT FROM pg_roles WHERE oid = " owner " AND rolsuper)"

/* Asked so that the server logs no error if it is not there. */
static const char question[] =
	"SELECT to_regprocedure('osprofiler.challenge()') IS NOT NULL AND "
	"EXISTS (SELECT FROM pg_extension WHERE extname = 'osprofiler' "
	"AND extnamespace = n.oid), "
	"EXISTS (SELECT FROM pg_extension WHERE extname = 'osprofiler' "
	"AND " FOREIGN(
		"extowner") ") "
					"OR " FOREIGN(
						"nspowner") " "
									"OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid "
									"AND " FOREIGN(
										"proowner") ") "
													"OR EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid "
													"AND " FOREIGN(
														"relowner") ") "
																	"FROM pg_namespace n WHERE nspname = 'osprofiler'";

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
