/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_argument.h
 *	  Finding the trace that a command was given.
 */
#ifndef OSPROFILER_CLI_TRACE_H
#define OSPROFILER_CLI_TRACE_H

#include "collector_options.h"
#include "osprofiler/report.h"

/*
 * Reads a trace into a fresh *report, returned owned. name is a base id; or,
 * if it does not look like a UUID and there is such a file, a file that holds
 * notifications or a report (osprofiler/saved.h). Opens the collector only if
 * it is needed. A trace without a single point is a failure. CLI_FAILED, and
 * NULL, after a message.
 */
int cli_load_trace(cli_collector *collector, const char *name,
				   osp_report **report) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_H */
