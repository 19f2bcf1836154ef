/* SPDX-License-Identifier: Apache-2.0
 *
 * undo_processes.c
 *	  Processes of the server that still have the library.
 *
 * A session that has loaded the library continues to use it, but its parallel
 * workers load it anew, which fails once the file is removed. Linux shows which
 * files a process has mapped only to processes of the same user, so the server
 * itself is asked. No view of the server shows the shipper's worker.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "undo/undo.h"

/*
 * Sessions that this command has closed end a moment later. Every LOOK_MS it is
 * checked whether they have ended, for at most WAIT_MS.
 */
#define LOOK_MS 50
#define WAIT_MS 1000

#define READ(file, max)                                             \
	"pg_catalog.pg_read_binary_file('/proc/' || p || '/" file "', " \
	"0, " max ", true)"

static const char question_sessions[] =
	"SELECT COALESCE(NULLIF(application_name, ''), backend_type), usename, p "
	"FROM (SELECT pid AS p, application_name, usename, backend_type FROM "
	"pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid()) s "
	"WHERE position('/osprofiler.so'::bytea IN " READ("maps",
													  "10000000") ") > 0 "
																  "ORDER BY p";

/* Asks for the shipper's worker, whose parent is the postmaster. */
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

/* Is one of these sessions one of this command's, which is about to end? */
static bool
has_own_session(const cli_answer *answer)
{
	int i;

	for (i = 0; i < cli_answer_rows(answer); i++)
		if (strcmp(cli_answer_value(answer, i, 0), "osprofiler") == 0)
			return true;
	return false;
}

/*
 * Lists the sessions that have the library, and returns the answer, owned. It
 * waits for sessions of this command to end. After a failure returns NULL, and
 * the result has the reason.
 */
static cli_answer *
ask_sessions(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_sessions);
	int waited;

	for (waited = 0;
		 answer != NULL && waited < WAIT_MS && has_own_session(answer);
		 waited += LOOK_MS)
	{
		cli_answer_free(answer);
		(void) usleep(LOOK_MS * 1000);
		answer = undo_ask(d, r, question_sessions);
	}
	return answer;
}

/* Appends the command that ends these sessions. */
static void
mend_sessions(doctor *d, doctor_result *r, const cli_answer *answer)
{
	int i;

	doctor_add_psql(d, r);
	doctor_mend(r,
				" -c 'SELECT pg_catalog.pg_terminate_backend(p) FROM "
				"pg_catalog.unnest(ARRAY[");
	for (i = 0; i < cli_answer_rows(answer); i++)
		doctor_mend(
			r, "%s%s", i > 0 ? ", " : "", cli_answer_value(answer, i, 2));
	doctor_mend(r, "]) p'");
}

void
undo_open_sessions(doctor *d, doctor_result *r)
{
	cli_answer *answer = ask_sessions(d, r);
	int rows;

	if (answer == NULL)
		return;
	r->is_left = true;
	rows = cli_answer_rows(answer);
	if (rows == 0)
		doctor_good(r, "none has the module loaded");
	else
	{
		doctor_wrong(r,
					 "%d ha%s the module loaded until %s: ",
					 rows,
					 rows == 1 ? "s" : "ve",
					 rows == 1 ? "it ends" : "they end");
		doctor_add_sessions(&r->found, answer);
		doctor_advise(r,
					  "have these programs connect again, or end their "
					  "sessions, before the library is removed;");
		mend_sessions(d, r, answer);
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

		/*
		 * `cat` reads the data that COPY sends; without a reader the pipe would
		 * break.
		 */
		(void) snprintf(statement,
						sizeof(statement),
						"COPY (SELECT) TO PROGRAM 'cat >/dev/null; kill %s'",
						cli_answer_value(answer, 0, 0));
		doctor_mend_sql(d, r, statement, DOCTOR_END);
	}
	cli_answer_free(answer);
}
