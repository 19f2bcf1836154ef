/* SPDX-License-Identifier: Apache-2.0
 *
 * check_shipper.c
 *	  Does the server's shipper run, and does the collector take the points that
 *	  it delivers?
 *
 * The first traced statement starts the shipper; here that is the test
 * statement of the step before. Only members of pg_read_all_stats can see the
 * shipper; for others the last step shows whether points arrive.
 */
#include "doctor/doctor.h"

#include <stdio.h>
#include <unistd.h>

#define LOOK_MS 50
#define WAIT_MS 3000

#define NOT_PERMITTED "42501"

enum
{
	COLUMN_PID,
	COLUMN_WAITING,
	COLUMN_SPOOL,
	COLUMN_ERROR
};

static const char question[] =
	"SELECT shipper_pid, waiting_bytes, spool_points, last_error "
	"FROM osprofiler.stat";

/*
 * Is the program that osprofiler.agent names missing? Only a superuser gets an
 * answer.
 */
static bool
agent_is_missing(doctor *d, char *path, size_t size)
{
	cli_answer *answer = NULL;
	bool missing = false;

	path[0] = '\0';
	if (cli_server_ask(
			d->server,
			"SELECT pg_catalog.pg_stat_file(a, true) IS NULL, a FROM "
			"pg_catalog.current_setting('osprofiler.agent') a",
			0,
			NULL,
			&answer,
			NULL) != OSP_OK)
		return false;
	missing = strcmp(cli_answer_value(answer, 0, 0), "t") == 0;
	(void) snprintf(path, size, "%s", cli_answer_value(answer, 0, 1));
	cli_answer_free(answer);
	return missing;
}

/*
 * Proposes to set osprofiler.agent to the program of this command, which is the
 * shipper's.
 */
static void
mend_agent(const doctor *d, doctor_result *r)
{
	char own[PATH_MAX];
	char statement[PATH_MAX + 64];

	if (!doctor_own_path(own) || strchr(own, '\'') != NULL)
		return;
	(void) snprintf(statement,
					sizeof(statement),
					"ALTER SYSTEM SET osprofiler.agent = '%s'",
					own);
	doctor_advise(r, "if the server runs on this machine, ");
	doctor_mend_sql(
		d, r, statement, "SELECT pg_catalog.pg_reload_conf()", DOCTOR_END);
}

#define MAPS_OF(pid)                                                        \
	"pg_catalog.encode(pg_catalog.pg_read_binary_file('/proc/' || " pid " " \
	"|| '/maps', 0, 10000000, true), 'escape')"
#define MAPS_REPLACED " ~ 'r-xp [^\\n]*osprofiler[^\\n]* [(]deleted[)]'"

/*
 * Asks whether the agent or its parent, the worker, uses a program or library
 * of ours whose file has been replaced. Only superusers may ask.
 */
static const char question_replaced[] =
	"SELECT " MAPS_OF("$1") MAPS_REPLACED " OR " MAPS_OF(
		"pg_catalog.split_part(pg_catalog.regexp_replace(pg_catalog.encode("
		"pg_catalog.pg_read_binary_file('/proc/' || $1 || '/stat', 0, 1000, "
		"true), 'escape'), '^.*[)] ', ''), ' ', "
		"2)") MAPS_REPLACED
	", COALESCE(pg_catalog.current_setting("
	"'shared_preload_libraries') ~ 'osprofiler', false)";

/*
 * Reports that an upgrade has replaced the library or the program, while the
 * old version is still running.
 */
static bool
report_replaced(doctor *d, doctor_result *r, const char *pid)
{
	cli_answer *answer = NULL;
	const char *replaced = NULL;
	bool found;

	if (cli_server_is_superuser(d->server) &&
		cli_server_ask(d->server, question_replaced, 1, &pid, &answer, NULL) ==
			OSP_OK)
		replaced = cli_answer_value(answer, 0, 0);
	found = replaced != NULL && strcmp(replaced, "t") == 0;
	if (found)
	{
		doctor_wrong(r,
					 "at work, process %s, but with the files from before an "
					 "upgrade",
					 pid);
		if (strcmp(cli_answer_value(answer, 0, 1), "t") == 0)
			doctor_advise(r,
						  "restart the server, which has the library in "
						  "shared_preload_libraries");
		else
		{
			doctor_advise(r,
						  "the new ones take over within some ten seconds; "
						  "to have that at once, ");
			doctor_mend_sql(
				d, r, "SELECT pg_catalog.pg_reload_conf()", DOCTOR_END);
		}
	}
	cli_answer_free(answer);
	return found;
}

/*
 * Does the shipper's error say that the collector cannot be reached? The words
 * are those of drivers and of the system.
 */
static bool
is_down(const char *error)
{
	static const char *const words[] = {"refused",
										"connect to",
										"No route to host",
										"No suitable servers",
										"timed out",
										"unreachable"};
	size_t i = 0;

	while (i < sizeof(words) / sizeof(words[0]) &&
		   strstr(error, words[i]) == NULL)
		i++;
	return i < sizeof(words) / sizeof(words[0]);
}

static void
advise_correcting(doctor *d, doctor_result *r, const char *error)
{
	doctor_server_collector theirs;

	if (doctor_mend_collector_file(d, r, error))
		return;
	doctor_find_server_collector(d, &theirs);
	if (doctor_moves_collector(d) &&
		strcmp(theirs.uri, d->config.connection_string) != 0)
	{
		doctor_mend_collector(d, r);
		return;
	}
	if (theirs.is_named && is_down(error))
		doctor_advise(r,
					  "start the server's collector%s%s: what waits is "
					  "delivered then; if it shall be another one, ",
					  theirs.shown[0] != '\0' ? ", " : "",
					  theirs.shown);
	doctor_advise(r,
				  "see osprofiler.connection_string_file and "
				  "osprofiler.connection_string; after a change: SELECT "
				  "pg_catalog.pg_reload_conf()");
}

/* Reports that no shipper is at work; error may be NULL. */
static void
report_absence(doctor *d, doctor_result *r, const char *error)
{
	char path[PATH_MAX];

	if (d->samples_only && error == NULL)
	{
		doctor_skip(r, "none is at work yet; the first sample starts it");
		return;
	}
	if (agent_is_missing(d, path, sizeof(path)))
	{
		doctor_wrong(r,
					 "none is at work: there is no program %s, which "
					 "osprofiler.agent names",
					 path);
		mend_agent(d, r);
		return;
	}
	doctor_wrong(r,
				 "none is at work, so operations wait in the server%s%s",
				 error != NULL ? ": " : "",
				 error != NULL ? error : "");
	if (error != NULL)
	{
		advise_correcting(d, r, error);
		return;
	}
	doctor_advise(r,
				  "the server's log says why, in a line that begins with "
				  "'osprofiler:'; it takes one of max_worker_processes");
}

static void
report_state(doctor *d, doctor_result *r, const cli_answer *answer)
{
	const char *spool = cli_answer_value(answer, 0, COLUMN_SPOOL);
	const char *error = cli_answer_value(answer, 0, COLUMN_ERROR);

	if (cli_answer_value(answer, 0, COLUMN_PID) == NULL)
		report_absence(d, r, error);
	else if (strcmp(spool, "0") != 0)
	{
		doctor_wrong(r,
					 "the server's collector does not take what is delivered, "
					 "%s points wait: %s",
					 spool,
					 error != NULL ? error : "");
		advise_correcting(d, r, error != NULL ? error : "");
	}
	else if (!report_replaced(d, r, cli_answer_value(answer, 0, COLUMN_PID)))
		doctor_good(
			r, "at work, process %s", cli_answer_value(answer, 0, COLUMN_PID));
}

/* Do points wait for a shipper, or is one perhaps about to start? */
static bool
is_under_way(const cli_answer *answer)
{
	return cli_answer_value(answer, 0, COLUMN_PID) == NULL ||
		   (strcmp(cli_answer_value(answer, 0, COLUMN_WAITING), "0") != 0 &&
			strcmp(cli_answer_value(answer, 0, COLUMN_SPOOL), "0") == 0);
}

void
check_shipper(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;
	int waited;

	for (waited = 0;; waited += LOOK_MS)
	{
		if (cli_server_ask(d->server, question, 0, NULL, &answer, &err) !=
			OSP_OK)
			break;
		if (d->samples_only || !is_under_way(answer) || waited >= WAIT_MS)
			break;
		cli_answer_free(answer);
		(void) usleep(LOOK_MS * 1000);
	}
	if (answer != NULL)
		report_state(d, r, answer);
	else if (strcmp(cli_server_sqlstate(d->server), NOT_PERMITTED) == 0)
		doctor_skip(r, "only members of pg_read_all_stats see it");
	else
		doctor_wrong(r, "%s", err.msg);
	cli_answer_free(answer);
}
