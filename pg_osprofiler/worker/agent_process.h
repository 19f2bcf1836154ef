/* SPDX-License-Identifier: Apache-2.0
 *
 * agent_process.h
 *	  The agent as a child process of the background worker. Private to this folder.
 */
#ifndef PGOSP_AGENT_PROCESS_H
#define PGOSP_AGENT_PROCESS_H

#include "pgosp.h"

#include <sys/types.h>

#pragma GCC visibility push(hidden)

/* The settings of the child; any change of them restarts it. */
typedef struct pgospAgentSettings
{
	char program[MAXPGPATH];
	char run_directory[OSP_RUNDIR_PATH_MAX];
	char connection_string[OSP_CONNECTION_STRING_MAX];
	bool filter_error_trace;
	char spool[MAXPGPATH];
	char spool_limit[32];
} pgospAgentSettings;

typedef struct pgospAgent
{
	pgospAgentSettings
		settings; /* without a connection string it cannot be started */
	pid_t pid;    /* 0: not running */
	int64 started_ms;
	int64 next_start_ms;
	int backoff_ms;
	int busy_count;
	int told_status; /* exit status that was logged last; -1: none */
	bool told_missing;
} pgospAgent;

static inline int64
pgosp_now_ms(void)
{
	return osp_mono_now() / 1000000;
}

/* False, after a line in the log, if the settings are not usable. Without a collector
 * the connection string is empty. */
bool pgosp_agent_read_settings(pgospAgentSettings *s);

/* Says in the log and in the status file why there is no collector, if there is none. To
 * be called when no agent is at work, which could note another error later. */
void pgosp_agent_tell_no_collector(const pgospAgentSettings *s);

/* Makes an agent that is not started yet. */
void pgosp_agent_begin(pgospAgent *agent, const pgospAgentSettings *settings);

/* Starts the agent; if that fails, next_start_ms says when to try again. */
void pgosp_agent_start(pgospAgent *agent);

/* Notices whether the agent has ended, and decides when to start it again. */
void pgosp_agent_reap(pgospAgent *agent);

/* Ends the agent, which may spool what it has, and waits for that. */
void pgosp_agent_stop(pgospAgent *agent);

#pragma GCC visibility pop

#endif /* PGOSP_AGENT_PROCESS_H */
