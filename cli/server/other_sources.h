/* SPDX-License-Identifier: Apache-2.0
 *
 * other_sources.h
 *	  The sources of a trace besides the collector: other collectors, and
 *	  servers that have recorded a part of it.
 */
#ifndef OSPROFILER_CLI_OTHER_SOURCES_H
#define OSPROFILER_CLI_OTHER_SOURCES_H

#include "collector_options.h"
#include "osprofiler/report.h"
#include "server/server_connection.h"

#define CLI_OTHERS_MAX 8

typedef struct cli_other_server
{
	const char *conninfo; /* borrowed */
	cli_server *conn;     /* NULL: not connected at the moment */
	bool failing;         /* a message has reported a failure */
	bool refuses;         /* the trace may not be read: it is not asked again */
	osp_buf as_superuser; /* words before the command that the server would not
						   * refuse, and its place; empty: none is known */
} cli_other_server;

typedef struct cli_others
{
	cli_collector collectors[CLI_OTHERS_MAX];
	size_t collector_count;
	bool failing[CLI_OTHERS_MAX]; /* a message has reported a failure */
	cli_other_server servers[CLI_OTHERS_MAX];
	size_t server_count;

	/* Set by cli_others_bound(). */
	bool (*interrupted)(void *ctx);
	unsigned deadline_ms;
} cli_others;

/* Add a source. False after a usage message: there are too many. */
bool cli_others_add_collector(cli_others *others,
							  const char *connection_string) OSP_MUST_CHECK;
bool cli_others_add_server(cli_others *others,
						   const char *conninfo) OSP_MUST_CHECK;

/* Limits reading from all of these sources as cli_source_bound() does. */
void cli_others_bound(cli_others *others, bool (*interrupted)(void *ctx),
					  unsigned deadline_ms);

void cli_others_term(cli_others *others);

/*
 * Reads the points of a trace from all other sources into the report, which
 * drops copies. name has any form of osp_trace_name_form(). A source that fails
 * is reported on stderr, once, and left out. Connections stay open for the next
 * call.
 */
void cli_others_read(cli_others *others, const char *name, osp_report *report);

/* Returns a server that failed or refused to say what it has; NULL: there is none. */
const cli_other_server *cli_others_silent(const cli_others *others);

/*
 * Reads the points of a trace from one collector into the report, under the
 * first form of the name that the collector has.
 */
osp_status cli_collector_read_trace(const cli_collector *collector,
									const char *name, osp_report *report,
									osp_error *err) OSP_MUST_CHECK;

/*
 * Asks the servers of this host whose connections are open whether a process is
 * still at work, as an osp_process_fn does.
 */
osp_process_state cli_others_process_state(cli_others *others, osp_str host,
										   int64_t pid, int64_t since_ns);

#endif /* OSPROFILER_CLI_OTHER_SOURCES_H */
