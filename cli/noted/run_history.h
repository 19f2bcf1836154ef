/* SPDX-License-Identifier: Apache-2.0
 *
 * run_history.h
 *	  The last runs of this user's `osprofiler run` on this host: which traces
 *	  they made, so that "last" can mean one of them even if others store
 *	  traces, too.
 */
#ifndef OSPROFILER_CLI_RUN_HISTORY_H
#define OSPROFILER_CLI_RUN_HISTORY_H

#include "osprofiler/buf.h"
#include "profiler/config.h"

/* How many runs are kept. */
#define CLI_RUNS_MAX 100

/* A run. Its texts are borrowed from the history. */
typedef struct cli_noted_run
{
	int64_t ended_ns;  /* since 1970 */
	osp_str base_id;   /* empty: the run made no trace */
	osp_str collector; /* from cli_run_collector_name() */
	osp_str why;       /* why the collector has no trace; may be empty */
} cli_noted_run;

typedef struct cli_run_history
{
	osp_buf text;
	size_t count;
	cli_noted_run runs[CLI_RUNS_MAX]; /* the one that ended last comes first */
} cli_run_history;

/*
 * The name under which a run notes its collector: the connection string without
 * its password, with an absolute path, cut to size.
 */
#define CLI_RUN_COLLECTOR_MAX 512
void cli_run_collector_name(const char *connection_string,
							char out[CLI_RUN_COLLECTOR_MAX]);

/* Notes a run that ends now. If base_id is NULL, the run made no trace. */
void cli_run_history_add(const osp_config *config,
						 const char *connection_string, const char *base_id,
						 const char *why);

/* Reads the runs, of which there may be none; released by cli_run_history_term. */
void cli_run_history_read(const osp_config *config, cli_run_history *history);
void cli_run_history_term(cli_run_history *history);

#endif /* OSPROFILER_CLI_RUN_HISTORY_H */
