/* SPDX-License-Identifier: Apache-2.0
 *
 * view.c
 *	  How a command's text is shown.
 */
#include "view/view.h"
#include "cli.h"
#include "view/pager.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool
read_color(const char *value, cli_color *color)
{
	static const char *const names[] = {[CLI_COLOR_AUTO] = "auto",
										[CLI_COLOR_ALWAYS] = "always",
										[CLI_COLOR_NEVER] = "never"};
	size_t i;

	*color = CLI_COLOR_ALWAYS;
	for (i = 0; value != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(value, names[i]) == 0)
		{
			*color = (cli_color) i;
			return true;
		}
	if (value == NULL)
		return true;
	cli_usage("--color takes always, never or auto, not '%s'", value);
	return false;
}

bool
cli_view_option(cli_view *view, int code, const char *value, bool *known)
{
	*known = code == CLI_OPT_COLOR || code == CLI_OPT_NO_PAGER;
	if (code == CLI_OPT_COLOR)
		return read_color(value, &view->color);
	view->no_pager |= code == CLI_OPT_NO_PAGER;
	return true;
}

/* Does the terminal support colours and a pager? */
static bool
is_able_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

static bool
has_colors(const cli_view *view, int fd)
{
	const char *no_color = getenv("NO_COLOR");

	if (view->color != CLI_COLOR_AUTO)
		return view->color == CLI_COLOR_ALWAYS;
	return is_able_terminal(fd) && (no_color == NULL || no_color[0] == '\0');
}

/*
 * The number of columns of a terminal; 0 if fd is not a terminal, or the number
 * is unknown.
 */
static unsigned
terminal_width(int fd)
{
	struct winsize size;

	if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

osp_draw_options
cli_view_drawing(const cli_view *view, int fd)
{
	osp_draw_options options;

	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.color = has_colors(view, fd);
	options.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	options.width = terminal_width(fd);
	options.times = true;
	return options;
}

int
cli_view_open(cli_view *view, bool pages, cli_out *out)
{
	if (pages && !view->no_pager && is_able_terminal(STDOUT_FILENO))
		view->pager = cli_pager_start();
	if (cli_out_open(out, NULL) == CLI_OK)
		return CLI_OK;
	(void) cli_pager_finish(&view->pager);
	return CLI_FAILED;
}

int
cli_view_close(cli_view *view, cli_out *out)
{
	int result;

	/* It is no error if the user ends the pager before the end of the text. */
	cli_out_flush(out);
	if (view->pager != 0 && out->error == EPIPE)
		out->error = 0;
	result = cli_out_close(out);
	return cli_pager_finish(&view->pager) == CLI_OK ? result : CLI_FAILED;
}

int
cli_view_finish(cli_view *view, cli_out *out, osp_status status,
				const char *failure)
{
	/* An error of the output is reported by cli_view_close(). */
	if (status == OSP_OK || out->error != 0)
		return cli_view_close(view, out);
	cli_out_abandon(out);
	(void) cli_pager_finish(&view->pager);
	return cli_error("%s: %s", failure, osp_status_text(status));
}
