/* SPDX-License-Identifier: Apache-2.0
 *
 * former_runs.h
 *	  The points that ended runs of this user left undelivered in their run
 *	  directories.
 */
#ifndef OSPROFILER_CLI_FORMER_RUNS_H
#define OSPROFILER_CLI_FORMER_RUNS_H

#include "run/run.h"

typedef struct former_run
{
	char path[OSP_RUNDIR_PATH_MAX];
	osp_run_totals totals;
	run_collector collector;
	char named[RUN_COLLECTOR_MAX];    /* the collector that the directory names,
									   * without its password */
	char settings[RUN_COLLECTOR_MAX]; /* that of the settings; "URI": it has a
									   * password */
	bool is_elsewhere;                /* these two differ */
} former_run;

typedef struct former_runs
{
	former_run *runs;
	size_t count;
} former_runs;

/*
 * Finds the run directories in parent that hold points of ended runs, which no
 * shipper delivers any more. configured is the collector of this user. Released
 * by former_runs_term.
 */
void former_runs_find(former_runs *found, const char *parent,
					  osp_str configured);

/*
 * Reads the run directory run->path of an ended run. False: it is none, no points wait
 * in it, or a shipper is at work there.
 */
bool former_run_read(former_run *run, osp_str configured) OSP_MUST_CHECK;

void former_runs_term(former_runs *found);

/*
 * Finds the directory of a run that is at work in parent; empty: there is none.
 * Returns how many such runs there are.
 */
size_t runs_at_work_find(const char *parent, char first[OSP_RUNDIR_PATH_MAX]);

/* Appends "12 points wait in DIRECTORY, left by ...", with the collector's last error. */
void former_run_add_words(osp_buf *out, const former_run *run);

/*
 * Appends how to deliver these points: "the next 'osprofiler run' delivers
 * that; ... run: ...".
 */
void former_run_add_advice(osp_buf *out, const former_run *run);

/*
 * Appends that these points belong to another collector than that of the settings. The
 * next run and `agent --once` try only that collector.
 */
void former_run_add_elsewhere(osp_buf *out, const former_run *run);

/*
 * Appends the command that delivers these points; to the collector of the settings, if
 * is_elsewhere.
 */
void former_run_add_command(osp_buf *out, const former_run *run);

#endif /* OSPROFILER_CLI_FORMER_RUNS_H */
