/* SPDX-License-Identifier: Apache-2.0
 *
 * former_runs.h
 *	  What runs of this user that have ended left undelivered in their run directories.
 */
#ifndef OSPROFILER_CLI_FORMER_RUNS_H
#define OSPROFILER_CLI_FORMER_RUNS_H

#include "run/run.h"

typedef struct former_run
{
	char path[OSP_RUNDIR_PATH_MAX];
	osp_run_totals totals;
	run_collector collector;
	char
		locked[RUN_COLLECTOR_MAX]; /* the collector whose password is missing */
} former_run;

typedef struct former_runs
{
	former_run *runs;
	size_t count;
} former_runs;

/*
 * Finds the directories in parent in which something waits, which no shipper delivers
 * because the run has ended. configured is the collector of this user. Released by
 * former_runs_term.
 */
void former_runs_find(former_runs *found, const char *parent,
					  osp_str configured);
void former_runs_term(former_runs *found);

/* Finds the directory of a run that is at work in parent; empty: there is none. Returns
 * how many there are. */
size_t runs_at_work_find(const char *parent, char first[OSP_RUNDIR_PATH_MAX]);

/* Appends "12 points wait in DIRECTORY, left by ...", with the collector's last error. */
void former_run_add_words(osp_buf *out, const former_run *run);

/* Appends what delivers it: "the next 'osprofiler run' delivers them; ... run: ...". */
void former_run_add_advice(osp_buf *out, const former_run *run);

/* Appends the command that delivers it. */
void former_run_add_command(osp_buf *out, const former_run *run);

#endif /* OSPROFILER_CLI_FORMER_RUNS_H */
