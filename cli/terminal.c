/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal.c
 *	  What may be written to the place where output goes.
 */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool
cli_terminal_color(int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color != NULL && no_color[0] != '\0')
		return false;
	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

bool
cli_terminal_unicode(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

unsigned
cli_terminal_width(int fd)
{
	struct winsize size;

	if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

osp_draw_options
cli_draw_options(int fd)
{
	osp_draw_options options;

	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.color = cli_terminal_color(fd);
	options.unicode = cli_terminal_unicode();
	options.width = cli_terminal_width(fd);
	options.times = true;
	return options;
}
