/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_output.h
 *	  The output file for a trace, which must not be the file that the trace is
 *	  read from: that would replace the only copy.
 */
#ifndef OSPROFILER_CLI_TRACE_OUTPUT_H
#define OSPROFILER_CLI_TRACE_OUTPUT_H

#include "out.h"
#include "trace/trace_argument.h"

/*
 * Opens the path that an option has named, as cli_out_open() does. CLI_USAGE
 * after a message: the trace was read from this file, under this name or
 * another one, or the file belongs to a collector that was read.
 */
int cli_trace_output_open(const cli_source *source, const char *option,
						  const char *path, cli_out *out) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_OUTPUT_H */
