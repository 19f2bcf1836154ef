/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_argument.c
 *	  Finds the trace that is the argument of a command.
 */
#include "trace/trace_argument.h"
#include "cli.h"
#include "shell_text.h"
#include "shipper_advice.h"
#include "time_argument.h"
#include "trace/absent_trace.h"
#include "trace/show_command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "osprofiler/saved.h"
#include "record/rundir.h"

/* The largest file that is read as a saved trace. */
#define SAVED_MAX  ((size_t) 4 * 1024 * 1024 * 1024 - 1)
#define READ_CHUNK ((size_t) 256 * 1024)

/*
 * Waits, in ms: before the first reading; before a message says why; for other
 * users' shippers, and between two readings while they deliver.
 */
#define SHORT_MS  100
#define QUIET_MS  500
#define OTHERS_MS 2000
#define RETRY_MS  100

/*
 * How long after the latest point a whole trace is delivered, if the shipper of
 * the user who recorded it is at work.
 */
#define YOUNG_MS 1200

#define WHY_SIZE 512

#define WAIT_DEFAULT_S 5
#define WAIT_MAX_S     3600
#define IDLE_MAX_S     3600

void
cli_source_init(cli_source *source)
{
	memset(source, 0, sizeof(*source));
	cli_collector_init(&source->collector);
	osp_buf_init(&source->show_command, &osp_allocator_default, 0);
	source->wait_s = WAIT_DEFAULT_S;
}

void
cli_source_term(cli_source *source)
{
	cli_collector_close(&source->collector);
	cli_others_term(&source->others);
	cli_run_dirs_term(&source->dirs);
	osp_buf_term(&source->show_command);
}

void
cli_source_bound(cli_source *source, bool (*interrupted)(void *ctx),
				 unsigned deadline_ms)
{
	source->collector.interrupted = interrupted;
	source->collector.deadline_ms = deadline_ms;
	cli_others_bound(&source->others, interrupted, deadline_ms);
}

static bool
add_run_directory(cli_source *source, const char *path)
{
	if (source->more_dir_count == CLI_OTHERS_MAX)
	{
		cli_usage("--run-directory is given more than %d times",
				  CLI_OTHERS_MAX);
		return false;
	}
	source->more_dirs[source->more_dir_count++] = path;
	return true;
}

bool
cli_source_option(cli_source *source, int code, const char *value)
{
	if (code == CLI_OPT_WAIT)
		return cli_duration("--wait", value, WAIT_MAX_S, &source->wait_s);
	if (code == CLI_OPT_IDLE_TIMEOUT)
		return cli_duration("--idle-timeout",
							value,
							IDLE_MAX_S,
							&source->collector.idle_timeout_s);
	if (code == CLI_OPT_SERVER)
		return cli_others_add_server(&source->others, value);
	if (code == CLI_OPT_RUN_DIRECTORY)
		return add_run_directory(source, value);
	if (code == CLI_OPT_CONNECTION_STRING &&
		source->collector.connection_string != NULL)
		return cli_others_add_collector(&source->others, value);
	if (code != CLI_OPT_NO_WAIT)
		return cli_collector_option(&source->collector, code, value);
	source->wait_s = 0;
	return true;
}

/*
 * An id of 32 hex digits, with or without dashes, is what upstream accepts for
 * a trace.
 */
bool
cli_is_uuid_like(osp_str name)
{
	size_t digits = 0;
	size_t i;

	for (i = 0; i < name.len; i++)
	{
		if (isxdigit((unsigned char) name.ptr[i]))
			digits++;
		else if (name.ptr[i] != '-')
			return false;
	}
	return digits == 32;
}

/*
 * Adds a point to the report ctx. The report counts malformed points; only a
 * lack of memory ends the reading.
 */
static osp_status
add_point(void *ctx, osp_str json)
{
	osp_status status = osp_report_add(ctx, json, NULL);

	return status == OSP_EPROTO ? OSP_OK : status;
}

/* Reads all of fd; false with errno. */
static bool
read_whole(int fd, osp_buf *text)
{
	for (;;)
	{
		ssize_t n;

		if (!osp_buf_reserve(text, READ_CHUNK))
		{
			errno = osp_buf_status(text) == OSP_EFULL ? EFBIG : ENOMEM;
			return false;
		}
		n = read(fd, text->ptr + text->len, READ_CHUNK);
		if (n == 0)
			return true;
		if (n > 0)
			text->len += (size_t) n;
		else if (errno != EINTR)
			return false;
	}
}

/* Reads a saved trace into the report. CLI_FAILED after a message. */
static int
read_saved(int fd, const char *name, osp_report *report)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = OSP_OK;
	char why[CLI_MALFORMED_MAX];
	osp_buf text;
	bool whole;

	osp_buf_init(&text, &osp_allocator_default, SAVED_MAX);
	whole = read_whole(fd, &text);
	if (whole)
		status = osp_saved_points(osp_buf_str(&text), add_point, report, &err);
	else
		cli_error("cannot read '%s': %s", name, strerror(errno));
	osp_buf_term(&text);
	if (!whole)
		return CLI_FAILED;
	if (status != OSP_OK)
		return cli_error("'%s': %s", name, err.msg);
	if (osp_report_points(report) > 0)
		return CLI_OK;
	if (osp_report_malformed(report) == 0)
		return cli_error("there are no points of a trace in '%s'", name);
	cli_malformed_text(report, false, why);
	return cli_error("there are no points of a trace in '%s': %s", name, why);
}

/*
 * Asks run directories, then servers, whether a process still runs; an
 * osp_process_fn.
 */
static osp_process_state
ask_process(void *ctx, osp_str host, int64_t pid, int64_t since_ns)
{
	cli_source *source = (cli_source *) ctx;
	osp_process_state state =
		cli_process_state(&source->dirs, host, pid, since_ns);

	return state == OSP_PROCESS_UNKNOWN
			   ? cli_others_process_state(&source->others, host, pid, since_ns)
			   : state;
}

osp_report *
cli_source_report(cli_source *source)
{
	osp_report *report = osp_report_new(&osp_allocator_default);

	if (report == NULL)
	{
		cli_error("%s", osp_status_text(OSP_ENOMEM));
		return NULL;
	}
	osp_report_ask_process(report, ask_process, source);
	cli_source_note_command(source, report);
	return report;
}

int
cli_source_read(cli_source *source, const char *name, osp_report *report)
{
	const cli_collector *collector = &source->collector;
	osp_error err = {OSP_OK, ""};
	osp_status status = cli_collector_read_trace(collector, name, report, &err);
	bool shows_rest;

	cli_others_read(&source->others, name, report);

	/* A missing collector is no failure: delivering the trace may make it. */
	source->missing = err;
	source->missing.code = status;
	if (status == OSP_OK || status == OSP_ENOENT || status == OSP_EINTR)
	{
		source->failing = false;
		return CLI_OK;
	}
	if (!source->failing)
		(void) cli_collector_failed(
			collector, "read the trace from", status, &err);
	source->failing = true;

	/*
	 * The points that could be read are shown: before damage, after other
	 * consumers took some, or from other sources.
	 */
	shows_rest = status == OSP_EPROTO || status == OSP_EBUSY ||
				 source->others.collector_count > 0 ||
				 source->others.server_count > 0;
	return shows_rest && osp_report_points(report) > 0 ? CLI_OK : CLI_FAILED;
}

/* Reads the trace again into a fresh report, which replaces *report. */
static int
read_again(cli_source *source, const char *name, osp_report **report)
{
	osp_report_free(*report);
	*report = cli_source_report(source);
	if (*report == NULL)
		return CLI_FAILED;
	return cli_source_read(source, name, *report);
}

static bool
is_whole(const osp_report *report)
{
	return osp_report_points(report) > 0 && osp_report_unfinished(report) == 0;
}

/*
 * How long to wait for a trace, in ms. If the name is not an id, there is most
 * likely no trace.
 */
static unsigned
longest_wait(const cli_source *source, const char *name)
{
	unsigned wait_ms = (unsigned) (source->wait_s * 1000);

	return wait_ms > QUIET_MS && !cli_resembles_id(name) ? QUIET_MS : wait_ms;
}

/*
 * Completes a trace: waits for the points that were on their way when the
 * command began, and reads again. A message says if that takes long. `why`
 * becomes a sentence on points that still wait.
 */
static int
await_rest(cli_source *source, const cli_mark *mark, const char *name,
		   osp_report **report, char why[WHY_SIZE])
{
	unsigned wait_ms = longest_wait(source, name);
	unsigned quiet_ms = wait_ms < QUIET_MS ? wait_ms : QUIET_MS;
	int result;

	if (!cli_mark_wait(mark, quiet_ms) && wait_ms > quiet_ms &&
		cli_mark_is_moving(mark))
	{
		cli_mark_describe(mark, why, WHY_SIZE);
		cli_error("waiting up to %g s: %s", source->wait_s, why);
		(void) cli_mark_wait(mark, wait_ms - quiet_ms);
	}
	result = read_again(source, name, report);
	if (result == CLI_OK && !is_whole(*report))
		cli_mark_describe(mark, why, WHY_SIZE);
	else
		why[0] = '\0';
	if (why[0] != '\0' && osp_report_points(*report) > 0 &&
		cli_mark_is_moving(mark))
		cli_error("the trace may not be complete: %s", why);
	return result;
}

/* Is nothing of the trace stored, or nothing of a server that was sent its context? */
static bool
lacks_others(osp_report *report)
{
	osp_buf server;
	bool lacks = false;

	if (osp_report_points(report) == 0)
		return true;
	osp_buf_init(&server, &osp_allocator_default, 64 * 1024);
	if (osp_report_lacks_server(report, &server, &lacks) != OSP_OK)
		lacks = false;
	osp_buf_term(&server);
	return lacks;
}

/* Is the latest point of the trace so new that later ones may not be stored yet? */
static bool
is_young(const osp_report *report)
{
	int64_t latest_ns = osp_report_latest_ns(report);
	struct timespec now;
	int64_t age_ms;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	age_ms = (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000 -
			 latest_ns / 1000000;
	return age_ms >= 0 && age_ms < YOUNG_MS;
}

/* Can operations of other users be on their way? */
static bool
may_lack_more(const cli_source *source, osp_report *report)
{
	if (source->dirs.others && lacks_others(report))
		return true;
	return (source->dirs.others || osp_report_unfinished(report) > 0) &&
		   is_young(report);
}

/*
 * Waits for points of other users, such as PostgreSQL's, on this host or
 * another one. Their rings cannot be read, so the collector is read again for a
 * while.
 */
static int
await_others(cli_source *source, const char *name, osp_report **report)
{
	unsigned wait_ms = longest_wait(source, name);
	int result = CLI_OK;
	int64_t end;

	if (wait_ms > OTHERS_MS)
		wait_ms = OTHERS_MS;
	end = osp_mono_now() + wait_ms * INT64_C(1000000);
	while (result == CLI_OK && osp_mono_now() < end &&
		   may_lack_more(source, *report))
	{
		(void) usleep(RETRY_MS * 1000);
		result = read_again(source, name, report);
	}
	return result;
}

static void
report_waiting_in(const char *path, uint64_t points)
{
	osp_buf how;

	osp_buf_init(&how, &osp_allocator_default, 2 * OSP_RUNDIR_PATH_MAX);
	if (cli_is_server_directory(path))
		cli_add_shipper_advice(&how, path);
	else
	{
		osp_buf_addf(&how,
					 "to deliver %s, run: osprofiler agent --once "
					 "--run-directory ",
					 points == 1 ? "it" : "them");
		cli_add_quoted(&how, osp_str_of(path));
	}
	cli_error("the trace is not complete: %llu point%s of it wait%s in %s, "
			  "where no shipper is at work; %.*s",
			  (unsigned long long) points,
			  points == 1 ? "" : "s",
			  points == 1 ? "s" : "",
			  path,
			  (int) how.len,
			  how.len > 0 ? how.ptr : "");
	osp_buf_term(&how);
}

/* Reports where points of the trace wait without a shipper. False: there are none. */
static bool
report_waiting_as(const cli_mark *mark, const osp_id *id)
{
	const char *path;
	uint64_t points;
	size_t next = 0;
	bool found = false;

	while ((path = cli_mark_next_trace(mark, id, &next, &points)) != NULL)
	{
		report_waiting_in(path, points);
		found = true;
	}
	return found;
}

/*
 * May points of the trace be among those that wait? If a shipper is at work, the
 * answer is always yes. Otherwise the traces of the waiting points are known, and
 * the answer is yes only if this trace is one of them.
 */
static bool
may_wait(const cli_mark *mark, const char *name)
{
	unsigned form;
	osp_id id;

	if (cli_mark_is_moving(mark))
		return true;
	for (form = 0; osp_trace_name_form(osp_str_of(name), form, &id); form++)
	{
		size_t next = 0;
		uint64_t points;

		if (cli_mark_next_trace(mark, &id, &next, &points) != NULL)
			return true;
	}
	return false;
}

static void
report_waiting(const cli_mark *mark, const char *name)
{
	unsigned form;
	osp_id id;

	for (form = 0; osp_trace_name_form(osp_str_of(name), form, &id); form++)
		if (report_waiting_as(mark, &id))
			return;
}

static int
load_stored(cli_source *source, const char *name, osp_report **report)
{
	cli_mark *mark = NULL;
	char why[WHY_SIZE] = "";
	int result;

	if (cli_source_open(source, &name) != CLI_OK)
		return CLI_FAILED;
	source->failing = false; /* A message may be about the trace before. */
	mark = cli_mark_take(&source->dirs);

	/* A shipper that is at work delivers within a time that nobody notices. */
	if (mark != NULL && source->wait_s > 0)
		(void) cli_mark_wait(mark, SHORT_MS);
	result = cli_source_read(source, name, *report);
	if (result == CLI_OK && mark != NULL && source->wait_s > 0 &&
		!is_whole(*report))
		result = await_rest(source, mark, name, report, why);
	if (result == CLI_OK && *report != NULL)
		result = await_others(source, name, report);
	if (result == CLI_OK && mark != NULL && osp_report_points(*report) > 0)
		report_waiting(mark, name);
	if (mark != NULL && why[0] != '\0' && !may_wait(mark, name))
		why[0] = '\0';
	cli_mark_free(mark);
	if (result == CLI_OK && osp_report_points(*report) == 0)
		result = cli_report_absence(source, name, *report, why);
	return result;
}

/* Keeps the report if the result is CLI_OK, else frees it. */
static int
keep_if(int result, osp_report **report)
{
	if (result != CLI_OK)
	{
		osp_report_free(*report);
		*report = NULL;
	}
	return result;
}

int
cli_load_stored_trace(cli_source *source, const char *name, osp_report **report)
{
	*report = cli_source_report(source);
	if (*report == NULL)
		return CLI_FAILED;
	return keep_if(load_stored(source, name, report), report);
}

int
cli_load_trace(cli_source *source, const char *name, osp_report **report)
{
	int fd = -1;
	int result;

	*report = NULL;
	if (!cli_is_uuid_like(osp_str_of(name)))
		fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && strchr(name, '/') != NULL)
		return cli_error("cannot open '%s': %s", name, strerror(errno));
	if (fd < 0)
		return cli_load_stored_trace(source, name, report);
	source->has_file = fstat(fd, &source->file) == 0;
	*report = cli_source_report(source);
	result = *report != NULL ? read_saved(fd, name, *report) : CLI_FAILED;
	(void) close(fd);
	return keep_if(result, report);
}

void
cli_malformed_text(const osp_report *report, bool left_out,
				   char text[CLI_MALFORMED_MAX])
{
	size_t count = osp_report_malformed(report);
	bool one = count == 1;
	const char *fate = one ? " and was left out" : " and were left out";

	(void) snprintf(text,
					CLI_MALFORMED_MAX,
					"%zu point%s no sense%s (%s%s)",
					count,
					one ? " makes" : "s make",
					left_out ? fate : "",
					one ? "" : "the first: ",
					osp_report_malformed_why(report));
}

void
cli_say_left_out(const osp_report *report)
{
	char text[CLI_MALFORMED_MAX];

	if (osp_report_malformed(report) > 0)
	{
		cli_malformed_text(report, true, text);
		(void) cli_error("%s", text);
	}
	if (osp_report_repeated(report) > 0)
		(void) cli_error("%zu point%s of other points: of each operation the "
						 "last ones count; see 'osprofiler trace check'",
						 osp_report_repeated(report),
						 osp_report_repeated(report) == 1 ? " has the id"
														  : "s have the ids");
}
