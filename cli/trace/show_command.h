/* SPDX-License-Identifier: Apache-2.0
 *
 * show_command.h
 *	  The command that shows another trace of the same source, to be printed in
 *	  advice.
 */
#ifndef OSPROFILER_CLI_SHOW_COMMAND_H
#define OSPROFILER_CLI_SHOW_COMMAND_H

#include "trace/trace_argument.h"

/*
 * Puts the options by which this trace was found into the report's advice. The
 * text belongs to the source, so the report must not outlive it.
 */
void cli_source_note_command(cli_source *source, osp_report *report);

#endif /* OSPROFILER_CLI_SHOW_COMMAND_H */
