/* SPDX-License-Identifier: Apache-2.0
 *
 * show_command.h
 *	  The command that shows another trace of the same source, as advice prints it.
 */
#ifndef OSPROFILER_CLI_SHOW_COMMAND_H
#define OSPROFILER_CLI_SHOW_COMMAND_H

#include "trace/trace_argument.h"

/* Has the report's advice name the options by which this trace was found. The text is
 * the source's, so the report must not outlive it. */
void cli_source_note_command(cli_source *source, osp_report *report);

#endif /* OSPROFILER_CLI_SHOW_COMMAND_H */
