/* SPDX-License-Identifier: Apache-2.0
 *
 * other_sources.h
 *	  What a trace is read from besides the collector: other collectors, and servers
 *	  that have recorded a part of it.
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
	cli_server *conn;     /* NULL: there is none at the moment */
	bool failing;         /* it was said that it fails */
} cli_other_server;

typedef struct cli_others
{
	cli_collector collectors[CLI_OTHERS_MAX];
	size_t collector_count;
	bool failing[CLI_OTHERS_MAX]; /* it was said that the collector fails */
	cli_other_server servers[CLI_OTHERS_MAX];
	size_t server_count;

	/* See cli_others_bound(). */
	bool (*interrupted)(void *ctx);
	unsigned deadline_ms;
} cli_others;

/* False after a usage message: there are too many. */
bool cli_others_add_collector(cli_others *others,
							  const char *connection_string) OSP_MUST_CHECK;
bool cli_others_add_server(cli_others *others,
						   const char *conninfo) OSP_MUST_CHECK;

/* What cli_source_bound() does, for all of them. */
void cli_others_bound(cli_others *others, bool (*interrupted)(void *ctx),
					  unsigned deadline_ms);

void cli_others_term(cli_others *others);

/*
 * Adds the points of a trace, which is named in any form of osp_trace_name_form(), of
 * all other sources to the report, which drops copies. A source that fails is reported
 * on stderr, once, and left out. Connections stay open for the next time.
 */
void cli_others_read(cli_others *others, const char *name, osp_report *report);

/* The same of one collector, under the first form of the name that it has. */
osp_status cli_collector_read_trace(const cli_collector *collector,
									const char *name, osp_report *report,
									osp_error *err) OSP_MUST_CHECK;

/* What servers of this host, whose connections are open, know of a process; as
 * osp_process_fn has it. */
osp_process_state cli_others_process_state(cli_others *others, osp_str host,
										   int64_t pid, int64_t since_ns);

#endif /* OSPROFILER_CLI_OTHER_SOURCES_H */
