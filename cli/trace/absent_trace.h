/* SPDX-License-Identifier: Apache-2.0
 *
 * absent_trace.h
 *	  What is said of a trace that is not there.
 */
#ifndef OSPROFILER_CLI_ABSENT_TRACE_H
#define OSPROFILER_CLI_ABSENT_TRACE_H

#include "trace/trace_argument.h"

/* Says that the trace of this name has no points in the sources, and where else it may
 * be. why is what is still on its way, or empty. Returns CLI_FAILED. */
int cli_report_absence(const cli_source *source, const char *name,
					   const osp_report *report, const char *why);

/* Could it be an id that this project or OSProfiler makes, or the beginning of one? */
bool cli_resembles_id(const char *name) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_ABSENT_TRACE_H */
