/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_follow.h
 *	  osprofiler trace show --follow: a trace as its operations arrive.
 */
#ifndef OSPROFILER_CLI_TRACE_FOLLOW_H
#define OSPROFILER_CLI_TRACE_FOLLOW_H

#include "trace/trace_argument.h"
#include "view/view.h"

/*
 * Follows a trace until it is complete and no point has arrived for the time
 * that the source waits, or the user ends it. Then *report, returned owned, has
 * the trace. On a terminal the tree is drawn repeatedly on a separate screen;
 * otherwise operations are written to standard output when they have ended.
 * CLI_FAILED, and NULL, after a message.
 */
int cli_trace_follow(cli_source *source, const char *name, const cli_view *view,
					 bool all, osp_report **report) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_FOLLOW_H */
