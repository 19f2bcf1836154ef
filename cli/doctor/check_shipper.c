/* SPDX-License-Identifier: Apache-2.0
 *
 * check_shipper.c
 *	  Does the server's shipper run, and does the collector take the points that
 *	  it delivers?
 *
 * The first traced statement starts the shipper; here that is the test statement of the
 * step before. If points wait, any session that loads the library starts the shipper;
 * here that is the session of this command. Only members of pg_read_all_stats can see
 * the shipper; for others the last step shows whether points arrive.
 */
#include "doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector_advice.h"
#include "record/runstat.h"
#include "server/shipper_state.h"

#define LOOK_MS 50   /* between two queries */
#define WAIT_MS 3000 /* for a shipper to start */

/*
 * How long a shipper may deliver nothing while points wait. A collector that
 * does not answer is an error within five seconds.
 */
#define STUCK_MS 6500

#define NOT_PERMITTED "42501"

enum
{
	COLUMN_PID,
	COLUMN_WAITING,
	COLUMN_SPOOL,
	COLUMN_ERROR,
	COLUMN_DONE,
	COLUMN_IS_RECENT,
	COLUMN_DROPPED,
	COLUMN_REFUSED,
	COLUMN_SPOOL_DROPPED,
	COLUMN_LOSS
};

static const char question[] =
	"SELECT shipper_pid, waiting_bytes, spool_points, last_error, "
	"shipped + refused + spooled + spool_dropped, "
	"last_error_time > now() - interval '1 minute', dropped, refused, "
	"spool_dropped, (extract(epoch FROM last_loss_time) * 1000000)::int8 FROM "
	"osprofiler.stat";

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
 * Proposes to set osprofiler.agent to the file of this program, which is also
 * the shipper's program.
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

/* Advises on an error about the shipper's program. False: the error is another one. */
static bool
advise_on_program(doctor_result *r, const char *error)
{
	if (strncmp(error, "cannot run ", 11) == 0)
		doctor_advise(r,
					  "make the program executable for the server's user, or "
					  "name another one in osprofiler.agent; the server tries "
					  "it every 30 seconds");
	else if (strncmp(error, "the agent ", 10) == 0)
		doctor_advise(r,
					  "the server's log says why, in lines with "
					  "'osprofiler agent:'; the server tries it every 30 "
					  "seconds");
	else
		return false;
	return true;
}

/* Proposes a signal for the shipper, which its user and root may send. */
static void
mend_by_signal(const doctor *d, doctor_result *r, const char *signal,
			   const char *pid)
{
	char statement[128];
	char owner[CLI_USER_NAME_MAX];
	uid_t uid;

	if (cli_server_owner(d->server, &uid, owner, sizeof(owner)))
	{
		doctor_mend_as_root_or(d, r, uid);
		doctor_mend(r, "kill %s%s", signal, pid);
		return;
	}

	/* `cat` reads the data that COPY sends. */
	(void) snprintf(statement,
					sizeof(statement),
					"COPY (SELECT) TO PROGRAM 'cat >/dev/null; kill %s%s'",
					signal,
					pid);
	doctor_mend_sql(d, r, statement, DOCTOR_END);
}

/* Advises on the error that another process has the server's spool. False: the error is
 * another one. */
static bool
advise_on_spool(const doctor *d, doctor_result *r, const char *error)
{
	char pid[24];

	if (strstr(error, " uses spool ") == NULL)
		return false;
	if (sscanf(error, "process %23[0-9]", pid) != 1)
		doctor_advise(r,
					  "end the process that uses the spool; the server starts "
					  "a shipper within 30 seconds then");
	else if (strstr(error, " is stopped ") != NULL)
	{
		doctor_advise(r, "have it go on:");
		mend_by_signal(d, r, "-CONT ", pid);
	}
	else
	{
		r->is_left = true;
		doctor_advise(r,
					  "that process is a shipper of before; the server starts "
					  "another one once it has ended, and nothing that waits "
					  "is lost:");
		mend_by_signal(d, r, "", pid);
	}
	return true;
}

static void
advise_correcting(doctor *d, doctor_result *r, const char *error)
{
	doctor_server_collector theirs;

	if (doctor_mend_server_file(d, r, error) ||
		doctor_mend_server_run_directory(d, r, error) ||
		advise_on_program(r, error) || advise_on_spool(d, r, error))
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
	if (cli_collector_is_full(error))
	{
		doctor_advise(r, CLI_FULL_ADVICE);
		return;
	}
	if (cli_collector_failure(error) == CLI_FAILURE_MEMORY)
	{
		doctor_advise(r,
					  "%s: what waits is delivered then",
					  cli_failure_step(CLI_FAILURE_MEMORY));
		if (theirs.shown[0] != '\0')
			doctor_advise(r,
						  " (--connection-string %s names this collector)",
						  theirs.shown);
		return;
	}
	doctor_advise(r,
				  "see osprofiler.connection_string_file and "
				  "osprofiler.connection_string; after a change: SELECT "
				  "pg_catalog.pg_reload_conf()");
}

/* Reports that the program of the shipper is missing. False: it is there. */
static bool
report_missing(doctor *d, doctor_result *r, const char *pid)
{
	char path[PATH_MAX];

	if (!agent_is_missing(d, path, sizeof(path)))
		return false;
	if (pid == NULL)
		doctor_wrong(r, "none is at work: ");
	else
		doctor_wrong(r, "process %s is at work, and the last one: ", pid);
	doctor_wrong(
		r, "there is no program %s, which osprofiler.agent names", path);
	doctor_advise(r,
				  "install it again, the server tries it every 30 seconds; or "
				  "name another one: ");
	mend_agent(d, r);
	return true;
}

static bool
is_waiting(const cli_answer *answer)
{
	return strcmp(cli_answer_value(answer, 0, COLUMN_WAITING), "0") != 0 ||
		   strcmp(cli_answer_value(answer, 0, COLUMN_SPOOL), "0") != 0;
}

static uint64_t
number_at(const cli_answer *answer, int column)
{
	const char *text = cli_answer_value(answer, 0, column);

	return text != NULL ? strtoull(text, NULL, 10) : 0;
}

/* Adds how much waits: ", 300 bytes of them in rings and 12 points in the spool". */
static void
add_waiting(doctor_result *r, const cli_answer *answer)
{
	uint64_t bytes = number_at(answer, COLUMN_WAITING);
	uint64_t points = number_at(answer, COLUMN_SPOOL);

	if (bytes > 0)
		doctor_wrong(r,
					 ", %llu bytes of them%s",
					 (unsigned long long) bytes,
					 points > 0 ? " in rings" : "");
	if (points > 0)
		doctor_wrong(r,
					 "%s%llu point%s in the spool",
					 bytes > 0 ? " and " : ", ",
					 (unsigned long long) points,
					 points == 1 ? "" : "s");
}

/* Adds how many points are lost since the server was started. */
static void
add_lost(doctor_result *r, const cli_answer *answer)
{
	osp_run_totals totals;

	memset(&totals, 0, sizeof(totals));
	totals.dropped = number_at(answer, COLUMN_DROPPED);
	totals.stat.refused = number_at(answer, COLUMN_REFUSED);
	totals.stat.spool_dropped = number_at(answer, COLUMN_SPOOL_DROPPED);
	totals.last_loss_wall_ns = (int64_t) number_at(answer, COLUMN_LOSS) * 1000;
	doctor_add_lost(r, &totals);
}

/* Reports that no shipper is at work. */
static void
report_absence(doctor *d, doctor_result *r, const cli_answer *answer)
{
	const char *error = cli_answer_value(answer, 0, COLUMN_ERROR);

	if (report_missing(d, r, NULL))
		return;
	if (d->samples_only && !is_waiting(answer))
	{
		doctor_skip(r, "none is at work yet; the first sample starts it");
		return;
	}
	doctor_wrong(r, "none is at work, so operations wait in the server");
	add_waiting(r, answer);
	if (error != NULL)
		doctor_wrong(r, ": %s", error);
	if (error != NULL)
	{
		advise_correcting(d, r, error);
		return;
	}
	doctor_advise(r,
				  "the server's log says why, in a line that begins with "
				  "'osprofiler:' or 'osprofiler agent:'; it takes one of "
				  "max_worker_processes. Once that is mended, the next traced "
				  "statement starts one, or, if operations wait, the next "
				  "session that loads the library does within a minute");
}

/*
 * Reports that the shipper is stopped, or that it has delivered nothing while
 * points waited. False: neither.
 */
static bool
report_stuck(doctor *d, doctor_result *r, const cli_answer *answer,
			 bool is_stuck)
{
	const char *pid = cli_answer_value(answer, 0, COLUMN_PID);
	const char *bytes = cli_answer_value(answer, 0, COLUMN_WAITING);
	const char *error = cli_answer_value(answer, 0, COLUMN_ERROR);
	const char *recent = cli_answer_value(answer, 0, COLUMN_IS_RECENT);
	char state = cli_server_shipper_state(d->server, strtol(pid, NULL, 10));

	if (state == CLI_STATE_STOPPED)
	{
		doctor_wrong(r,
					 "process %s is stopped (state T), so it delivers nothing, "
					 "and %s bytes wait",
					 pid,
					 bytes);
		doctor_advise(r, "have it go on:");
		mend_by_signal(d, r, "-CONT ", pid);
	}
	else if (is_stuck && recent != NULL && strcmp(recent, "t") == 0)
	{
		doctor_wrong(r,
					 "process %s delivers nothing, and %s bytes wait: %s",
					 pid,
					 bytes,
					 error);
		advise_correcting(d, r, error);
	}
	else if (is_stuck)
	{
		doctor_wrong(r, "process %s", pid);
		if (state != '\0')
			doctor_wrong(r, " (state %c)", state);
		doctor_wrong(r, " delivers nothing, and %s bytes wait", bytes);
		r->is_left = true;
		doctor_advise(r,
					  "see what it waits for: state D is a disk or a file "
					  "system that does not answer, t a debugger; the server's "
					  "log may have a line that begins with 'osprofiler:' or "
					  "'osprofiler agent:'. The "
					  "server starts another shipper once this one has ended, "
					  "and nothing that waits is lost:");
		mend_by_signal(d, r, "", pid);
	}
	return r->verdict == DOCTOR_WRONG;
}

static void
report_state(doctor *d, doctor_result *r, const cli_answer *answer,
			 bool is_stuck)
{
	const char *pid = cli_answer_value(answer, 0, COLUMN_PID);
	const char *spool = cli_answer_value(answer, 0, COLUMN_SPOOL);
	const char *bytes = cli_answer_value(answer, 0, COLUMN_WAITING);
	const char *error = cli_answer_value(answer, 0, COLUMN_ERROR);

	if (pid == NULL)
		report_absence(d, r, answer);
	else if (report_stuck(d, r, answer, is_stuck))
		return;
	else if (strcmp(spool, "0") != 0)
	{
		doctor_wrong(r,
					 "the server's collector does not take what is delivered, "
					 "%s points wait in the spool",
					 spool);
		if (strcmp(bytes, "0") != 0)
			doctor_wrong(r, " and %s bytes of others in rings", bytes);
		doctor_wrong(r, ": %s", error != NULL ? error : "");
		advise_correcting(d, r, error != NULL ? error : "");
	}
	else if (!report_missing(d, r, pid) && !report_replaced(d, r, pid))
		doctor_good(r, "at work, process %s", pid);
}

/* Do points wait in the rings, while nothing says that they cannot be delivered? */
static bool
is_under_way(const doctor *d, const cli_answer *answer)
{
	bool in_rings =
		strcmp(cli_answer_value(answer, 0, COLUMN_WAITING), "0") != 0;

	if (cli_answer_value(answer, 0, COLUMN_PID) == NULL)
		return is_waiting(answer) || !d->samples_only;
	return in_rings &&
		   strcmp(cli_answer_value(answer, 0, COLUMN_SPOOL), "0") == 0;
}

/*
 * Asks for the counters until nothing is under way, or long enough. *is_stuck:
 * a shipper was at work at the end, and has delivered nothing in that time.
 */
static cli_answer *
wait_for_shipper(doctor *d, bool *is_stuck, osp_error *err)
{
	cli_answer *answer = NULL;
	char done[32] = "";
	int waited;

	*is_stuck = true;
	for (waited = 0;; waited += LOOK_MS)
	{
		if (cli_server_ask(d->server, question, 0, NULL, &answer, err) !=
			OSP_OK)
			return NULL;
		if (waited == 0)
			(void) snprintf(done,
							sizeof(done),
							"%s",
							cli_answer_value(answer, 0, COLUMN_DONE));
		*is_stuck = *is_stuck && is_under_way(d, answer) &&
					strcmp(cli_answer_value(answer, 0, COLUMN_DONE), done) == 0;
		if (!is_under_way(d, answer) || (d->samples_only && !*is_stuck))
			return answer;
		if (waited >= (*is_stuck ? STUCK_MS : WAIT_MS) ||
			(waited >= WAIT_MS &&
			 cli_answer_value(answer, 0, COLUMN_PID) == NULL))
			return answer;
		cli_answer_free(answer);
		(void) usleep(LOOK_MS * 1000);
	}
}

void
check_shipper(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	bool is_stuck = false;
	cli_answer *answer = wait_for_shipper(d, &is_stuck, &err);

	if (answer != NULL)
	{
		report_state(d, r, answer, is_stuck);
		add_lost(r, answer);
	}
	else if (strcmp(cli_server_sqlstate(d->server), NOT_PERMITTED) == 0)
	{
		doctor_skip(r, "only members of pg_read_all_stats see it");
		r->is_hidden = d->samples_only;
	}
	else
	{
		doctor_wrong(r, "%s", err.msg);
		if (!doctor_mend_server_run_directory(d, r, err.msg))
			doctor_advise(r, "see what the server's log says of osprofiler");
	}
	cli_answer_free(answer);
}
