/* SPDX-License-Identifier: Apache-2.0
 *
 * module_sessions.c
 *	  Sessions that have loaded the module, and those that began before the
 *	  setting that loads it.
 *
 * Linux shows which files a process has mapped only to processes of the same
 * user. So the server itself is asked, which only a superuser may do.
 */
#include "doctor/doctor.h"
#include "doctor/preload_sql.h"

#include <stdio.h>

#define SHOWN_MAX 5

/*
 * An SQL condition on a session of a program: does session_preload_libraries,
 * as set now for its database and role, name the module?
 */
#define SHOULD_HAVE                                                            \
	"COALESCE((SELECT " HAS_OURS " FROM " ROLE_SETTINGS                        \
	" x WHERE name = 'session_preload_libraries' AND (x.datname IS NULL OR "   \
	"x.datname = a.datname) AND (x.rolname IS NULL OR x.rolname = a.usename) " \
	"ORDER BY (x.rolname IS NOT NULL)::int * 2 + (x.datname IS NOT "           \
	"NULL)::int DESC LIMIT 1), (SELECT " HAS_OURS " FROM (SELECT setting "     \
	"FROM pg_catalog.pg_file_settings WHERE name = "                           \
	"'session_preload_libraries' ORDER BY seqno DESC LIMIT 1) f), false)"

static const char question_without[] =
	"WITH m AS MATERIALIZED (SELECT a.*, pg_catalog.pg_read_binary_file("
	"'/proc/' || pid || '/maps', 0, 10000000, true) AS maps FROM "
	"pg_catalog.pg_stat_activity a WHERE backend_type = 'client backend' AND "
	"pid <> pg_catalog.pg_backend_pid() AND application_name <> 'osprofiler') "
	"SELECT application_name, usename, pid FROM m a WHERE "
	"pg_catalog.length(maps) > 0 AND position('/osprofiler.so'::bytea IN "
	"maps) = 0 AND " SHOULD_HAVE " ORDER BY pid";

void
doctor_add_sessions(osp_buf *out, const cli_answer *answer)
{
	int rows = cli_answer_rows(answer);
	int i;

	for (i = 0; i < rows && i < SHOWN_MAX; i++)
	{
		const char *program = cli_answer_value(answer, i, 0);
		const char *role = cli_answer_value(answer, i, 1);

		osp_buf_addf(out,
					 "%s%s, user %s, process %s",
					 i > 0 ? "; " : "",
					 program != NULL && program[0] != '\0'
						 ? program
						 : "no application_name",
					 role != NULL ? role : "unknown",
					 cli_answer_value(answer, i, 2));
	}
	if (rows > SHOWN_MAX)
		osp_buf_addf(out, "; and %d more", rows - SHOWN_MAX);
}

void
doctor_advise_restarts(doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;
	int rows;

	if (!cli_server_is_superuser(d->server) ||
		cli_server_ask(d->server, question_without, 0, NULL, &answer, NULL) !=
			OSP_OK)
		return;
	rows = cli_answer_rows(answer);
	if (rows > 0)
	{
		doctor_advise(r,
					  "%d session%s not loaded it: ",
					  rows,
					  rows == 1 ? " has" : "s have");
		doctor_add_sessions(&r->advice, answer);
		doctor_advise(r, rows == 1 ? ": restart it" : ": restart these");
	}
	cli_answer_free(answer);
}
