/* SPDX-License-Identifier: Apache-2.0
 *
 * undo_processes.c
 *	  Processes of the server that still have the library.
 *
 * A session that has loaded it goes on with it, but its parallel workers load it anew,
 * which fails once it is removed. Linux shows what a process has loaded to processes of
 * the same user, so the server is asked. The shipper's worker is in no view of the
 * server's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "undo/undo.h"

/* The sessions that this command has closed end a moment later. */
#define LOOK_MS 50
#define WAIT_MS 1000

#define READ(file, max)                                             \
	"pg_catalog.pg_read_binary_file('/proc/' || p || '/" file "', " \
	"0, " max ", true)"

static const char question_sessions[] =
	"SELECT pg_catalog.string_agg(p::text, ', '), pg_catalog.count(*), "
	"pg_catalog.bool_or(application_name = 'osprofiler') FROM "
	"(SELECT pid AS p, application_name FROM pg_catalog.pg_stat_activity WHERE pid <> "
	"pg_catalog.pg_backend_pid()) s WHERE position("
	"'/osprofiler.so'::bytea IN " READ("maps", "10000000") ") > 0";

/* The postmaster is the parent of whoever answers. */
static const char question_shipper[] =
	"WITH s AS MATERIALIZED (SELECT p FROM pg_catalog.pg_ls_dir('/proc') p "
	"WHERE p ~ '^[0-9]+$') SELECT p FROM s WHERE "
	"position('osprofiler shipper'::bytea IN " READ(
		"cmdline",
		"1000") ") > 0 AND pg_catalog.split_part(pg_catalog.regexp_replace("
				"pg_catalog.encode(" READ(
					"stat",
					"1000") ", 'escape'), '^.*[)] ', ''), "
							"' ', 2) = pg_catalog.split_part(pg_catalog.pg_read_file("
							"'postmaster.pid'), E'\\n', 1)";

/* The answer, owned, without sessions of this command that are about to end; NULL after
 * the result says why. */
static cli_answer *
ask_sessions(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_sessions);
	int waited;

	for (waited = 0; answer != NULL && waited < WAIT_MS &&
					 cli_answer_value(answer, 0, 2) != NULL &&
					 strcmp(cli_answer_value(answer, 0, 2), "t") == 0;
		 waited += LOOK_MS)
	{
		cli_answer_free(answer);
		(void) usleep(LOOK_MS * 1000);
		answer = undo_ask(d, r, question_sessions);
	}
	return answer;
}

void
undo_open_sessions(doctor *d, doctor_result *r)
{
	cli_answer *answer = ask_sessions(d, r);
	const char *pids;

	if (answer == NULL)
		return;
	r->is_left = true;
	pids = cli_answer_value(answer, 0, 0);
	if (pids == NULL)
		doctor_good(r, "none has the module loaded");
	else
	{
		doctor_wrong(r,
					 "%s ha%s the module loaded until they end",
					 cli_answer_value(answer, 0, 1),
					 strcmp(cli_answer_value(answer, 0, 1), "1") == 0 ? "s"
																	  : "ve");
		doctor_advise(r,
					  "have these programs connect again, or end their "
					  "sessions, before the library is removed;");
		doctor_add_psql(d, r);
		doctor_mend(r,
					" -c 'SELECT pg_catalog.pg_terminate_backend(p) FROM "
					"pg_catalog.unnest(ARRAY[%s]) p'",
					pids);
	}
	cli_answer_free(answer);
}

void
undo_shipper(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_shipper);
	char statement[128];

	if (answer == NULL)
		return;
	if (cli_answer_rows(answer) == 0)
		doctor_good(r, "none is at work");
	else
	{
		doctor_wrong(
			r, "it is at work, process %s", cli_answer_value(answer, 0, 0));

		/* A program that does not read what COPY sends breaks the pipe. */
		(void) snprintf(statement,
						sizeof(statement),
						"COPY (SELECT) TO PROGRAM 'cat >/dev/null; kill %s'",
						cli_answer_value(answer, 0, 0));
		doctor_mend_sql(d, r, statement, DOCTOR_END);
	}
	cli_answer_free(answer);
}
