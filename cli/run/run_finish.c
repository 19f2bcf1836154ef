/* SPDX-License-Identifier: Apache-2.0
 *
 * run_finish.c
 *	  The end of `osprofiler run`: the last delivery, and the report.
 */
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "as_user.h"
#include "cli.h"
#include "collector_advice.h"
#include "collector_options.h"
#include "noted/run_history.h"
#include "osprofiler/driver.h"
#include "record/clock.h"
#include "run/former_runs.h"
#include "shell_text.h"

/* How long the last delivery may take, and how often signals are read meanwhile. */
#define END_TIMEOUT_MS 10000
#define END_SLICE_MS   100

/*
 * How long this run may be delayed by the collector of a former one that does
 * not answer.
 */
#define FORMER_MS 1000

/* Delivers the rest, unless the collector takes too long or the user interrupts. */
static bool
deliver_rest(run_state *run)
{
	int slices;

	for (slices = END_TIMEOUT_MS / END_SLICE_MS; slices > 0; slices--)
	{
		(void) osp_shipper_flush(run->shipper, END_SLICE_MS);
		if (osp_shipper_is_empty(run->shipper))
			return true;
		if (run_interrupted(&run->child))
			return false;
	}
	return false;
}

/* Reads what the run directory has counted. False: it cannot be read. */
static bool
read_totals(const run_state *run, osp_run_totals *totals)
{
	osp_status status;
	int fd;

	memset(totals, 0, sizeof(*totals));
	if (osp_rundir_open(run->run_directory, false, &fd, NULL) != OSP_OK)
		return false;
	status = osp_run_totals_read(fd, totals, NULL);
	(void) close(fd);
	return status == OSP_OK;
}

/*
 * Writes what the user has to type before a command to execute it as this user,
 * if this one was called by sudo, su or runuser: "sudo -u postgres ", or
 * nothing.
 */
static void
write_as_user(char out[CLI_AS_USER_MAX])
{
	cli_as_user_words(cli_typist(), geteuid(), out);
}

/*
 * Does a later delivery need an option for the collector? It does if the
 * password, which is not stored, is in no setting: it came from an option, or
 * sudo would not pass the variable on.
 */
static bool
lacks_password(const run_state *run, const char *as_user)
{
	const run_args *args = run->args;

	return run_collector_is_locked(run->collector) &&
		   (args->connection_string != NULL || args->transport_url != NULL ||
			(as_user[0] != '\0' &&
			 (getenv("OSPROFILER_CONNECTION_STRING") != NULL ||
			  getenv("OSPROFILER_TRANSPORT_URL") != NULL)));
}

static void
print_undelivered(const run_state *run, const osp_run_totals *totals)
{
	const char *reason =
		cli_collector_reason(run->address, totals->stat.last_error);
	char as_user[CLI_AS_USER_MAX];
	char durable[CLI_DURABLE_MAX];
	osp_buf directory;

	write_as_user(as_user);
	(void) cli_error(
		"not everything was delivered to %s%s%s%s%s; the next "
		"'osprofiler run'%s delivers the rest; to deliver it "
		"earlier, run: %sosprofiler agent --run-directory %s "
		"--once%s",
		run->address,
		reason[0] != '\0' ? " (" : "",
		reason,
		run->args->connection_string == NULL
			? cli_durable_advice(reason, durable)
			: "",
		reason[0] != '\0' ? ")" : "",
		run_collector_is_locked(run->collector) ? " to this collector" : "",
		as_user,
		cli_quoted(&directory, run->run_directory),
		lacks_password(run, as_user)
			? " --connection-string URI (the URI with its "
			  "password, which is not stored)"
			: "");
	osp_buf_term(&directory);
}

static bool
can_be_read(const run_state *run)
{
	const osp_driver *driver;

	return osp_driver_find(osp_str_of(run->collector), &driver, NULL) !=
			   OSP_OK ||
		   (driver->flags & OSP_DRIVER_CAN_READ) != 0;
}

/*
 * Appends the trace's id as OpenTelemetry writes it, for a search in another
 * program.
 */
static void
add_other_place(osp_buf *text, const char *base_id)
{
	osp_buf_add_str(text,
					OSP_STR("The collector cannot be read back. Search what "
							"stands behind it for trace "));
	for (; *base_id != '\0'; base_id++)
		if (*base_id != '-')
			osp_buf_add_char(text, *base_id);
	osp_buf_add_char(text, '\n');
}

/*
 * Appends the option that names the collector. If the address is not shown in
 * full, since it has a password or is too long, the user has to insert it.
 */
static void
add_collector(osp_buf *text, const run_state *run)
{
	osp_buf_add_str(text, OSP_STR("--connection-string "));
	if (strcmp(run->address, run->collector) == 0)
		cli_add_quoted(text, osp_str_of(run->address));
	else
		osp_buf_add_str(text, OSP_STR("URI"));
	osp_buf_add_char(text, ' ');
}

/* Is the collector a file, which others than its user cannot read? */
static bool
is_own_file(const run_state *run)
{
	return strncmp(run->collector, "sqlite:", 7) == 0 ||
		   strncmp(run->collector, "file:", 5) == 0;
}

static void
add_show_command(osp_buf *text, const run_state *run)
{
	const run_args *args = run->args;
	char as_user[CLI_AS_USER_MAX] = "";

	if (is_own_file(run))
		write_as_user(as_user);
	osp_buf_addf(text, "%sosprofiler trace show ", as_user);

	/* A variable that sudo passed on this time may be missing the next time. */
	if (args->connection_string != NULL || run->absolute[0] != '\0' ||
		(as_user[0] != '\0' && getenv("OSPROFILER_CONNECTION_STRING") != NULL))
		add_collector(text, run);
	osp_buf_addf(text, "%s\n", run->base_id);
}

/* Prints how to see the trace, now or when the rest of it has been delivered. */
static void
print_trace_id(const run_state *run, bool is_stored)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	osp_buf_addf(&text, "Trace ID: %s\n", run->base_id);
	if (can_be_read(run))
	{
		osp_buf_addf(&text,
					 "Display trace%s with command: ",
					 is_stored ? "" : " once it is delivered,");
		add_show_command(&text, run);
	}
	else
		add_other_place(&text, run->base_id);
	if (osp_buf_status(&text) == OSP_OK &&
		write(STDERR_FILENO, text.ptr, text.len) < 0)
		errno = 0;
	osp_buf_term(&text);
}

/* Reports why there is no trace. */
static void
print_absence(const run_state *run, const osp_run_totals *totals)
{
	const char *misplaced = run->args->misplaced;
	int status = run->child.status;

	cli_run_history_add(
		&run->config, run->collector, NULL, "no operation was seen");
	if (totals->stat.untraced > 0)
		(void) cli_error(
			"the command was not traced: there was no room for its points in "
			"%.*s (a full file system, or a limit of file sizes, ulimit -f)",
			(int) (strrchr(run->run_directory, '/') - run->run_directory),
			run->run_directory);
	else if (WIFSIGNALED(status))
		(void) cli_error("no operation was seen before the command was ended "
						 "by signal %d, so there is no trace",
						 WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		(void) cli_error("no operation was seen before the command ended with "
						 "exit status %d, so there is no trace%s%s%s",
						 WEXITSTATUS(status),
						 misplaced != NULL ? " ('" : "",
						 misplaced != NULL ? misplaced : "",
						 misplaced != NULL
							 ? "' went to the command; options of 'osprofiler "
							   "run' stand before it)"
							 : "");
	else
		(void) cli_error(
			"no operation was seen, so there is no trace. Programs that are "
			"statically linked, set-uid, run as another user (sudo, su) or "
			"without this environment, bring their own libpq or SQLite, or use "
			"another driver cannot be traced this way; a command that uses no "
			"database has no operations");
}

static void
print_no_key(const run_state *run)
{
	char conninfo[1024];
	osp_buf word;

	run_seen_conninfo(&run->follow.seen, conninfo, sizeof(conninfo));
	if (conninfo[0] == '\0')
		(void) snprintf(
			conninfo, sizeof(conninfo), "host=... port=... dbname=...");
	(void) cli_error("no HMAC key is configured, so the trace has no "
					 "operations of a server; this makes one that the server "
					 "knows: osprofiler doctor --fix %s",
					 cli_quoted(&word, conninfo));
	osp_buf_term(&word);
}

/* Reports and notes the result of a run with operations. */
static void
finish_trace(run_state *run, const osp_run_totals *totals, bool delivered,
			 int64_t ended_ns)
{
	const osp_runstat *stat = &totals->stat;
	bool lost = totals->dropped + stat->refused + stat->spool_dropped > 0;
	bool nothing_left = delivered && lost && stat->shipped == 0;

	if (run->random_key && run->follow.saw_libpq)
		print_no_key(run);
	run_report_losses(run, totals);
	run_summarize(run, totals);
	if (nothing_left)
	{
		cli_run_history_add(&run->config,
							run->collector,
							NULL,
							"none of its points reached the collector");
		(void) cli_error("there is no trace: none of its points reached %s",
						 run->address);
		return;
	}
	cli_run_history_add(&run->config,
						run->collector,
						run->base_id,
						delivered ? "" : "not everything was delivered");
	run_note_outside(run, stat->untraced, ended_ns);
	if (!run->args->quiet)
		print_trace_id(run, delivered || stat->shipped > 0);
}

/*
 * Reports the first run directory that names another collector than the settings: no
 * run delivers its points while that collector does not take them.
 */
static void
report_elsewhere(const run_state *run, const char *parent)
{
	former_runs former;
	osp_buf text;
	size_t i = 0;

	if (run->args->quiet || run->args->connection_string != NULL ||
		run->args->transport_url != NULL)
		return;
	osp_buf_init(&text, &osp_allocator_default, 64 * 1024);
	former_runs_find(&former, parent, osp_str_of(run->collector));
	while (i < former.count && !former.runs[i].is_elsewhere)
		i++;
	if (i < former.count)
	{
		former_run_add_words(&text, &former.runs[i]);
		osp_buf_add_str(&text, OSP_STR("; "));
		former_run_add_advice(&text, &former.runs[i]);
	}
	if (text.len > 0 && osp_buf_status(&text) == OSP_OK)
		(void) cli_error("%s", text.ptr);
	former_runs_term(&former);
	osp_buf_term(&text);
}

/*
 * Delivers points of former runs, whose directories lie beside that of this run. If this
 * run has a trace, it also reports those that have to be delivered by hand.
 */
static void
deliver_others(const run_state *run, bool has_trace)
{
	const char *slash = strrchr(run->run_directory, '/');
	char parent[OSP_RUNDIR_PATH_MAX];

	(void) snprintf(parent,
					sizeof(parent),
					"%.*s",
					(int) (slash - run->run_directory),
					run->run_directory);
	(void) run_orphans_deliver(
		parent, run->run_directory, osp_str_of(run->collector), FORMER_MS);
	if (has_trace)
		report_elsewhere(run, parent);
}

void
run_finish(run_state *run)
{
	int64_t ended_ns = osp_mono_now();
	bool delivered = deliver_rest(run);
	osp_run_totals totals;
	bool seen = !read_totals(run, &totals) || run->follow.saw_any ||
				totals.written > 0 || totals.dropped > 0;

	osp_shipper_close(run->shipper);
	if (!delivered)
		print_undelivered(run, &totals);
	if (seen)
		finish_trace(run, &totals, delivered, ended_ns);
	else
		print_absence(run, &totals);
	if (!delivered)
		return;
	deliver_others(run, seen);

	/*
	 * This comes last: until this process ends, programs of the command may
	 * make the directory anew.
	 */
	run_dir_remove(run->run_directory);
}
