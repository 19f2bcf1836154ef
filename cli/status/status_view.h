/* SPDX-License-Identifier: Apache-2.0
 *
 * status_view.h
 *	  The data that `osprofiler status` prints, for all its formats.
 */
#ifndef OSPROFILER_CLI_STATUS_VIEW_H
#define OSPROFILER_CLI_STATUS_VIEW_H

#include "osprofiler/notification.h"
#include "out.h"
#include "record/runstat.h"
#include "run/former_runs.h"
#include "status/left_servers.h"

typedef struct status_view
{
	char path[OSP_RUNDIR_PATH_MAX];
	osp_run_totals totals;
	long shipper_pid;   /* 0: no shipper is at work */
	char shipper_state; /* of its process; '\0': not known */
	char error_time[OSP_TIMESTAMP_LEN + 1]; /* empty: no error yet */
	former_runs former;                     /* only without --run-directory */
	left_servers servers;                   /* only without --run-directory */
	size_t others_servers; /* servers of other users, for root */
	size_t runs_at_work;   /* only without --run-directory */
	char run_at_work[OSP_RUNDIR_PATH_MAX]; /* of one of these runs */
	char loss_time[OSP_TIMESTAMP_LEN + 1]; /* empty: nothing was lost yet */
	int64_t since_ns;                      /* earlier losses do not count */
	osp_buf troubles;                      /* a line for each */
	size_t trouble_count;
	bool of_server; /* from osprofiler.stat, without some counters */
} status_view;

/*
 * One counter: its name in the JSON and the metrics, its label in the text, and
 * its type for Prometheus: a counter if it only grows, else a gauge.
 */
typedef struct status_counter
{
	const char *name;
	const char *label;
	bool grows;     /* never falls while the run directory exists */
	bool of_server; /* osprofiler.stat has it */
	uint64_t value;
} status_counter;

#define STATUS_COUNTERS_MAX 16

/* Fills the array; returns how many there are. */
size_t status_counters(const status_view *view,
					   status_counter out[STATUS_COUNTERS_MAX]);

/* Prints the counters in Prometheus' text format. */
void status_print_metrics(cli_out *out, const status_view *view);

/* --- status_server.c --- */

/*
 * Reads the counters of a server from its view osprofiler.stat. CLI_FAILED
 * after a message.
 */
int status_read_server(status_view *view, const char *conninfo) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_STATUS_VIEW_H */
