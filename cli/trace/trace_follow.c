/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_follow.c
 *	  osprofiler trace show --follow: a trace as its operations arrive.
 */
#include "trace/trace_follow.h"
#include "cli.h"
#include "trace/tree_text.h"
#include "view/follow_wait.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "record/clock.h"

#define NS_PER_S INT64_C(1000000000)

/*
 * Following ends after this time without a new point, even if the trace is
 * incomplete.
 */
#define SILENCE_MAX_S 3600

/* The number of lines at the top of a tree: its head, which says what is still running,
 * and the headings. */
#define HEAD_LINES 4

/*
 * Control sequences of terminals: switch to a screen for this program and back,
 * go to its top, clear the rest of a line and of the screen.
 */
#define SCREEN_OWN   "\033[?1049h"
#define SCREEN_BACK  "\033[?1049l"
#define TO_BEGIN     "\033[H"
#define CLEAR_LINE   "\033[K"
#define CLEAR_SCREEN "\033[J"

typedef struct following
{
	cli_source *source;
	const char *name;
	const cli_view *view;
	bool all;
	bool terminal;
	osp_report *report;
	size_t points;      /* in the report when it was shown last */
	int64_t changed_ns; /* when points arrived last, osp_mono_now */
	cli_out out;
} following;

/* How long no point has arrived. */
static double
silence_s(const following *f)
{
	return (double) (osp_mono_now() - f->changed_ns) / (double) NS_PER_S;
}

static bool
is_complete(const following *f)
{
	return osp_report_points(f->report) > 0 &&
		   osp_report_unfinished(f->report) == 0;
}

/* The number of lines of the terminal; 24 if that is unknown. */
static size_t
terminal_lines(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 4)
		return 24;
	return size.ws_row;
}

static void
write_line(following *f, osp_str line)
{
	(void) cli_out_write(&f->out, line);
	(void) cli_out_write(&f->out, OSP_STR(CLEAR_LINE "\r\n"));
}

/* Takes the first line from the beginning of text. */
static osp_str
take_line(osp_str *text)
{
	const char *end = memchr(text->ptr, '\n', text->len);
	size_t len = end != NULL ? (size_t) (end - text->ptr) : text->len;
	osp_str line = osp_str_n(text->ptr, len);

	len += end != NULL;
	*text = osp_str_n(text->ptr + len, text->len - len);
	return line;
}

/*
 * Writes the part of the text that fits on the screen: the head, and the last
 * lines of the rest.
 */
static void
write_screen(following *f, osp_str text)
{
	size_t room = terminal_lines() - 1;
	size_t count = 0;
	size_t number;
	size_t i;

	for (i = 0; i < text.len; i++)
		count += text.ptr[i] == '\n';
	(void) cli_out_write(&f->out, OSP_STR(TO_BEGIN));
	for (number = 0; text.len > 0; number++)
	{
		osp_str line = take_line(&text);

		if (count <= room || number < HEAD_LINES ||
			number >= count - (room - HEAD_LINES))
			write_line(f, line);
	}
}

/* Writes the last line of the screen, with the state of the trace. */
static void
write_state(following *f)
{
	size_t unfinished = osp_report_unfinished(f->report);

	cli_out_printf(&f->out,
				   "%zu unfinished, nothing new for %.0f s; Ctrl-C "
				   "ends" CLEAR_LINE CLEAR_SCREEN,
				   unfinished,
				   silence_s(f));
	cli_out_flush(&f->out);
}

/*
 * Draws the tree on the screen of a terminal, or appends the operations that
 * have ended to other output.
 */
static osp_status
show(following *f, bool changed)
{
	osp_draw_options drawing = cli_view_drawing(f->view, STDOUT_FILENO);
	osp_status status = OSP_OK;
	osp_buf text;

	if (!changed && !f->terminal)
		return OSP_OK;
	drawing.all = f->all;
	osp_buf_init(&text, &osp_allocator_default, CLI_TREE_MAX);
	if (f->terminal)
		status = cli_tree_text(f->report, &drawing, &text);
	else
		status = osp_report_draw_ended(f->report, &drawing, &text);
	if (status == OSP_OK && f->terminal)
	{
		write_screen(f, osp_buf_str(&text));
		write_state(f);
	}
	else if (status == OSP_OK)
	{
		(void) cli_out_write(&f->out, osp_buf_str(&text));
		cli_out_flush(&f->out);
	}
	osp_buf_term(&text);
	return status;
}

/*
 * Reads new points and shows them. If the collector fails, the next call tries
 * again.
 */
static osp_status
look(following *f)
{
	bool read = cli_source_read(f->source, f->name, f->report) == CLI_OK;
	size_t points = osp_report_points(f->report);
	bool changed = read && points != f->points;

	if (changed)
	{
		f->points = points;
		f->changed_ns = osp_mono_now();
	}
	return show(f, changed);
}

/* Follows the trace until it is complete, or the user ends it. */
static osp_status
follow(following *f)
{
	osp_status status = OSP_OK;
	cli_follow_wait wait;

	cli_follow_begin(&wait);
	while (status == OSP_OK && f->out.error == 0)
	{
		cli_follow_ask(&wait);
		status = look(f);
		if (is_complete(f) && silence_s(f) >= f->source->wait_s)
			break;
		if (silence_s(f) >= SILENCE_MAX_S || !cli_follow_pause(&wait))
			break;
	}
	cli_follow_end(&wait);
	return status;
}

/* Prints what is followed, before the screen is switched. */
static void
announce(const following *f)
{
	(void) cli_error("following trace '%s' in %s, until it is complete and "
					 "nothing has come for %g s, or Ctrl-C",
					 f->name,
					 f->source->collector.shown,
					 f->source->wait_s);
}

/* Reports at the end if there is no trace, or an incomplete one. */
static int
report_end(const following *f)
{
	size_t unfinished;

	if (osp_report_points(f->report) == 0)
		return cli_error("nothing of trace '%s' has come to %s",
						 f->name,
						 f->source->collector.shown);
	unfinished = osp_report_unfinished(f->report);
	if (unfinished > 0)
		(void) cli_error("the trace is not complete: %zu operation%s not ended",
						 unfinished,
						 unfinished == 1 ? " has" : "s have");
	return CLI_OK;
}

int
cli_trace_follow(cli_source *source, const char *name, const cli_view *view,
				 bool all, osp_report **report)
{
	following f = {.source = source, .name = name, .view = view, .all = all};
	osp_status status;
	int result = CLI_FAILED;

	*report = NULL;
	cli_source_bound(source, cli_follow_is_ended, 0);
	if (cli_source_open(source, &f.name) != CLI_OK ||
		cli_out_open(&f.out, NULL) != CLI_OK)
		return CLI_FAILED;
	f.report = cli_source_report(source);
	f.terminal = isatty(STDOUT_FILENO);
	f.changed_ns = osp_mono_now();
	if (f.report != NULL)
	{
		announce(&f);
		if (f.terminal)
			(void) cli_out_write(&f.out, OSP_STR(SCREEN_OWN));
		status = follow(&f);
		if (f.terminal)
			(void) cli_out_write(&f.out, OSP_STR(SCREEN_BACK));
		else if (f.points > 0)
			(void) cli_out_write(&f.out, OSP_STR("\n"));
		cli_out_flush(&f.out);
		if (status != OSP_OK)
			result =
				cli_error("cannot draw the trace: %s", osp_status_text(status));
		else if (f.out.error != 0)
			result = cli_stdout_failed(f.out.error);
		else
			result = report_end(&f);
	}
	if (result == CLI_OK)
		*report = f.report;
	else
		osp_report_free(f.report);
	return result;
}
