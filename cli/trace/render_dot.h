/* SPDX-License-Identifier: Apache-2.0
 *
 * render_dot.h
 *	  A picture of a trace, drawn by Graphviz.
 */
#ifndef OSPROFILER_CLI_RENDER_DOT_H
#define OSPROFILER_CLI_RENDER_DOT_H

#include "osprofiler/report.h"
#include "trace/trace_argument.h"

/*
 * Has the program `dot` draw the trace as a PDF into file with ".pdf" behind
 * its name, as upstream's command does. The file appears when it is complete.
 * CLI_FAILED after a message, or CLI_USAGE if the trace was read from that
 * file.
 */
int cli_render_dot(const cli_source *source, osp_report *report,
				   const char *file) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_RENDER_DOT_H */
