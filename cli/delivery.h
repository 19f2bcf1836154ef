/* SPDX-License-Identifier: Apache-2.0
 *
 * delivery.h
 *	  Points that are on their way to a collector: what the run directories of
 *	  this user on this host hold.
 *
 * There is one of the user's programs, and one below it for each PostgreSQL
 * cluster and each `osprofiler run` of this user.
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
	bool others; /* another user has one, into which we cannot look */
} cli_run_dirs;

/* Finds them; released by cli_run_dirs_term. */
void cli_run_dirs_find(cli_run_dirs *dirs, const osp_config *config);
void cli_run_dirs_term(cli_run_dirs *dirs);

/* Adds one, and those below it. False: there is none that can be read. */
bool cli_run_dirs_add(cli_run_dirs *dirs, const char *path) OSP_MUST_CHECK;

/* An osp_process_fn; ctx is a cli_run_dirs. */
osp_process_state cli_process_state(void *ctx, osp_str host, int64_t pid,
									int64_t since_ns);

/* What was in rings and spools at one moment. */
typedef struct cli_mark cli_mark;

/* Takes a mark; NULL if nothing waits. Released by cli_mark_free. */
cli_mark *cli_mark_take(const cli_run_dirs *dirs);
void cli_mark_free(cli_mark *mark);

/*
 * Waits until what was there at the mark has been delivered, at most wait_ms.
 * False: it has not. No more time is spent where nobody delivers anything.
 */
bool cli_mark_wait(const cli_mark *mark, unsigned wait_ms);

/*
 * The next run directory in which points of the trace wait, in rings or the spool, while
 * no shipper is at work there, borrowed from the mark; NULL: there is none. *next is 0 at
 * first. *points is how many there are.
 */
const char *cli_mark_next_trace(const cli_mark *mark, const osp_id *base_id,
								size_t *next, uint64_t *points);

/* Does something wait that a shipper, or one that will start, is to deliver? */
bool cli_mark_is_moving(const cli_mark *mark);

/* One sentence on what still waits, and why. */
void cli_mark_describe(const cli_mark *mark, char *out, size_t size);

#endif /* OSPROFILER_CLI_DELIVERY_H */
