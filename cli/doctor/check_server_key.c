/* SPDX-License-Identifier: Apache-2.0
 *
 * check_server_key.c
 *	  Does the server know the key that signs here?
 *
 * The context goes to the server as settings of a transaction. The statement
 * that asks for the verdict is then traced itself: it is the test statement
 * that the last step waits for, and the only statement of this command that is
 * traced. osprofiler.min_duration must not exclude it, and it must not be
 * sampled. A superuser sets both for this transaction. For other users the
 * statement lasts as long as that setting demands, and its source shows whether
 * it was sampled.
 *
 * The verdict is asked for before that in the same transaction while nothing is
 * traced in it: a context that is refused then is not counted in osprofiler.stat,
 * where it would look like one of a program.
 */
#include "doctor/doctor.h"
#include "shell_text.h"

static const char set_context[] =
	"SELECT pg_catalog.set_config('osprofiler.trace_info', $1, true), "
	"pg_catalog.set_config('osprofiler.trace_hmac', $2, true)";

static const char begin_tracing[] =
	"SELECT pg_catalog.set_config('osprofiler.untraced', 'off', true), "
	"(SELECT count(pg_catalog.set_config(name, '0', true)) FROM "
	"pg_catalog.pg_settings WHERE name IN ('osprofiler.sample_rate', "
	"'osprofiler.min_duration') AND "
	"pg_catalog.current_setting('is_superuser')::bool)";

#define TEXT_OF(number)       TEXT_OF_VALUE(number)
#define TEXT_OF_VALUE(number) #number

/*
 * Asks for the verdict on the context. A sampled statement says nothing about
 * it. A list of traces shows how a statement begins, so the comment comes as
 * early as PostgreSQL 18 records one: behind the first word.
 */
static const char ask_verdict[] =
	"SELECT /* test of osprofiler doctor */ "
	"CASE source WHEN 'sampling' THEN 'bad_signature' ELSE verdict END, "
	"CASE source WHEN 'sampling' THEN 'the statement is traced by "
	"osprofiler.sample_rate instead' ELSE reason END, active "
	"FROM osprofiler.context(), pg_catalog.pg_sleep((SELECT CASE WHEN "
	"setting::int <= " TEXT_OF(
		DOCTOR_SLOW_MAX_MS) " THEN setting::int ELSE 0 "
							"END / 1000.0 FROM pg_catalog.pg_settings WHERE name = "
							"'osprofiler.min_duration'))";

static const char ask_untraced[] =
	"SELECT verdict, reason, active FROM osprofiler.context()";

static osp_status
sign_context(const doctor *d, osp_keyring *keys, osp_headers *headers)
{
	osp_id id;

	if (!osp_id_set(&id, osp_str_of(d->server_trace_id)))
		return OSP_EINVAL;
	return osp_context_sign(keys, 0, &id, &id, headers);
}

/*
 * Asks for the verdict on the context of the transaction, at first while nothing is
 * traced. An older extension cannot check a context then, and answers "none"; the
 * question is then asked again with tracing.
 */
static osp_status
ask_for_verdict(doctor *d, cli_answer **answer, osp_error *err)
{
	osp_status status =
		cli_server_ask(d->server, ask_untraced, 0, NULL, answer, err);
	const char *verdict =
		status == OSP_OK ? cli_answer_value(*answer, 0, 0) : "";
	cli_answer *set = NULL;

	if (status != OSP_OK ||
		(strcmp(verdict, "accepted") != 0 && strcmp(verdict, "none") != 0))
		return status;
	cli_answer_free(*answer);
	*answer = NULL;
	status = cli_server_ask(d->server, begin_tracing, 0, NULL, &set, err);
	if (status == OSP_OK)
		status = cli_server_ask(d->server, ask_verdict, 0, NULL, answer, err);
	cli_answer_free(set);
	return status;
}

osp_status
doctor_ask_context(doctor *d, osp_keyring *keys, cli_answer **answer,
				   osp_error *err)
{
	osp_headers headers;
	osp_status status = sign_context(d, keys, &headers);
	const char *const params[] = {headers.trace_info, headers.trace_hmac};
	cli_answer *set = NULL;

	*answer = NULL;
	if (status != OSP_OK)
		return osp_error_set(
			err, status, "cannot sign: %s", osp_status_text(status));
	status = cli_server_begin(d->server, err);
	if (status == OSP_OK)
		status = cli_server_ask(d->server, set_context, 2, params, &set, err);
	if (status == OSP_OK)
		status = ask_for_verdict(d, answer, err);
	if (status == OSP_OK)
		status = cli_server_commit(d->server, err);
	if (status == OSP_OK &&
		strcmp(cli_answer_value(*answer, 0, 0), "accepted") == 0 &&
		strcmp(cli_answer_value(*answer, 0, 2), "t") == 0)
		doctor_note_trace(d, d->server_trace_id, true);
	cli_answer_free(set);
	return status;
}

/*
 * Asks for the server's file of keys; empty: there is none. An error means that
 * this user must not know it. A relative path starts in the server's data
 * directory.
 */
static const char question_file[] =
	"SELECT pg_catalog.current_setting('osprofiler.hmac_keys_file')";

/* Appends text as a constant of SQL. */
static void
add_literal(osp_buf *out, osp_str text)
{
	size_t i;

	osp_buf_add_char(out, '\'');
	for (i = 0; i < text.len; i++)
	{
		if (text.ptr[i] == '\'')
			osp_buf_add_char(out, '\'');
		osp_buf_add_char(out, text.ptr[i]);
	}
	osp_buf_add_char(out, '\'');
}

/*
 * The file of keys for a server that has none. It is made in the data
 * directory, which is the working directory of the server's processes.
 */
#define NEW_FILE "osprofiler.keys"

/* Appends " -c STATEMENT" to the command line. */
static void
mend_statement(doctor_result *r, const char *statement)
{
	doctor_mend(r, " -c ");
	doctor_mend_word(r, statement);
}

/*
 * Adds a statement by which the server's own process appends the lines that its
 * file of keys lacks. Only that process needs access to the file, and the key
 * is in no text of a statement. If the last line is not ended, a line end is
 * written first.
 */
static void
mend_append(doctor_result *r, const char *file)
{
	osp_buf statement;
	osp_buf command;
	osp_buf word;

	(void) cli_quoted(&word, file);
	osp_buf_init(&command, &osp_allocator_default, 8 * PATH_MAX);
	osp_buf_init(&statement, &osp_allocator_default, 16 * PATH_MAX);
	osp_buf_addf(&command,
				 "umask 077; f=%s; touch \"$f\" && { [ -z \"$(tail -c1 "
				 "\"$f\")\" ] || echo >>\"$f\"; } && { grep -vxFf \"$f\" "
				 ">>\"$f\" || [ $? = 1 ]; }",
				 osp_buf_status(&word) == OSP_OK ? word.ptr : "");
	osp_buf_add_str(&statement, OSP_STR("COPY osprofiler_keys TO PROGRAM "));
	add_literal(&statement, osp_buf_str(&command));
	if (osp_buf_status(&word) == OSP_OK && osp_buf_status(&command) == OSP_OK &&
		osp_buf_status(&statement) == OSP_OK)
		mend_statement(r, statement.ptr);
	osp_buf_term(&word);
	osp_buf_term(&command);
	osp_buf_term(&statement);
}

/* Proposes to add the key that signs here to the server's file of keys. */
static void
add_mend(doctor *d, doctor_result *r, const char *file)
{
	/* Root opens no file of another user: it might be a link to a file of root's. */
	bool here_in_file = d->config.hmac_keys[0] == '\0' && d->for_user == NULL;

	doctor_advise(r,
				  "as a superuser, give the server the key that signs here; or "
				  "take one of the server's keys here, in "
				  "OSPROFILER_HMAC_KEYS_FILE");
	if (!here_in_file)
	{
		doctor_mend_keys(d, r);
		doctor_mend(r, " | ");
	}
	doctor_add_psql(d, r);
	mend_statement(r, "CREATE TEMP TABLE osprofiler_keys (line text)");
	mend_statement(r, "\\copy osprofiler_keys FROM pstdin");
	mend_append(r, file[0] != '\0' ? file : NEW_FILE);
	if (file[0] == '\0')
		mend_statement(r,
					   "ALTER SYSTEM SET osprofiler.hmac_keys_file = "
					   "'" NEW_FILE "'");
	mend_statement(r, "SELECT pg_catalog.pg_reload_conf()");
	if (here_in_file)
	{
		doctor_mend(r, " <");
		doctor_mend_path(r, d->config.hmac_keys_file);
	}
}

static void
report_keys(doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;

	/* A user who must not read the name of the file cannot add a key, either. */
	if (doctor_mend_as_owner(d, r))
		return;
	if (cli_server_ask(d->server, question_file, 0, NULL, &answer, NULL) ==
		OSP_OK)
		add_mend(d, r, cli_answer_value(answer, 0, 0));
	else
		doctor_advise(r,
					  "have an administrator of the server add the key that "
					  "signs here to its file of keys "
					  "(osprofiler.hmac_keys_file): "
					  "'osprofiler doctor', called by a superuser with this "
					  "key, says how");
	cli_answer_free(answer);
}

static void
report_refusal(doctor *d, doctor_result *r, const char *verdict,
			   const char *reason)
{
	bool other_key = strcmp(verdict, "bad_signature") == 0;

	if (other_key)
		doctor_describe_keys(d, r);
	doctor_wrong(
		r, "the server refuses a context that is signed here: %s", reason);

	/* If the file of keys itself is wrong, it does not help to add a key. */
	if (doctor_mend_server_file(d, r, reason))
		return;
	if (strncmp(reason, "file \"", 6) == 0)
		doctor_advise(r,
					  "correct that file of the server, then, as a superuser: "
					  "SELECT pg_catalog.pg_reload_conf()");
	else if (strcmp(verdict, "no_keys") == 0 ||
			 (other_key && !doctor_choose_key(d, r)))
		report_keys(d, r);
}

static void
report_inactive(const doctor *d, doctor_result *r, const char *reason)
{
	doctor_wrong(
		r, "the context is accepted, but nothing is traced: %s", reason);
	if (doctor_mend_server_run_directory(d, r, reason))
		return;
	if (strstr(reason, "osprofiler.points") != NULL)
		doctor_mend_sql(d,
						r,
						"ALTER SYSTEM RESET osprofiler.points",
						"SELECT pg_catalog.pg_reload_conf()",
						DOCTOR_END);
}

/*
 * Reports that the key is accepted. Every user has a key of their own, so this
 * says nothing about the user of a service.
 */
static void
report_accepted(const doctor *d, doctor_result *r)
{
	char name[CLI_USER_NAME_MAX];

	doctor_good(r,
				"it accepts a context that is signed here, by the user %s",
				doctor_user_name(name));
	if (!cli_server_is_superuser(d->server) || d->for_user != NULL)
		return;
	doctor_good(r, "; for another user: ");
	if (!cli_may_act_as_others())
		doctor_good(r, "as root, ");
	doctor_good(r, "osprofiler doctor --fix --for-user USER ");
	cli_server_add_place(d->server, &r->found);
}

void
check_server_key(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;
	const char *verdict;
	const char *reason;

	if (d->samples_only)
	{
		doctor_skip(r, "not needed for sampling");
		return;
	}
	if (doctor_ask_context(d, d->keys, &answer, &err) != OSP_OK)
	{
		cli_answer_free(answer);
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	verdict = cli_answer_value(answer, 0, 0);
	reason = cli_answer_value(answer, 0, 1);
	if (strcmp(verdict, "accepted") != 0)
		report_refusal(d, r, verdict, reason != NULL ? reason : verdict);
	else if (strcmp(cli_answer_value(answer, 0, 2), "t") != 0)
		report_inactive(d, r, reason != NULL ? reason : "");
	else
		report_accepted(d, r);
	cli_answer_free(answer);
}
