/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_output.h
 *	  The file that a trace is written to, which must not be the one that it is read
 *	  from: it would replace the only copy.
 */
#ifndef OSPROFILER_CLI_TRACE_OUTPUT_H
#define OSPROFILER_CLI_TRACE_OUTPUT_H

#include "out.h"
#include "trace/trace_argument.h"

/*
 * As cli_out_open(), of the path that an option has named. CLI_USAGE after a message: the
 * trace was read from this file, under this name or another one, or it is that of a
 * collector that was read.
 */
int cli_trace_output_open(const cli_source *source, const char *option,
						  const char *path, cli_out *out) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_OUTPUT_H */
