/* SPDX-License-Identifier: Apache-2.0
 *
 * check_server_key.c
 *	  Does the server know the key that signs here?
 *
 * The context goes to the server as settings of the session. The statement that asks
 * for the verdict is then traced itself: it is the test statement that the last step
 * waits for.
 */
#include "doctor/doctor.h"

static const char set_context[] =
	"SELECT pg_catalog.set_config('osprofiler.trace_info', $1, false), "
	"pg_catalog.set_config('osprofiler.trace_hmac', $2, false)";

static osp_status
sign_context(doctor *d, osp_headers *headers)
{
	osp_id id;

	if (!osp_id_set(&id, osp_str_of(d->server_trace_id)))
		return OSP_EINVAL;
	return osp_context_sign(d->keys, 0, &id, &id, headers);
}

/* The server's file of keys, whole; empty: there is none, or this user may not know
 * it. */
static const char question_file[] =
	"SELECT CASE WHEN f = '' OR f LIKE '/%' THEN f ELSE "
	"pg_catalog.current_setting('data_directory') || '/' || f END "
	"FROM pg_catalog.current_setting('osprofiler.hmac_keys_file') f";

static void
add_mend(doctor *d, doctor_result *r, const char *file)
{
	bool in_file = d->config.hmac_keys[0] == '\0';

	doctor_advise(r,
				  "as the server's user, add the key that signs here; or take "
				  "one of the server's keys here, in OSPROFILER_HMAC_KEYS");
	doctor_mend(r,
				in_file ? "cat \"$OSPROFILER_HMAC_KEYS_FILE\" >>"
						: "echo \"$OSPROFILER_HMAC_KEYS\" >>");
	doctor_mend_word(r, file);
	doctor_mend(r, " && ");
	doctor_mend_sql(d, r, "SELECT pg_reload_conf()", NULL);
}

static void
report_keys(doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;
	const char *file = "";

	if (cli_server_ask(d->server, question_file, 0, NULL, &answer, NULL) ==
		OSP_OK)
		file = cli_answer_value(answer, 0, 0);
	if (file[0] != '\0')
		add_mend(d, r, file);
	else
		doctor_advise(r,
					  "put the key that signs here into a file that only the "
					  "server's user can read, name it in "
					  "osprofiler.hmac_keys_file, and reload the server");
	cli_answer_free(answer);
}

static void
report_refusal(doctor *d, doctor_result *r, const char *verdict,
			   const char *reason)
{
	doctor_wrong(
		r, "the server refuses a context that is signed here: %s", reason);
	if (strcmp(verdict, "bad_signature") == 0 ||
		strcmp(verdict, "no_keys") == 0)
		report_keys(d, r);
}

static void
report_inactive(const doctor *d, doctor_result *r, const char *reason)
{
	doctor_wrong(
		r, "the context is accepted, but nothing is traced: %s", reason);
	if (strstr(reason, "osprofiler.points") != NULL)
		doctor_mend_sql(d,
						r,
						"ALTER SYSTEM RESET osprofiler.points",
						"SELECT pg_reload_conf()");
}

static void
ask_verdict(doctor *d, doctor_result *r, const osp_headers *headers)
{
	const char *const params[] = {headers->trace_info, headers->trace_hmac};
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;
	const char *verdict;
	const char *reason;

	if (cli_server_ask(d->server, set_context, 2, params, &answer, &err) !=
		OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	cli_answer_free(answer);
	if (cli_server_ask(d->server,
					   "SELECT verdict, reason, active FROM "
					   "osprofiler.context() /* osprofiler doctor */",
					   0,
					   NULL,
					   &answer,
					   &err) != OSP_OK)
	{
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
		doctor_good(r, "it accepts a context that is signed here");
	cli_answer_free(answer);
}

void
check_server_key(doctor *d, doctor_result *r)
{
	const char *const nothing[] = {"", ""};
	osp_headers headers;
	cli_answer *answer = NULL;
	osp_status status = sign_context(d, &headers);

	if (status != OSP_OK)
	{
		doctor_wrong(r, "cannot sign: %s", osp_status_text(status));
		return;
	}
	ask_verdict(d, r, &headers);
	if (cli_server_ask(d->server, set_context, 2, nothing, &answer, NULL) ==
		OSP_OK)
		cli_answer_free(answer);
}
