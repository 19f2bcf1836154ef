/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal.h
 *	  What may be written to the place where output goes.
 */
#ifndef OSPROFILER_CLI_TERMINAL_H
#define OSPROFILER_CLI_TERMINAL_H

#include <stdbool.h>

#include "osprofiler/report.h"

/* Colours: on a terminal that has them, unless NO_COLOR is set. */
bool cli_terminal_color(int fd);

/* Box characters: if the locale's characters are UTF-8. */
bool cli_terminal_unicode(void);

/* Columns of the terminal; 0 when fd is none, or does not say. */
unsigned cli_terminal_width(int fd);

/* How trees and findings are drawn there. */
osp_draw_options cli_draw_options(int fd);

#endif /* OSPROFILER_CLI_TERMINAL_H */
