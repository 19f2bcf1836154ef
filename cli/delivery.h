/* SPDX-License-Identifier: Apache-2.0
 *
 * delivery.h
 *	  Points that are on their way to a collector: what the run directories of
 *	  this user on this host hold.
 *
 * A user has one run directory for programs, and below it one for each
 * PostgreSQL cluster and each `osprofiler run`.
 */
#ifndef OSPROFILER_CLI_DELIVERY_H
#define OSPROFILER_CLI_DELIVERY_H

#include "osprofiler/report.h"
#include "profiler/config.h"

#define CLI_RUN_DIRS_MAX 64

typedef struct cli_run_dirs
{
	char *paths[CLI_RUN_DIRS_MAX];
	size_t count;
	bool others; /* another user has one that we cannot read */
} cli_run_dirs;

/* Finds the run directories of this user. Released by cli_run_dirs_term. */
void cli_run_dirs_find(cli_run_dirs *dirs, const osp_config *config);
void cli_run_dirs_term(cli_run_dirs *dirs);

/* Adds a run directory and those below it. False: none of them can be read. */
bool cli_run_dirs_add(cli_run_dirs *dirs, const char *path) OSP_MUST_CHECK;

/* Tells whether a process still runs; an osp_process_fn whose ctx is a cli_run_dirs. */
osp_process_state cli_process_state(void *ctx, osp_str host, int64_t pid,
									int64_t since_ns);

/* The points that were in rings and spools at one moment. */
typedef struct cli_mark cli_mark;

/* Notes which points wait now; NULL if none do. Released by cli_mark_free. */
cli_mark *cli_mark_take(const cli_run_dirs *dirs);
void cli_mark_free(cli_mark *mark);

/*
 * Waits, at most wait_ms, until the points of the mark have been delivered.
 * False: some have not. It stops waiting where no shipper delivers anything.
 */
bool cli_mark_wait(const cli_mark *mark, unsigned wait_ms);

/*
 * Returns the next run directory in which points of the trace wait, in rings or
 * the spool, while no shipper is at work there. It is borrowed from the mark;
 * NULL: there is none. *next is 0 at first. *points becomes the number of those
 * points.
 */
const char *cli_mark_next_trace(const cli_mark *mark, const osp_id *base_id,
								size_t *next, uint64_t *points);

/*
 * Will a shipper deliver the waiting points soon? It is running already, or a
 * server is about to start it.
 */
bool cli_mark_is_moving(const cli_mark *mark);

/* Writes one sentence that says which points still wait, and why. */
void cli_mark_describe(const cli_mark *mark, char *out, size_t size);

#endif /* OSPROFILER_CLI_DELIVERY_H */
