/* SPDX-License-Identifier: Apache-2.0
 *
 * view.h
 *	  How a command's text is shown: colours, characters, width, and the pager that
 *	  shows it page by page on a terminal.
 */
#ifndef OSPROFILER_CLI_VIEW_H
#define OSPROFILER_CLI_VIEW_H

#include <sys/types.h>

#include "osprofiler/report.h"
#include "out.h"

typedef enum cli_color
{
	CLI_COLOR_AUTO, /* colours on a terminal, unless NO_COLOR is set */
	CLI_COLOR_ALWAYS,
	CLI_COLOR_NEVER
} cli_color;

typedef struct cli_view
{
	cli_color color;
	bool no_pager;
	pid_t pager; /* the pager's process; 0: none */
} cli_view;

/* Option codes for getopt_long. They differ from those of collectors and commands. */
enum
{
	CLI_OPT_COLOR = 1000,
	CLI_OPT_NO_PAGER
};

#define CLI_VIEW_OPTIONS                                \
	{"color", optional_argument, NULL, CLI_OPT_COLOR},  \
	{                                                   \
		"no-pager", no_argument, NULL, CLI_OPT_NO_PAGER \
	}

#define CLI_VIEW_HELP                                                           \
	"  --color[=WHEN]            colours: always (also without =WHEN), never, " \
	"or auto,\n"                                                                \
	"                            on a terminal unless NO_COLOR is set "         \
	"(default)\n"                                                               \
	"  --no-pager                do not show the text page by page; else, on "  \
	"a\n"                                                                       \
	"                            terminal, by $PAGER, or less\n"

/*
 * Handles one of the options above. False after a message. For another code
 * *known becomes false, and nothing happens.
 */
bool cli_view_option(cli_view *view, int code, const char *value,
					 bool *known) OSP_MUST_CHECK;

/*
 * How to draw trees, lists and findings on fd; fd is -1 for a file. Must be
 * called before the pager is started, which takes the terminal's place.
 */
osp_draw_options cli_view_drawing(const cli_view *view, int fd);

/*
 * Opens standard output. If it is a terminal and pages is true, the pager is
 * started to show it. Text that the pager does not read is no error. CLI_FAILED
 * after a message.
 */
int cli_view_open(cli_view *view, bool pages, cli_out *out) OSP_MUST_CHECK;

/* Closes the output, and waits for the pager's end. CLI_FAILED after a message. */
int cli_view_close(cli_view *view, cli_out *out) OSP_MUST_CHECK;

/*
 * Ends the output. status is the result of making the text. If it is OSP_OK,
 * this function does the same as cli_view_close(). Otherwise it abandons the
 * output and prints a message: failure, which says what could not be done, and
 * the reason.
 */
int cli_view_finish(cli_view *view, cli_out *out, osp_status status,
					const char *failure) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_VIEW_H */
