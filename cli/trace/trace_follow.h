/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_follow.h
 *	  osprofiler trace show --follow: a trace as its operations come.
 */
#ifndef OSPROFILER_CLI_TRACE_FOLLOW_H
#define OSPROFILER_CLI_TRACE_FOLLOW_H

#include "trace/trace_argument.h"
#include "view/view.h"

/*
 * Follows a trace until it is complete and nothing more has come for the time that the
 * source waits, or the user ends it; then the fresh *report, returned owned, has all of
 * it. On a terminal the tree is drawn again and again on a screen of its own; else
 * operations are written to standard output when they have ended. CLI_FAILED, and NULL,
 * after a message.
 */
int cli_trace_follow(cli_source *source, const char *name, const cli_view *view,
					 bool all, osp_report **report) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_FOLLOW_H */
