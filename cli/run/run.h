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

#define RUN_COLLECTOR_MAX CLI_CONNECTION_STRING_MAX

typedef enum run_collector
{
	RUN_COLLECTOR_NONE,   /* the directory names none */
	RUN_COLLECTOR_KNOWN,  /* the options have it */
	RUN_COLLECTOR_LOCKED, /* it has a password, which is stored nowhere */
} run_collector;

/* Has it a password, which run_collector_note() leaves out? */
bool run_collector_is_locked(const char *connection_string);

/* Writes it into the run directory of the options, without its password. */
void run_collector_note(const osp_shipper_options *options);

/*
 * Reads it into the options, whose texts are borrowed from bytes. A collector that
 * has a password is known if configured is the same one, with its password; else
 * the connection string of the options lacks it. With RUN_COLLECTOR_NONE the
 * options are as they were.
 */
run_collector run_collector_read(int dir_fd, osp_str configured,
								 char bytes[RUN_COLLECTOR_MAX],
								 osp_shipper_options *options) OSP_MUST_CHECK;

/* --- run_check.c --- */

/*
 * CLI_OK, or CLI_USAGE after a message: no driver understands the connection string.
 * A collector that does not answer is named in a message, and CLI_OK. shown is the
 * connection string without its password.
 */
int run_collector_check(const char *connection_string,
						const char *shown) OSP_MUST_CHECK;

/* --- run_orphans.c: what former runs left behind --- */

/*
 * Ships what lies in the directories of runs below parent that nobody ships any more,
 * for each of them at most about timeout_ms, except for own_directory (NULL: none).
 * configured is the collector of this user. Returns how many points were delivered.
 */
uint64_t run_orphans_deliver(const char *parent, const char *own_directory,
							 osp_str configured, unsigned timeout_ms);

/* --- run_env.c: what the command finds in its environment --- */

typedef struct run_env
{
	const char *key; /* NULL: those of keys_file */
	const char *keys_file;
	const osp_headers *headers;
	const char *run_directory;
	const char *propagate; /* as configured */
	bool propagate_prepared;
	bool on_full_given; /* what to do when a ring is full was configured */
} run_env;

/* Sets the environment of this process, which the command inherits. */
osp_status run_env_set(const run_env *env, osp_error *err) OSP_MUST_CHECK;

/* Makes it again what it was before run_env_set. */
void run_env_restore(void);

/* --- run_limits.c: the limits of this process --- */

/*
 * Do they leave room for tracing, so that the command does not meet them earlier
 * than it would untraced? Otherwise err says which of them does not.
 */
osp_status run_limits_check(osp_error *err) OSP_MUST_CHECK;

/* --- run_descriptors.c: descriptors that are the command's --- */

/* Notes which descriptors this process was given; to be called before it opens any. */
void run_descriptors_note(void);

/* Closes them, except for the standard error. The command has them now. */
void run_descriptors_release(void);

/* --- run_child.c: the command itself --- */

/* Of a command that runs. */
typedef struct run_child
{
	pid_t pid;
	int signal_fd;
	int status; /* as of waitpid, once it ended */
} run_child;

/* Notes what is done on signals, and takes the timers, for the command. To be called
 * first. */
void run_signals_save(void);

/*
 * Blocks all signals, to be taken from a descriptor; to be called before there
 * are threads.
 */
osp_status run_signals_block(run_child *child, osp_error *err) OSP_MUST_CHECK;

/*
 * Starts the command with the signals as we found them. A command that cannot be
 * executed is OSP_OK, after a message, which err has as well, and *exec_error is the
 * exit status for it, otherwise 0.
 */
osp_status run_child_start(run_child *child, char **argv, int *exec_error,
						   osp_error *err) OSP_MUST_CHECK;

/* Becomes the command, with the signals as we found them. Returns the exit status
 * after a message if that is not possible. */
int run_child_become(char **argv);

/* Ships, and hands signals on, until the command has ended. */
void run_child_wait(run_child *child, osp_shipper *shipper);

/* Did somebody lose patience? Drops all other signals that came. */
bool run_interrupted(const run_child *child);

/* Ends as the command did: with its status, or by its signal. */
int run_end_as(const run_child *child);

/* --- run_hint.c --- */

/* Appends what somebody may have meant by a command that cannot be executed, with this
 * errno; nothing where that is not known. */
void run_hint_add(osp_buf *out, const char *command, int error);

/* --- run_follow.c: points as they happen --- */

typedef struct run_follow
{
	int64_t start_ns;
	int64_t first_ns; /* of the records that came */
	int64_t last_ns;
	bool prints;    /* a line for each, on stderr */
	bool saw_any;   /* a point came */
	bool saw_libpq; /* an operation of libpq was among them */
	run_seen seen;
} run_follow;

/* An osp_tap_fn; ctx is a run_follow. */
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
	char absolute[RUN_COLLECTOR_MAX]; /* of a relative one, else empty */
	char address[1024];               /* the same without its password */
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

/* How many statements of the command the collector has from a server, when no more
 * come in. */
uint64_t run_server_known(const run_state *run);

/* Asks the server that the command has used which statements it leaves out, for a message;
 * empty: none, or it cannot be asked. */
void run_server_left_out(const run_state *run, osp_error *err);

/* Asks the server that the command has used for its operations, and stores them in
 * the collector. OSP_EUNSUPPORTED, with an empty message: it is not on this host.
 * OSP_OK with a message: which statements the server leaves out. */
osp_status run_server_fetch(const run_state *run,
							osp_error *err) OSP_MUST_CHECK;

/* --- run_outside.c --- */

/* Notes for `trace show` how much of the command's time is not in the trace, if that is
 * much. */
void run_note_outside(const run_state *run, int64_t ended_ns);

/* --- run_losses.c --- */

/* Says how many points are gone, and why, and what could not be traced at all. */
void run_report_losses(const run_state *run, const osp_run_totals *totals);

/* --- run_summary.c --- */

/* Asks the server for its half, and says in one line what was seen, unless that is not
 * wanted or nothing was. */
void run_summarize(const run_state *run, const osp_run_totals *totals);

/* After the command has ended: delivers the rest, removes the run directory if
 * nothing is left in it, and says how to see the trace, or why there is none. */
void run_finish(run_state *run);

#endif /* OSPROFILER_CLI_RUN_H */
