/* SPDX-License-Identifier: Apache-2.0
 *
 * run_summary.c
 *	  The summary of `osprofiler run`, one line at its end.
 */
#include "run/run.h"

#include <stdio.h>

#include "cli.h"
#include "osprofiler/driver.h"
#include "shell_text.h"

/*
 * The largest number of statements for which the trace is read, to count those
 * that the server recorded.
 */
#define COUNTED_MAX 10000

static const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* Can it be found out how many statements the server recorded? */
static bool
may_ask(const run_state *run, const osp_run_totals *totals)
{
	const osp_driver *driver;

	return run->follow.seen.told > 0 && run->follow.seen.told <= COUNTED_MAX &&
		   !run->random_key && totals->stat.driver_errors == 0 &&
		   osp_driver_find(osp_str_of(run->collector), &driver, NULL) ==
			   OSP_OK &&
		   (driver->flags & OSP_DRIVER_CAN_READ) != 0;
}

/*
 * Counts the statements that the server recorded. If there are none, err says
 * why, as far as that is known; waiting is that of run_server_fetch().
 */
static uint64_t
find_known(const run_state *run, char waiting[RUN_WAITING_MAX], osp_error *err)
{
	uint64_t known = run_server_known(run);
	osp_status status = OSP_OK;

	*err = (osp_error){OSP_OK, ""};
	waiting[0] = '\0';
	if (known == 0)
		status = run_server_fetch(run, waiting, err);
	if (known == 0 && status == OSP_OK)
		known = run_server_known(run);

	/* The status classifies the failure better than the code in err. */
	if (status != OSP_OK)
		err->code = status;
	return known < run->follow.seen.libpq ? known : run->follow.seen.libpq;
}

/* Appends why the server recorded only some of the statements. */
static void
add_unknown(osp_buf *text, const run_state *run)
{
	osp_error left_out = {OSP_OK, ""};

	run_server_left_out(run, &left_out);
	if (left_out.msg[0] != '\0')
		osp_buf_addf(text, " (%s)", left_out.msg);
	else
		osp_buf_addf(
			text,
			" (it is not told of each: of prepared statements, for instance; "
			"docs/client.md, \"How the server is told\")");
}

/* The beginnings of a server's refusals, and a reason of the first (own_trace.c). */
#define REFUSES_TRACE "permission denied to read this trace"
#define REFUSES_COLLECTOR \
	"permission denied to read the collector of this server"
#define HOLDS_OTHERS "statements of other users"

/*
 * Appends what is known of the server's operations, of which this run has none. That
 * there are none is certain only if nothing waits in the server, or if it does not accept
 * the context. In all other cases they may come later, or be elsewhere.
 */
static void
add_unseen(osp_buf *text, const run_state *run, const char *waiting,
		   const osp_error *err)
{
	const char *why = err->msg;
	bool is_refused =
		err->code == OSP_EPERM && strstr(why, REFUSES_TRACE) != NULL;

	if (err->code == OSP_OK && waiting[0] != '\0')
	{
		osp_buf_add_str(
			text, OSP_STR("none of them is in the server's collector so far"));
		why = waiting;
	}
	else if (err->code == OSP_EUNSUPPORTED)
		osp_buf_addf(text, "none of them is in %s so far", run->address);
	else if (err->code == OSP_EPERM && strstr(why, REFUSES_COLLECTOR) != NULL)
	{
		osp_buf_addf(text, "none of them is in %s so far", run->address);
		why = "the server delivers to a collector of its own settings, which "
			  "it does not let this user read";
	}
	else if (is_refused && strstr(why, HOLDS_OTHERS) != NULL)
		osp_buf_add_str(text,
						OSP_STR("the server does not let this user read them"));
	else if (err->code == OSP_OK || is_refused)
		osp_buf_add_str(text, OSP_STR("none of them is known to the server"));
	else
		osp_buf_add_str(
			text, OSP_STR("the server could not be asked for its operations"));
	if (why[0] != '\0')
		osp_buf_addf(text, " (%s)", why);
}

static void
add_server(osp_buf *text, const run_state *run)
{
	const run_seen *seen = &run->follow.seen;
	char waiting[RUN_WAITING_MAX];
	char conninfo[1024];
	osp_error err;
	uint64_t known = find_known(run, waiting, &err);

	if (known > 0)
	{
		osp_buf_addf(
			text, ", %llu also in the server", (unsigned long long) known);
		if (known < seen->libpq)
			add_unknown(text, run);
		return;
	}
	if (err.code == OSP_OK && err.msg[0] != '\0')
	{
		osp_buf_addf(
			text, "; none of them is known to the server: %s", err.msg);
		return;
	}
	run_seen_conninfo(seen, conninfo, sizeof(conninfo));
	osp_buf_add_str(text, OSP_STR("; "));
	add_unseen(text, run, waiting, &err);
	osp_buf_add_str(text, OSP_STR(", try: osprofiler doctor "));
	cli_add_quoted(text, osp_str_of(conninfo));
}

void
run_summarize(const run_state *run, const osp_run_totals *totals)
{
	const run_seen *seen = &run->follow.seen;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 8192);
	if (seen->libpq > 0)
		osp_buf_addf(&text,
					 "%llu statement%s of PostgreSQL",
					 (unsigned long long) seen->libpq,
					 plural(seen->libpq));
	if (seen->libpq > 0 && may_ask(run, totals))
		add_server(&text, run);
	if (seen->sqlite > 0)
		osp_buf_addf(&text,
					 "%s%llu statement%s of SQLite",
					 seen->libpq > 0 ? "; " : "",
					 (unsigned long long) seen->sqlite,
					 plural(seen->sqlite));
	if (!run->args->quiet && osp_buf_status(&text) == OSP_OK && text.len > 0)
		(void) cli_error("%s", text.ptr);
	osp_buf_term(&text);
}
