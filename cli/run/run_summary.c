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
 * why, as far as that is known.
 */
static uint64_t
find_known(const run_state *run, osp_error *err)
{
	uint64_t known = run_server_known(run);
	osp_status status = OSP_OK;

	*err = (osp_error){OSP_OK, ""};
	if (known == 0)
		status = run_server_fetch(run, err);
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

/* Is it unknown what the server has recorded? This is also the case if the server, or a
 * pooler in front of it, refuses the connection or a transaction. */
static bool
has_not_answered(osp_status status)
{
	return status == OSP_EUNAVAIL || status == OSP_EINTR ||
		   status == OSP_EREFUSED;
}

static void
add_server(osp_buf *text, const run_state *run)
{
	const run_seen *seen = &run->follow.seen;
	char conninfo[1024];
	osp_error err;
	uint64_t known = find_known(run, &err);

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
	osp_buf_addf(text,
				 "; %s%s%s%s, try: osprofiler doctor ",
				 has_not_answered(err.code)
					 ? "the server could not be asked for its operations"
					 : "none of them is known to the server",
				 err.msg[0] != '\0' ? " (" : "",
				 err.msg,
				 err.msg[0] != '\0' ? ")" : "");
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
