/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor.h
 *	  What the checks of `osprofiler doctor` share.
 *
 * A check is a function in a file of its own, and a row in the table of
 * doctor_table.c, which says which other checks have to be good first. It fills
 * in a result: one sentence on what was found and, if that is wrong, what to
 * do, in words or as a command line.
 */
#ifndef OSPROFILER_CLI_DOCTOR_H
#define OSPROFILER_CLI_DOCTOR_H

#include <limits.h>

#include "as_user.h"
#include "osprofiler/context.h"
#include "osprofiler/driver.h"
#include "profiler/config.h"
#include "record/rundir.h"
#include "record/runstat.h"
#include "server/server_connection.h"

typedef enum doctor_verdict
{
	DOCTOR_NOT_ASKED, /* the arguments do not ask for this step */
	DOCTOR_NOT_TRIED, /* a step that it needs is wrong */
	DOCTOR_GOOD,
	DOCTOR_WRONG
} doctor_verdict;

typedef struct doctor_result
{
	const char *title; /* of the step; a constant */
	doctor_verdict verdict;
	osp_buf found;
	osp_buf advice; /* in words; may be empty */
	osp_buf mend;   /* a command line for a shell; may be empty */
	bool is_left;   /* the command line is printed, and never executed */
	bool is_roots;  /* root has to execute it, also with --for-user */
	bool is_nested; /* the command line calls doctor as the server's user */
	bool concerns_others; /* good here, but different in other sessions */
	bool is_hidden; /* this user may not see whether points are delivered */
} doctor_result;

/* The steps, in the order in which they are tried. */
typedef enum doctor_step
{
	STEP_CONFIGURATION,
	STEP_NAMES,
	STEP_RUN_DIRECTORY,
	STEP_KEYS,
	STEP_HOOKS,
	STEP_AGENT,
	STEP_COLLECTOR,
	STEP_STORE,
	STEP_READ_BACK,
	STEP_SERVER,
	STEP_MODULE,
	STEP_EXTENSION,
	STEP_SAMPLING,
	STEP_SERVER_KEY,
	STEP_SHIPPER,
	STEP_ARRIVAL,
	STEP_PROGRAM,
	STEP_UNDO_PRELOAD, /* the first step of --unfix */
	STEP_UNDO_ELSEWHERE,
	STEP_UNDO_NEW_SESSION,
	STEP_UNDO_EXTENSION,
	STEP_UNDO_OTHER_DATABASES,
	STEP_UNDO_SETTINGS,
	STEP_UNDO_OPEN_SESSIONS,
	STEP_UNDO_SHIPPER,
	STEP_UNDO_REST,
	STEP_COUNT
} doctor_step;

/* A trace that doctor stored as a test. */
typedef struct doctor_trace
{
	char id[OSP_UUID_TEXT_LEN + 1];
	bool by_server; /* the server's shipper delivers it */
	bool arrived;
} doctor_trace;

#define DOCTOR_TRACES_MAX 16

/* The arguments, and what the checks have found so far. */
typedef struct doctor
{
	const char *conninfo; /* the server to check; NULL: none */
	const char *program;  /* the program to check; NULL: none */
	const char *connection_string;
	const char *transport_url;
	const char *run_directory_given;
	bool fix;             /* execute the command lines that correct something */
	bool unfix;           /* take back what --fix changed in a server */
	bool add_key;         /* give the server this side's key in any case */
	bool move_collector;  /* have the server deliver to the collector here */
	const char *for_user; /* the user as whom root acts; NULL: none */
	bool ignores_key;     /* root's OSPROFILER_HMAC_KEYS is not used */

	osp_config config; /* NULL texts until STEP_CONFIGURATION is good */
	char run_directory[OSP_RUNDIR_PATH_MAX];
	osp_keyring *keys;  /* NULL: STEP_KEYS found none */
	char key_text[512]; /* the key that signs, if the settings name it */
	const osp_driver *driver;
	osp_driver_conn *collector;
	char collector_shown[512];                   /* without its password */
	char probe_id[OSP_UUID_TEXT_LEN + 1];        /* the trace of STEP_STORE */
	char server_trace_id[OSP_UUID_TEXT_LEN + 1]; /* of the test statement */
	cli_server *server;
	char moved_from[512]; /* the collector from which --fix moved the server */
	char moved_uri[2048]; /* that one with password; empty: the default */
	bool samples_only;    /* no key here; sampling works without one */
	bool role_loads;      /* this ordinary user's role loads the module */
	bool has_nested;      /* a nested call has printed its report */
	bool undone;          /* a nested --unfix call found all good */

	char own_store[PATH_MAX]; /* a database for the test alone; empty: none */
	unsigned own_directories; /* that were made for it */

	doctor_trace traces[DOCTOR_TRACES_MAX];
	unsigned trace_count;
	doctor_result results[STEP_COUNT];
} doctor;

/*
 * The heading of the report for a user, if there are several: the user's name,
 * and an addition.
 */
#define DOCTOR_HEADING "--- report for the user %s%s ---\n"

/* --- doctor_table.c --- */

typedef struct doctor_check
{
	const char *name;  /* of the step in the JSON */
	const char *title; /* of the step in the text */
	unsigned needs;    /* steps that have to be good, as 1 << STEP_SERVER */
	void (*run)(doctor *d, doctor_result *r);
} doctor_check;

const doctor_check *doctor_check_of(doctor_step step);

/* Makes the check of a step, even if steps that it needs are not good. */
void doctor_check_step(doctor *d, doctor_step step);

/* Runs all checks. True if nothing is wrong. */
bool doctor_run(doctor *d) OSP_MUST_CHECK;

/*
 * The steps of --unfix that were not tried, as bits. While there is one, nobody
 * knows whether the library may be removed. 0 without --unfix.
 */
unsigned doctor_untried(const doctor *d) OSP_MUST_CHECK;

/* --- doctor_words.c: filling a result --- */

void doctor_good(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_wrong(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_skip(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_add_found(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_advise(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_mend(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);

/* Appends a word to the command line, quoted for a shell where necessary. */
void doctor_mend_word(doctor_result *r, const char *word);

/*
 * Appends the path of a file to the command line as a word. It is made
 * absolute, since the command may be executed in another directory.
 */
void doctor_mend_path(doctor_result *r, const char *path);

/* The name of the user whose programs are checked. */
const char *doctor_user_name(char name[CLI_USER_NAME_MAX]);

/*
 * Appends what has to be typed before a command to execute it as the user uid.
 * It depends on who will execute the command line.
 */
void doctor_mend_as(const doctor *d, doctor_result *r, uid_t uid);

/*
 * Appends what has to be typed before a command that only root may execute, and
 * that is left to the user.
 */
void doctor_mend_as_root(doctor_result *r);

/*
 * Appends what has to be typed before a command that only root and the user uid
 * may execute.
 */
void doctor_mend_as_root_or(const doctor *d, doctor_result *r, uid_t uid);

/*
 * Appends a call of psql, as cli_server_add_psql does, by the user of this host
 * whom the server lets in.
 */
void doctor_add_psql(const doctor *d, doctor_result *r);

/*
 * Appends a call of psql as a superuser: by the server's user if this user is
 * not a superuser.
 */
void doctor_add_superuser_psql(const doctor *d, doctor_result *r);

/* Proposes that root gives a file or directory to this user. It is never executed. */
void doctor_mend_owner(doctor_result *r, const char *path);

/*
 * If a part of path in this user's home directory belongs to another user,
 * proposes to give it to this one. False: none does.
 */
bool doctor_mend_foreign(doctor_result *r, const char *path) OSP_MUST_CHECK;

/*
 * If path lies below a home directory that does not exist, advises how to make
 * that directory, or which variable sets another place. False: it exists.
 */
bool doctor_mend_home(doctor_result *r, const char *path, const char *variable,
					  const char *other) OSP_MUST_CHECK;

/*
 * Appends a call of psql by which a superuser executes statements, up to
 * DOCTOR_END, and says who has to do that. The call ends with the first
 * statement that fails.
 */
#define DOCTOR_END ((const char *) NULL)
void doctor_mend_sql(const doctor *d, doctor_result *r, ...)
	__attribute__((sentinel));

/*
 * Appends a call of psql by which a superuser executes two statements about a
 * role or database. Called by another user, `osprofiler doctor` would not
 * propose them.
 */
void doctor_mend_role(const doctor *d, doctor_result *r, const char *load,
					  const char *alter);

/* Advises how to install the extension for this server. */
void doctor_advise_installing(const doctor *d, doctor_result *r);

/* Are the keys set by the variable OSPROFILER_HMAC_KEYS? */
bool doctor_keys_in_variable(void) OSP_MUST_CHECK;

/* Appends a command that prints the keys of this side. */
void doctor_mend_keys(const doctor *d, doctor_result *r);

/*
 * If the connection is that of an ordinary user, proposes to call `osprofiler
 * doctor --fix`, or --unfix, with the keys of this call as the system user of
 * the server. False: it is not, or the server runs on another machine.
 */
bool doctor_mend_as_owner(const doctor *d, doctor_result *r) OSP_MUST_CHECK;

/* The path of this command's program. False: unknown. */
bool doctor_own_path(char path[PATH_MAX]) OSP_MUST_CHECK;

/* --- doctor_fix.c --- */

/* Executes the command line that corrects a wrong step, says so on stderr, and
 * tries the step again. */
void doctor_fix(doctor *d, doctor_step step);

/* --- doctor_print.c --- */

/* Prints the report. CLI_OK, or CLI_FAILED after a message. */
int doctor_print(const doctor *d, bool json) OSP_MUST_CHECK;

/* --- the checks, each in the file of its name --- */

void check_configuration(doctor *d, doctor_result *r);
void check_names(doctor *d, doctor_result *r);
void check_run_directory(doctor *d, doctor_result *r);
void check_keys(doctor *d, doctor_result *r);
void check_hooks(doctor *d, doctor_result *r);
void check_agent(doctor *d, doctor_result *r);
void check_collector(doctor *d, doctor_result *r);
void check_store(doctor *d, doctor_result *r);
void check_read_back(doctor *d, doctor_result *r);
void check_server(doctor *d, doctor_result *r);
void check_module(doctor *d, doctor_result *r);
void check_extension(doctor *d, doctor_result *r);
void check_sampling(doctor *d, doctor_result *r);
void check_server_key(doctor *d, doctor_result *r);
void check_shipper(doctor *d, doctor_result *r);
void check_arrival(doctor *d, doctor_result *r);
void check_program(doctor *d, doctor_result *r);

/* --- check_sampling.c --- */

/* Does the server record transactions of this session's role and database by itself? */
bool doctor_server_samples(const doctor *d) OSP_MUST_CHECK;

/* --- check_agent.c --- */

/* Adds to what was found how many points are lost, if any, and when the last one was. */
void doctor_add_lost(doctor_result *r, const osp_run_totals *totals);

/* --- check_store.c --- */

/* Makes new ids for the test traces. */
void doctor_new_ids(doctor *d);

/* --- check_server_key.c --- */

/*
 * Has the server judge a context that these keys sign. The answer, owned, has
 * the verdict, the reason and whether the statement is traced.
 */
osp_status doctor_ask_context(doctor *d, osp_keyring *keys, cli_answer **answer,
							  osp_error *err) OSP_MUST_CHECK;

/*
 * The longest test statement of an ordinary user. It lasts as long as
 * osprofiler.min_duration demands, up to this.
 */
#define DOCTOR_SLOW_MAX_MS 2000

/* --- doctor_server/other_key.c --- */

/*
 * Reports where each side has its keys from, if the server has other keys than
 * this side.
 */
void doctor_describe_keys(doctor *d, doctor_result *r);

/*
 * If the server knows the key in a file of this side, advises the user to use
 * that file instead of the other keys, and returns true. Otherwise returns
 * false; the advice may then be to check which key is right.
 */
bool doctor_choose_key(doctor *d, doctor_result *r) OSP_MUST_CHECK;

/* --- doctor_server/module_sessions.c --- */

/* Appends a description of sessions: rows of application, role and process id. */
void doctor_add_sessions(osp_buf *out, const cli_answer *answer);

/*
 * Reports sessions that are not traced, since they began before the setting
 * that loads the module.
 */
void doctor_advise_restarts(doctor *d, doctor_result *r);

/* --- own_traces.c --- */

/* Notes that points of a trace were stored, which have to be removed at the end. */
void doctor_note_trace(doctor *d, const char *id, bool by_server);

/* Notes that the trace has arrived in a collector. */
void doctor_note_arrival(doctor *d, const char *id);

/* Removes all noted traces from the collectors of both sides, which remain open. */
void doctor_remove_traces(doctor *d);

/* --- own_store.c --- */

/*
 * Is the collector root's own database, which does not exist? Then root, who
 * checks a server for others, gets a database for the test alone. Notes its path.
 */
bool doctor_needs_own_store(doctor *d) OSP_MUST_CHECK;

/* Removes the database for the test, and the directories that were made for it. */
void doctor_remove_own_store(const doctor *d);

/* --- doctor_server/server_collector.c --- */

typedef struct doctor_server_collector
{
	bool is_known; /* this user may read the setting */
	bool is_named; /* it is set; else it is the default */
	char uri[2048];
	char shown[512]; /* without its password; empty: not known */
} doctor_server_collector;

void doctor_find_server_collector(doctor *d, doctor_server_collector *out);

/*
 * Asks the server for one value; NULL: the server does not answer. Released by
 * cli_answer_free.
 */
const char *doctor_ask_value(doctor *d, const char *sql, cli_answer **answer);

/* Should the server get the collector of this side, whatever its own is? */
bool doctor_moves_collector(const doctor *d) OSP_MUST_CHECK;

/*
 * Proposes one collector for both sides, if the server has another one than
 * this side.
 */
void doctor_mend_collector(doctor *d, doctor_result *r);

/*
 * Proposes to find out why the server has not delivered a statement. is_named:
 * both sides name one collector.
 */
void doctor_mend_delivery(const doctor *d, doctor_result *r, bool is_named);

/* --- doctor_server/server_rights.c --- */

/*
 * If the server's error is that it must not use a file of keys, a file with its
 * collector, or its store, proposes the owner and mode that it needs. False: it
 * is another error.
 */
bool doctor_mend_server_file(const doctor *d, doctor_result *r,
							 const char *error) OSP_MUST_CHECK;

/* The same of the server's run directory. */
bool doctor_mend_server_run_directory(const doctor *d, doctor_result *r,
									  const char *error) OSP_MUST_CHECK;

/* --- check_read_back.c --- */

/*
 * Counts the points of a trace in the collector, waiting up to wait_ms until it
 * has count of them; then removes the trace where the collector can. Returns
 * OSP_OK also if there are fewer. *kept says why the trace was not removed, if it
 * could not be.
 */
osp_status doctor_read_trace(doctor *d, const char *base_id, size_t count,
							 unsigned wait_ms, size_t *found, osp_error *kept,
							 osp_error *err) OSP_MUST_CHECK;

/*
 * Adds that a trace that was found could not be removed. That is wrong if its file
 * system is full; a user without the right to remove traces may still trace.
 */
void doctor_report_kept(doctor_result *r, const char *base_id,
						const osp_error *kept);

#endif /* OSPROFILER_CLI_DOCTOR_H */
