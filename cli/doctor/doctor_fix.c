/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_fix.c
 *	  osprofiler doctor --fix: executes the command lines that the checks
 *	  propose.
 *
 * A step may be wrong in several ways, which show one after another. So it is
 * tried again until no new command line is proposed. A command line that only
 * changes the environment of the shell that executes it is left to the user.
 */
#include "doctor/doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

/* How many command lines one step may need. No check needs as many. */
#define COMMANDS_MAX 4

/*
 * A server reads its settings only a moment after it was asked to. So a step
 * that failed is tried again every LOOK_MS, for at most WAIT_MS.
 */
#define LOOK_MS 100
#define WAIT_MS 2000

static bool
is_for_shell(const char *command)
{
	return strncmp(command, "export ", 7) == 0 ||
		   strncmp(command, "unset ", 6) == 0;
}

/*
 * Ends this process if a terminal's key (Ctrl-C) ended the command. The signal
 * goes to all processes of the job, but system() makes this one ignore it.
 */
static void
end_by_key(int status)
{
	if (WIFSIGNALED(status) &&
		(WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGQUIT))
		(void) raise(WTERMSIG(status));
}

static void
report_failure(int status)
{
	if (status == -1)
		(void) cli_error("this command cannot be executed: %s",
						 strerror(errno));
	else if (WIFSIGNALED(status))
		(void) cli_error("this command was ended by signal %d",
						 WTERMSIG(status));
	else
		(void) cli_error("this command failed, exit status %d",
						 WEXITSTATUS(status));
}

/* May every user enter the current working directory? */
static bool
is_open_directory(void)
{
	char path[PATH_MAX];
	struct stat st;
	char *slash;

	if (getcwd(path, sizeof(path)) == NULL)
		return false;
	for (;;)
	{
		if (stat(path[0] != '\0' ? path : "/", &st) != 0 ||
			(st.st_mode & S_IXOTH) == 0)
			return false;
		slash = strrchr(path, '/');
		if (slash == NULL)
			return true;
		*slash = '\0';
	}
}

/*
 * A prefix that changes the directory, for a command line of another user who
 * must not enter this one: psql would complain. The paths of such a line are
 * absolute.
 */
static const char *
directory_of(const char *command)
{
	return strstr(command, " -u ") != NULL && !is_open_directory() ? "cd /; "
																   : "";
}

/*
 * Executes a command line; its output goes to stderr, since stdout is for the
 * report. False after a message.
 */
static bool
execute(const char *command)
{
	osp_buf line;
	int status = -1;
	cli_user acting;
	bool is_acting = geteuid() != 0 && cli_may_act_as_others() &&
					 cli_user_numbered(geteuid(), &acting);

	(void) fprintf(stderr, "$ %s\n", command);
	osp_buf_init(&line, &osp_allocator_default, 64 * 1024);
	osp_buf_addf(&line, "{ %s%s\n} >&2", directory_of(command), command);
	errno = ENOMEM;
	if (is_acting)
		cli_act_as_root();
	if (osp_buf_status(&line) == OSP_OK)
		status = system(line.ptr);
	if (is_acting && !cli_act_as(&acting))
		abort();
	if (status != 0)
	{
		end_by_key(status);
		report_failure(status);
	}
	osp_buf_term(&line);
	return status == 0;
}

static void
try_step(doctor *d, doctor_step step)
{
	doctor_result *r = &d->results[step];

	r->verdict = DOCTOR_NOT_ASKED;
	osp_buf_reset(&r->found);
	osp_buf_reset(&r->advice);
	osp_buf_reset(&r->mend);
	r->is_left = false;
	r->is_roots = false;
	r->is_nested = false;
	r->concerns_others = false;
	r->is_hidden = false;
	doctor_check_step(d, step);
}

/*
 * Opens a new session, since a session loads libraries and reads settings when
 * it begins.
 */
static void
reconnect(doctor *d)
{
	cli_server_close(d->server);
	d->server = NULL;
	try_step(d, STEP_SERVER);
}

/* Does the step have to be tried again in a new session? */
static bool
needs_session(doctor_step step)
{
	return step >= STEP_MODULE && step != STEP_PROGRAM;
}

/*
 * Prints a heading for the report of the nested call. Since there are two
 * reports, each has one.
 */
static void
announce_nested(doctor *d)
{
	char owner[CLI_USER_NAME_MAX];
	uid_t uid;

	d->has_nested = true;
	if (cli_server_owner(d->server, &uid, owner, sizeof(owner)))
		(void) fprintf(stderr, DOCTOR_HEADING, owner, ", the server's user");
}

/*
 * Executes a command line of the step. The session of this process is closed
 * meanwhile, since a command that looks for sessions with the library would
 * find it.
 */
static bool
execute_mend(doctor *d, doctor_step step, const char *command)
{
	bool done;

	if (d->results[step].is_nested)
		announce_nested(d);
	if (needs_session(step))
	{
		cli_server_close(d->server);
		d->server = NULL;
	}
	done = execute(command);
	if (!done && needs_session(step))
		reconnect(d);
	return done;
}

/*
 * Reports that the nested call, as the server's user, has already printed what
 * is wrong. It would not help to repeat that call.
 */
static void
report_nested_failure(doctor_result *r)
{
	osp_buf_reset(&r->found);
	osp_buf_reset(&r->advice);
	osp_buf_reset(&r->mend);
	doctor_wrong(r,
				 "the report of the server's user, above, says what is wrong");
	doctor_advise(r, "what it says, then call this again");
}

/*
 * Tries the step again after it was corrected, and renews what it depends on.
 * False: the server can no longer be reached.
 */
static bool
try_again(doctor *d, doctor_step step)
{
	if (needs_session(step))
	{
		reconnect(d);
		if (d->server == NULL)
			return false;
	}
	if (step == STEP_SHIPPER || step == STEP_ARRIVAL)
	{
		doctor_new_ids(d);
		try_step(d, STEP_SERVER_KEY);
	}
	try_step(d, step);
	return true;
}

void
doctor_fix(doctor *d, doctor_step step)
{
	doctor_result *r = &d->results[step];
	char done[16 * 1024] = "";
	unsigned commands;

	for (commands = 0; commands < COMMANDS_MAX; commands++)
	{
		int waited = 0;
		bool is_nested = r->is_nested;

		if (r->verdict != DOCTOR_WRONG || r->is_left || r->mend.len == 0 ||
			r->mend.len >= sizeof(done) || is_for_shell(r->mend.ptr))
			return;
		memcpy(done, r->mend.ptr, r->mend.len + 1);
		if (!execute_mend(d, step, done))
		{
			if (is_nested)
				report_nested_failure(r);
			return;
		}
		d->undone = d->undone || (d->unfix && is_nested);
		while (try_again(d, step) && r->verdict == DOCTOR_WRONG &&
			   strcmp(r->mend.ptr, done) == 0 && waited < WAIT_MS)
		{
			(void) usleep(LOOK_MS * 1000);
			waited += LOOK_MS;
		}
		if (r->mend.len > 0 && strcmp(r->mend.ptr, done) == 0)
			return;
	}
}
