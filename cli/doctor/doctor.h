/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor.h
 *	  What the checks of `osprofiler doctor` share.
 *
 * A check is a function in a file of its own, and a row in the table of
 * doctor_table.c, which says what it needs. It fills a result: what was found, in
 * one sentence, and if that is wrong what to do, in words or as a command line.
 */
#ifndef OSPROFILER_CLI_DOCTOR_H
#define OSPROFILER_CLI_DOCTOR_H

#include <limits.h>

#include "as_user.h"
#include "osprofiler/context.h"
#include "osprofiler/driver.h"
#include "profiler/config.h"
#include "record/rundir.h"
#include "server/server_connection.h"

typedef enum doctor_verdict
{
	DOCTOR_NOT_ASKED, /* the arguments do not ask for it */
	DOCTOR_NOT_TRIED, /* what it needs is wrong */
	DOCTOR_GOOD,
	DOCTOR_WRONG
} doctor_verdict;

typedef struct doctor_result
{
	doctor_verdict verdict;
	osp_buf found;
	osp_buf advice; /* in words; may be empty */
	osp_buf mend;   /* a command line for a shell; may be empty */
	bool is_left;   /* the command line is printed, and never executed */
	bool is_roots;  /* the command line is root's, also with --for-user */
	bool is_nested; /* the command line calls doctor as the server's user */
	bool concerns_others; /* it is good here, and sessions of others differ */
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
	STEP_UNDO_PRELOAD, /* those of --unfix begin */
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

/* A trace that was stored to try something. */
typedef struct doctor_trace
{
	char id[OSP_UUID_TEXT_LEN + 1];
	bool by_server; /* it comes by the server's shipper */
	bool arrived;
} doctor_trace;

#define DOCTOR_TRACES_MAX 16

/* What the arguments say, and what the checks have found for those after them. */
typedef struct doctor
{
	const char *conninfo; /* NULL: no server */
	const char *program;  /* NULL: none */
	const char *connection_string;
	const char *transport_url;
	const char *run_directory_given;
	bool fix;   /* execute the command lines that mend something */
	bool unfix; /* the steps that take back what was mended in a server */
	bool
		add_key; /* the key that signs here is meant, whatever the server has */
	bool move_collector;  /* the server shall deliver to the collector here */
	const char *for_user; /* who is acted as here, by root; NULL: nobody else */
	bool
		ignores_key; /* OSPROFILER_HMAC_KEYS of root is not taken for that user */

	osp_config
		config; /* without texts (NULL) until STEP_CONFIGURATION is good */
	char run_directory[OSP_RUNDIR_PATH_MAX];
	osp_keyring *keys;  /* NULL: STEP_KEYS did not find any */
	char key_text[512]; /* the key that signs, if the settings name it */
	const osp_driver *driver;
	osp_driver_conn *collector;
	char collector_shown[512];                   /* without its password */
	char probe_id[OSP_UUID_TEXT_LEN + 1];        /* a trace that is stored */
	char server_trace_id[OSP_UUID_TEXT_LEN + 1]; /* of the test statement */
	cli_server *server;
	char moved_from[512]; /* the collector that --fix took from the server */
	char moved_uri[2048]; /* the same, with its password; empty: its default */
	bool
		samples_only; /* there is no key here, and the server needs none to sample */
	bool
		role_loads; /* a setting of this ordinary user's role loads the module */
	bool
		has_nested; /* doctor was called as the server's user, and has reported */
	bool
		undone; /* doctor --unfix, called as the server's user, found all good */

	doctor_trace traces[DOCTOR_TRACES_MAX];
	unsigned trace_count;
	doctor_result results[STEP_COUNT];
} doctor;

/* Above the report for a user, if there are several: the name, and more words. */
#define DOCTOR_HEADING "--- report for the user %s%s ---\n"

/* --- doctor_table.c --- */

typedef struct doctor_check
{
	const char *name;  /* in the JSON */
	const char *title; /* in the text */
	unsigned needs;    /* bits of steps: 1 << STEP_SERVER */
	void (*run)(doctor *d, doctor_result *r);
} doctor_check;

const doctor_check *doctor_check_of(doctor_step step);

/* Makes a check, whatever it needs. */
void doctor_check_step(doctor *d, doctor_step step);

/* Runs all checks. True if nothing is wrong. */
bool doctor_run(doctor *d) OSP_MUST_CHECK;

/* The steps of --unfix that were not tried: while there is one, nobody knows whether the
 * library may be removed. Without --unfix 0. */
unsigned doctor_untried(const doctor *d) OSP_MUST_CHECK;

/* --- doctor_words.c: filling a result --- */

void doctor_good(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_wrong(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_skip(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_add_found(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_advise(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);
void doctor_mend(doctor_result *r, const char *fmt, ...) OSP_PRINTF(2, 3);

/* Appends a word to the command line, as a shell reads it back. */
void doctor_mend_word(doctor_result *r, const char *word);

/* The same for the path of a file, made absolute: the command line may be executed in
 * another directory. */
void doctor_mend_path(doctor_result *r, const char *path);

/* The name of the user whose programs are checked. */
const char *doctor_user_name(char name[CLI_USER_NAME_MAX]);

/* Appends what is typed before a command for the user uid, by who will execute the
 * command line. */
void doctor_mend_as(const doctor *d, doctor_result *r, uid_t uid);

/* Appends a call of psql, as cli_server_add_psql does, by the user of this host who may
 * connect so. */
void doctor_add_psql(const doctor *d, doctor_result *r);

/* The same, as a superuser: by the server's user if this one is none. */
void doctor_add_superuser_psql(const doctor *d, doctor_result *r);

/* A file is to be made at path, below a home directory that does not exist: says so, and
 * how the directory is made, or which variable names another place. False: it exists. */
bool doctor_mend_home(doctor_result *r, const char *path, const char *variable,
					  const char *other) OSP_MUST_CHECK;

/* Appends a call of psql by which a superuser executes statements, up to DOCTOR_END,
 * and says who is to do that. The call ends with the first one that fails. */
#define DOCTOR_END ((const char *) NULL)
void doctor_mend_sql(const doctor *d, doctor_result *r, ...)
	__attribute__((sentinel));

/* Appends a call of psql by which a superuser executes two statements about a role or
 * database, which `osprofiler doctor` of another user would not find. */
void doctor_mend_role(const doctor *d, doctor_result *r, const char *load,
					  const char *alter);

/* Says how the extension is installed for this server. */
void doctor_advise_installing(const doctor *d, doctor_result *r);

/* Does the environment name the keys? */
bool doctor_keys_in_variable(void) OSP_MUST_CHECK;

/* Appends a command that prints the keys of this side. */
void doctor_mend_keys(const doctor *d, doctor_result *r);

/* Proposes to call `osprofiler doctor --fix`, or --unfix, as the user as whom a server on
 * this machine runs, with the keys of this call, if the connection is of an ordinary user.
 * False: it is not, or the server runs elsewhere. */
bool doctor_mend_as_owner(const doctor *d, doctor_result *r) OSP_MUST_CHECK;

/* The path of this command. False: unknown. */
bool doctor_own_path(char path[PATH_MAX]) OSP_MUST_CHECK;

/* --- doctor_fix.c --- */

/* Executes the command line that mends a wrong step, says so on stderr, and tries the
 * step again. */
void doctor_fix(doctor *d, doctor_step step);

/* --- doctor_print.c --- */

/* CLI_OK, or CLI_FAILED after a message. */
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

/* --- check_store.c --- */

/* Other ids for the traces that are stored to try something. */
void doctor_new_ids(doctor *d);

/* --- check_server_key.c --- */

/* Has the server judge a context that these keys sign: the answer, owned, has verdict,
 * reason and whether anything is traced. */
osp_status doctor_ask_context(doctor *d, osp_keyring *keys, cli_answer **answer,
							  osp_error *err) OSP_MUST_CHECK;

/* The test statement of an ordinary user lasts at most as long as this, for
 * osprofiler.min_duration. */
#define DOCTOR_SLOW_MAX_MS 2000

/* --- other_key.c --- */

/* The server knows other keys than this side: says where each side has its own. */
void doctor_describe_keys(doctor *d, doctor_result *r);

/* True if a file of keys here is the one to take then, and the result says so. */
bool doctor_choose_key(doctor *d, doctor_result *r) OSP_MUST_CHECK;

/* --- doctor_server/module_sessions.c --- */

/* Appends the sessions of rows of application, role and process id. */
void doctor_add_sessions(osp_buf *out, const cli_answer *answer);

/* Says which sessions began before the module was to be loaded, and are not traced. */
void doctor_advise_restarts(doctor *d, doctor_result *r);

/* --- own_traces.c --- */

/* Of this trace something was stored, and has to be removed at the end. */
void doctor_note_trace(doctor *d, const char *id, bool by_server);

/* It has arrived. */
void doctor_note_arrival(doctor *d, const char *id);

/* Removes all of them from the collectors here and there, which remain open. */
void doctor_remove_traces(doctor *d);

/* --- doctor_server/server_collector.c --- */

typedef struct doctor_server_collector
{
	bool is_known; /* this user may know it */
	bool is_named; /* somebody has named it; else it is the server's default */
	char uri[2048];
	char shown[512]; /* without its password; empty: not known */
} doctor_server_collector;

void doctor_find_server_collector(doctor *d, doctor_server_collector *out);

/* A value of the server, asked in one column; NULL: it does not answer. Released by
 * cli_answer_free. */
const char *doctor_ask_value(doctor *d, const char *sql, cli_answer **answer);

/* Shall the server get the collector of this side, whatever it has? */
bool doctor_moves_collector(const doctor *d) OSP_MUST_CHECK;

/* The server and this side have different collectors: proposes one for both. */
void doctor_mend_collector(doctor *d, doctor_result *r);

/* The server's error is that it may not use the file with its collector: says whose the
 * file has to be. False: it is another error. */
bool doctor_mend_collector_file(const doctor *d, doctor_result *r,
								const char *error) OSP_MUST_CHECK;

/* --- check_read_back.c --- */

/*
 * Counts the points of a trace in the collector, waiting up to wait_ms until it
 * has count of them; then removes the trace where the collector can. OSP_OK also
 * if fewer came.
 */
osp_status doctor_read_trace(doctor *d, const char *base_id, size_t count,
							 unsigned wait_ms, size_t *found,
							 osp_error *err) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_DOCTOR_H */
