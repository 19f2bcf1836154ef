/* SPDX-License-Identifier: Apache-2.0
 *
 * check_module.c
 *	  Did this session load the module when it began?
 */
#include "doctor/doctor.h"

#include <stdlib.h>

/* Of the session: does it know a setting of the module; which setting made it load
 * that; and how session_preload_libraries is written with the module. A name in
 * quotes is kept as it is. */
static const char question[] =
	"WITH s AS (SELECT name, setting FROM pg_catalog.pg_settings) "
	"SELECT EXISTS (SELECT FROM pg_catalog.pg_settings "
	"WHERE name = 'osprofiler.enabled' AND vartype = 'bool'), "
	"(SELECT string_agg(name, ', ') FROM s "
	"WHERE name LIKE '%preload_libraries' AND setting ~ 'osprofiler'), "
	"'ALTER SYSTEM SET session_preload_libraries = ' || "
	"COALESCE((SELECT string_agg(pg_catalog.quote_literal(pg_catalog.btrim(n, "
	"' \"')), ', ') FROM s, pg_catalog.regexp_split_to_table(setting, ',') n "
	"WHERE name = 'session_preload_libraries' AND n <> '') || ', ', '') || "
	"'''osprofiler''', "
	"pg_catalog.current_setting('osprofiler.enabled', true), "
	"EXISTS (SELECT FROM pg_catalog.pg_available_extensions "
	"WHERE name = 'osprofiler')";

/* With a library that is not there, or that does not load, the setting would keep
 * everybody out. So a session loads it first. */
static void
report_missing(const doctor *d, doctor_result *r, const char *named_in,
			   const char *alter, bool is_installed)
{
	if (!is_installed)
	{
		doctor_wrong(r, "it is not installed on the server's machine");
		doctor_advise_installing(d, r);
		return;
	}
	if (named_in != NULL)
	{
		doctor_wrong(
			r, "this session has not loaded it, though %s names it", named_in);
		doctor_advise(r,
					  "begin a new session; shared_preload_libraries needs "
					  "a restart of the server");
		return;
	}
	doctor_wrong(r,
				 "this session has not loaded it: neither "
				 "session_preload_libraries nor shared_preload_libraries nor "
				 "local_preload_libraries names osprofiler");
	doctor_mend_sql(d,
					r,
					"LOAD 'osprofiler'",
					alter,
					"SELECT pg_reload_conf()",
					DOCTOR_END);
}

void
check_module(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;
	const char *enabled;
	const char *named_in;

	if (cli_server_ask(d->server, question, 0, NULL, &answer, &err) != OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	named_in = cli_answer_value(answer, 0, 1);
	enabled = cli_answer_value(answer, 0, 3);
	if (strcmp(cli_answer_value(answer, 0, 0), "t") != 0)
		report_missing(d,
					   r,
					   named_in,
					   cli_answer_value(answer, 0, 2),
					   strcmp(cli_answer_value(answer, 0, 4), "t") == 0);
	else if (enabled != NULL && strcmp(enabled, "off") == 0)
	{
		doctor_wrong(r, "it is loaded, but osprofiler.enabled is off");
		doctor_mend_sql(d,
						r,
						"ALTER SYSTEM SET osprofiler.enabled = on",
						"SELECT pg_reload_conf()",
						DOCTOR_END);
	}
	else
		doctor_good(r,
					"loaded by %s",
					named_in != NULL ? named_in
									 : "a setting that this user may not see");
	cli_answer_free(answer);
}
