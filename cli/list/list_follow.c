/* SPDX-License-Identifier: Apache-2.0
 *
 * list_follow.c
 *	  osprofiler trace list --follow: new traces as they arrive.
 *
 * The collector is asked again and again for the traces of the last minute. A
 * new trace is listed once it has stopped growing, that is, when two answers in
 * a row show the same: then its line has its final duration. One that still
 * grows is listed after some ten seconds. A trace that did not grow for a
 * minute is forgotten, and is new if it continues; points that are delivered
 * later than that are not seen.
 */
#include "list/list_follow.h"
#include "cli.h"
#include "list/known_traces.h"
#include "list/trace_json.h"
#include "list/trace_table.h"
#include "view/follow_wait.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/*
 * How old the traces are that the collector is asked for, and so how late one
 * may arrive.
 */
#define WINDOW_NS (60 * NS_PER_S)

/* How many answers have a growing trace before it is listed nevertheless. */
#define ASKED_MAX 10

typedef struct following
{
	cli_list_options *options;
	cli_known_traces known;
	cli_trace_rows rows; /* the traces to list now */
	cli_trace_table table;
	cli_out out;
	int64_t begun_ns; /* since 1970; older traces are not new */
	bool first;       /* the collector is asked for the first time */
	bool failing;     /* reported: the collector does not answer */
	bool left_out;    /* reported: some traces are left out */
} following;

static int64_t
wall_now(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Adds a trace that existed before the command; an osp_trace_fn. */
static osp_status
add_old(void *ctx, const osp_trace_entry *entry)
{
	following *f = (following *) ctx;

	return osp_trace_filter_passes(&f->options->query.filter, entry)
			   ? cli_trace_rows_add(&f->rows, entry)
			   : OSP_OK;
}

/*
 * Examines a trace of the last minute, and adds it if it is to be listed; an
 * osp_trace_fn.
 */
static osp_status
add_new(void *ctx, const osp_trace_entry *entry)
{
	following *f = (following *) ctx;
	cli_known_trace *trace;
	bool grows;

	if (!osp_trace_filter_passes(&f->options->query.filter, entry))
		return OSP_OK;
	trace = cli_known_traces_see(&f->known, entry->base_id);
	if (trace == NULL)
		return OSP_OK;
	grows = trace->asked == 0 || trace->last_ns != entry->last_ns ||
			trace->operations != entry->operations;
	trace->last_ns = entry->last_ns;
	trace->operations = entry->operations;
	trace->asked++;
	if (f->first && entry->first_ns < f->begun_ns)
		trace->listed = true;
	if (trace->listed || (grows && trace->asked < ASKED_MAX))
		return OSP_OK;
	trace->listed = true;
	return cli_trace_rows_add(&f->rows, entry);
}

static int
ask(following *f, const osp_trace_filter *filter, osp_trace_fn fn)
{
	const cli_collector *collector = &f->options->collector;
	osp_error err = {OSP_OK, ""};
	osp_status status = collector->driver->list_traces(
		collector->conn, filter, fn, f, NULL, &err);

	/*
	 * OSP_ENOENT is no error: a database or table may come into being with the
	 * first trace.
	 */
	if (status == OSP_OK || status == OSP_ENOENT || status == OSP_EINTR)
	{
		f->failing = false;
		return CLI_OK;
	}
	if (f->failing)
		return CLI_FAILED;
	f->failing = true;
	return cli_collector_failed(collector, "list the traces of", status, &err);
}

static void
write_json(following *f, const osp_trace_entry *entry)
{
	osp_buf json;

	osp_buf_init(&json, &osp_allocator_default, SIZE_MAX / 4);
	cli_trace_json_row(&json, entry);
	osp_buf_add_char(&json, '\n');
	if (osp_buf_status(&json) != OSP_OK)
		f->out.error = ENOMEM;
	(void) cli_out_write(&f->out, osp_buf_str(&json));
	osp_buf_term(&json);
}

/* Writes the rows, the newest last, and forgets them. */
static void
write_rows(following *f)
{
	size_t i;

	cli_trace_rows_sort(&f->rows, CLI_ORDER_TIME);
	for (i = f->rows.count; i > 0 && f->out.error == 0; i--)
	{
		const osp_trace_entry *entry = &f->rows.rows[i - 1].entry;

		if (f->options->json)
			write_json(f, entry);
		else
			cli_trace_table_row(&f->table, entry, &f->out);
	}
	cli_out_flush(&f->out);
	cli_trace_rows_cut(&f->rows, f->rows.count, 0);
}

/* Lists the newest of the traces that existed before the command. */
static int
list_old(following *f)
{
	osp_trace_filter filter = f->options->query.filter;
	unsigned flags = f->options->collector.driver->flags;
	int result;

	f->rows.limit = (size_t) f->options->query.limit;
	if ((flags & OSP_DRIVER_NEWEST_FIRST) != 0 &&
		(flags & OSP_DRIVER_FILTERS) != 0)
		filter.limit = f->rows.limit;
	result = ask(f, &filter, add_old);
	if (result == CLI_OK && !f->options->json)
		cli_trace_table_head(&f->table, &f->out);
	if (result == CLI_OK)
		write_rows(f);
	f->rows.limit = 0;
	return result;
}

/*
 * Lists the traces that are new since the last call. If the collector cannot be
 * reached, nothing is listed, and the next call asks again.
 */
static void
list_new(following *f)
{
	osp_trace_filter filter = f->options->query.filter;
	int64_t since_ns = wall_now() - WINDOW_NS;

	if (since_ns > filter.since_ns)
		filter.since_ns = since_ns;
	cli_known_traces_begin(&f->known);
	(void) ask(f, &filter, add_new);
	f->first = false;
	write_rows(f);
	if (f->known.left_out == 0 || f->left_out)
		return;
	f->left_out = true;
	(void) cli_error("more than %d traces come in a minute: not all of them "
					 "are listed",
					 CLI_KNOWN_TRACES_MAX);
}

static int
follow(following *f)
{
	cli_follow_wait wait;
	int result;

	cli_follow_begin(&wait);
	result = list_old(f);
	if (result == CLI_OK && !cli_follow_is_ended(NULL))
		(void) cli_error("waiting for new traces in %s, until Ctrl-C",
						 f->options->collector.shown);
	while (result == CLI_OK && f->out.error == 0 && !cli_follow_is_ended(NULL))
	{
		cli_follow_ask(&wait);
		list_new(f);
		if (f->out.error != 0 || !cli_follow_pause(&wait))
			break;
	}
	cli_follow_end(&wait);
	return result;
}

int
cli_list_follow(cli_list_options *options)
{
	osp_draw_options drawing = cli_view_drawing(&options->view, STDOUT_FILENO);
	following f;
	int result;
	int closed;

	memset(&f, 0, sizeof(f));
	f.options = options;
	f.first = true;
	f.begun_ns = wall_now();
	if (cli_out_open(&f.out, NULL) != CLI_OK)
		return CLI_FAILED;
	if (!cli_known_traces_init(&f.known))
		return cli_error("%s", osp_status_text(OSP_ENOMEM));
	cli_trace_rows_init(&f.rows, CLI_ORDER_TIME, 0);
	cli_trace_table_init(&f.table, &drawing);
	result = follow(&f);
	closed = cli_out_close(&f.out);
	cli_trace_table_term(&f.table);
	cli_trace_rows_term(&f.rows);
	cli_known_traces_term(&f.known);
	return result == CLI_OK ? closed : result;
}
