/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h
 *	  What the files of `osprofiler run` share.
 */
#ifndef OSPROFILER_CLI_RUN_H
#define OSPROFILER_CLI_RUN_H

#include <sys/types.h>

#include "osprofiler/context.h"
#include "profiler/config.h"
#include "record/runstat.h"
#include "relative_path.h"
#include "run/run_seen.h"
#include "ship/shipper.h"

/* The exit statuses of shells and env for a command that cannot be run. */
enum
{
	RUN_CANNOT_EXECUTE = 126,
	RUN_NOT_FOUND = 127
};

/* --- run_dir.c: a run directory of our own, below the usual one --- */

/* Makes the run directory. OSP_OK, or an error with its reason. */
osp_status run_dir_make(const osp_config *config,
						char path[OSP_RUNDIR_PATH_MAX],
						osp_error *err) OSP_MUST_CHECK;

/* Removes the run directory with its files. */
void run_dir_remove(const char *path);

/* --- run_collector.c: the collector of a run directory --- */

#define RUN_COLLECTOR_MAX CLI_CONNECTION_STRING_MAX

typedef enum run_collector
{
	RUN_COLLECTOR_NONE,   /* the directory names no collector */
	RUN_COLLECTOR_KNOWN,  /* the options have its connection string */
	RUN_COLLECTOR_LOCKED, /* it has a password, which is stored nowhere */
} run_collector;

/* Has the collector a password, which run_collector_note() leaves out? */
bool run_collector_is_locked(const char *connection_string);

/* Writes the collector into the run directory of the options, without its password. */
void run_collector_note(const osp_shipper_options *options);

/*
 * Reads the collector of a run directory into the options, whose texts are
 * borrowed from bytes. One that has a password is known if configured is the
 * same collector with its password; else the connection string of the options
 * lacks the password. With RUN_COLLECTOR_NONE the options are unchanged.
 */
run_collector run_collector_read(int dir_fd, osp_str configured,
								 char bytes[RUN_COLLECTOR_MAX],
								 osp_shipper_options *options) OSP_MUST_CHECK;

/* --- run_check.c --- */

/*
 * Checks the collector before the command starts. CLI_USAGE after a message: no
 * driver understands the connection string. A collector that does not answer is
 * reported, but the result is CLI_OK. shown is the connection string without
 * its password.
 */
int run_collector_check(const char *connection_string,
						const char *shown) OSP_MUST_CHECK;

/* --- run_orphans.c: what former runs left behind --- */

/*
 * Delivers points in the directories below parent that belong to ended runs,
 * spending on each at most about timeout_ms, except for own_directory (NULL:
 * none). configured is the collector of this user. Returns how many points were
 * delivered. A collector that hangs is tried once, for one directory.
 */
uint64_t run_orphans_deliver(const char *parent, const char *own_directory,
							 osp_str configured, unsigned timeout_ms);

/* --- run_env.c: the environment of the command --- */

typedef struct run_env
{
	const char *key; /* NULL: the keys are in keys_file */
	const char *keys_file;
	const osp_headers *headers;
	const char *run_directory;
	const char *propagate; /* the configured value */
	bool propagate_prepared;
	bool on_full_given; /* it was configured what a full ring does */
} run_env;

/* Sets the environment of this process, which the command inherits. */
osp_status run_env_set(const run_env *env, osp_error *err) OSP_MUST_CHECK;

/* Restores the environment as it was before run_env_set. */
void run_env_restore(void);

/* --- run_limits.c: the limits of this process --- */

/*
 * Do the limits of this process (ulimit) leave enough for both the command and
 * its tracing? If not, the command might fail only because it is traced; err
 * names the limit.
 */
osp_status run_limits_check(osp_error *err) OSP_MUST_CHECK;

/* --- run_descriptors.c: descriptors that belong to the command --- */

/* Notes which descriptors this process was given; to be called before it opens any. */
void run_descriptors_note(void);

/*
 * Closes the noted descriptors, except for the standard error. The command has
 * them now.
 */
void run_descriptors_release(void);

/* --- run_child.c: the command itself --- */

/* A command that runs. */
typedef struct run_child
{
	pid_t pid;
	int signal_fd;
	int status; /* from waitpid, once the command has ended */
} run_child;

/*
 * Saves for the command how signals are handled, and takes over its timers.
 * Must be called first.
 */
void run_signals_save(void);

/*
 * Blocks all signals; they are read from a descriptor instead. Must be called
 * before there are threads.
 */
osp_status run_signals_block(run_child *child, osp_error *err) OSP_MUST_CHECK;

/*
 * Starts the command with the original handling of signals. If the command
 * cannot be executed, the result is OSP_OK after a message, which err has as
 * well, and *exec_error is the exit status for that. Otherwise *exec_error is
 * 0.
 */
osp_status run_child_start(run_child *child, char **argv, int *exec_error,
						   osp_error *err) OSP_MUST_CHECK;

/*
 * Replaces this process by the command, with the original handling of signals.
 * If that fails, returns the exit status after a message.
 */
int run_child_become(char **argv);

/* Ships points, and passes signals on to the command, until the command has ended. */
void run_child_wait(run_child *child, osp_shipper *shipper);

/* Has the user sent a signal to end this process? Drops all other signals. */
bool run_interrupted(const run_child *child);

/* Ends this process as the command ended: with its status, or by its signal. */
int run_end_as(const run_child *child);

/* --- run_hint.c --- */

/*
 * Appends a hint for a command that cannot be executed, with this errno: which
 * command may have been meant. Without an idea nothing is appended.
 */
void run_hint_add(osp_buf *out, const char *command, int error);

/* --- run_follow.c: points as they happen --- */

typedef struct run_follow
{
	int64_t start_ns;
	int64_t first_ns; /* times of the records */
	int64_t last_ns;
	bool prints;    /* print a line for each record on stderr */
	bool saw_any;   /* there was a point */
	bool saw_libpq; /* there was an operation of libpq */
	run_seen seen;
} run_follow;

/* Takes a record of the shipper; an osp_tap_fn whose ctx is a run_follow. */
void run_follow_record(void *ctx, const osp_record *record);

/* --- cmd_run.c, run_finish.c: a run --- */

typedef struct run_args
{
	const char *key;               /* NULL: not given */
	const char *connection_string; /* NULL: not given */
	const char *transport_url;     /* NULL: not given */
	bool propagate_prepared;
	bool follow;
	bool quiet;
	bool help;
	char **command;
	const char
		*misplaced; /* an option of ours behind the command; NULL: none */
} run_args;

typedef struct run_state
{
	const run_args *args;
	osp_config config;
	const char *collector;            /* connection string, borrowed */
	char absolute[RUN_COLLECTOR_MAX]; /* empty: collector was not relative */
	char address[1024];               /* collector without its password */
	char key[512];                    /* empty: the keys are in a file */
	bool random_key;                  /* no key was configured */
	osp_headers headers;
	char base_id[OSP_UUID_TEXT_LEN + 1];
	char run_directory[OSP_RUNDIR_PATH_MAX]; /* empty: not made yet */
	osp_shipper *shipper;
	run_child child;
	run_follow follow;
} run_state;

/* --- run_server.c: the server's half of the trace --- */

/*
 * Counts the command's statements for which the collector has a server's
 * operation. It waits until no more of them arrive.
 */
uint64_t run_server_known(const run_state *run);

/*
 * Asks the server that the command has used which statements it does not
 * record, and writes that to err, for a message. It is empty if the server
 * records all, or cannot be asked.
 */
void run_server_left_out(const run_state *run, osp_error *err);

#define RUN_WAITING_MAX 512

/*
 * Asks the server that the command has used for its operations, and stores them
 * in the collector. OSP_EUNSUPPORTED, with an empty message: the server is not
 * on this host. OSP_OK with a message: the server does not record all
 * statements; the message says which. waiting becomes what waits in the server to be
 * delivered, or that this user may not see it. It is empty if nothing waits, or if the
 * result is not OSP_OK.
 */
osp_status run_server_fetch(const run_state *run, char waiting[RUN_WAITING_MAX],
							osp_error *err) OSP_MUST_CHECK;

/* --- run_outside.c --- */

/*
 * Notes for `trace show` how much of the command's time is outside the trace,
 * if that is much, and how many threads or processes are, for lack of a ring.
 */
void run_note_outside(const run_state *run, uint64_t untraced,
					  int64_t ended_ns);

/* --- run_losses.c --- */

/* Reports how many points were lost, and why, and what could not be traced at all. */
void run_report_losses(const run_state *run, const osp_run_totals *totals);

/* --- run_summary.c --- */

/*
 * Asks the server for its half of the trace, and prints in one line how many
 * statements were seen. Prints nothing if there were none, or with --quiet.
 */
void run_summarize(const run_state *run, const osp_run_totals *totals);

/*
 * Ends a run after its command: delivers the rest, removes the run directory if
 * it is empty, and prints how to see the trace, or why there is none.
 */
void run_finish(run_state *run);

#endif /* OSPROFILER_CLI_RUN_H */
