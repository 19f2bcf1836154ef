/* SPDX-License-Identifier: Apache-2.0
 *
 * absent_trace.h
 *	  The message about a trace that was not found.
 */
#ifndef OSPROFILER_CLI_ABSENT_TRACE_H
#define OSPROFILER_CLI_ABSENT_TRACE_H

#include "trace/trace_argument.h"

/*
 * Reports that the sources have no points of this trace, and where else they
 * may be. `why` says which points are still on their way, or is empty. Returns
 * CLI_FAILED.
 */
int cli_report_absence(const cli_source *source, const char *name,
					   const osp_report *report, const char *why);

/*
 * Could the name be an id as this project or OSProfiler makes it, or the
 * beginning of one?
 */
bool cli_resembles_id(const char *name) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_ABSENT_TRACE_H */
