/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h
 *	  What the files of `osprofiler run` share.
 */
#ifndef OSPROFILER_CLI_RUN_H
#define OSPROFILER_CLI_RUN_H

#include <sys/types.h>

#include "base/config.h"
#include "osprofiler/context.h"
#include "record/runstat.h"
#include "ship/shipper.h"

/* As shells and env answer for a command that cannot be run. */
enum
{
	RUN_CANNOT_EXECUTE = 126,
	RUN_NOT_FOUND = 127
};

/* --- run_dir.c: a run directory of our own, below the usual one --- */

/* Makes it. OSP_OK, or why not. */
osp_status run_dir_make(const osp_config *config,
						char path[OSP_RUNDIR_PATH_MAX],
						osp_error *err) OSP_MUST_CHECK;

/* Removes it and what is in it. */
void run_dir_remove(const char *path);

/* --- run_collector.c: where the operations of a run directory go --- */

#define RUN_COLLECTOR_MAX 16384

/* Writes it into the run directory of the options. */
void run_collector_note(const osp_shipper_options *options);

/* Reads it into the options, whose texts are borrowed from bytes. False: the
 * directory has no such file, and the options are as they were. */
bool run_collector_read(int dir_fd, char bytes[RUN_COLLECTOR_MAX],
						osp_shipper_options *options) OSP_MUST_CHECK;

/* --- run_orphans.c: what runs that were killed left behind --- */

/* Ships what lies in directories beside this one that nobody ships any more. */
void run_orphans_deliver(const char *own_directory);

/* --- run_env.c: what the command finds in its environment --- */

typedef struct run_env
{
	const char *key;
	const osp_headers *headers;
	const char *run_directory;
	const char *propagate; /* as configured */
	bool propagate_prepared;
	bool on_full_given; /* what to do when a ring is full was configured */
} run_env;

/* Sets the environment of this process, which the command inherits. */
int run_env_set(const run_env *env) OSP_MUST_CHECK;

/* --- run_child.c: the command itself --- */

/* Of a command that runs. */
typedef struct run_child
{
	pid_t pid;
	int signal_fd;
	int status; /* as of waitpid, once it ended */
} run_child;

/*
 * Blocks all signals, to be taken from a descriptor; to be called before there
 * are threads. CLI_FAILED after a message.
 */
int run_signals_block(run_child *child) OSP_MUST_CHECK;

/* Starts the command with the signals as we found them. 0, or the status to end
 * with after a message. */
int run_child_start(run_child *child, char **argv) OSP_MUST_CHECK;

/* Ships, and hands signals on, until the command has ended. */
void run_child_wait(run_child *child, osp_shipper *shipper);

/* Did somebody lose patience? Drops all other signals that came. */
bool run_interrupted(const run_child *child);

/* Ends as the command did: with its status, or by its signal. */
int run_end_as(const run_child *child);

/* --- run_follow.c: points as they happen, on stderr --- */

typedef struct run_follow
{
	int64_t start_ns;
	bool color;
} run_follow;

/* An osp_tap_fn; ctx is a run_follow. */
void run_follow_record(void *ctx, const osp_record *record);

#endif /* OSPROFILER_CLI_RUN_H */
