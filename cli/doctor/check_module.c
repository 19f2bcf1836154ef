/* SPDX-License-Identifier: Apache-2.0
 *
 * check_module.c
 *	  Did this session load the module when it began?
 */
#include "doctor/doctor.h"

#include "doctor/preload_sql.h"

/*
 * Columns of the answer. About this session: does it know a setting of the
 * module, which setting made it load the module, and which statement would add
 * the module to session_preload_libraries where this session's value is set.
 * About others: which roles and databases have that setting without the module,
 * which of them load it, and which statements would add it.
 */
enum
{
	COLUMN_LOADED,
	COLUMN_NAMED_IN,
	COLUMN_ALTER,
	COLUMN_ENABLED,
	COLUMN_INSTALLED,
	COLUMN_OWNER,
	COLUMN_OWNER_LOADS,
	COLUMN_WITHOUT,
	COLUMN_ELSEWHERE,
	COLUMN_ALTER_WITHOUT
};

#define PRELOAD "'session_preload_libraries'"

static const char question[] =
	"WITH s AS (SELECT name, setting FROM pg_catalog.pg_settings), "
	"r AS (SELECT who, setting, " HAS_OURS " AS has, "
	"COALESCE(datname = pg_catalog.current_database(), true) AS here, "
	"COALESCE(rolname = session_user, true) AS ours, "
	"(rolname IS NOT NULL)::int * 2 + (datname IS NOT NULL)::int AS rank "
	"FROM " ROLE_SETTINGS " x WHERE name = " PRELOAD "), "
	"mine AS (SELECT * FROM r WHERE here AND ours ORDER BY rank DESC LIMIT 1), "
	"elsewhere AS (SELECT string_agg(who, ', ' ORDER BY who) AS who FROM r "
	"WHERE has AND here AND NOT ours) "
	"SELECT EXISTS (SELECT FROM pg_catalog.pg_settings "
	"WHERE name = 'osprofiler.enabled' AND vartype = 'bool'), "
	"COALESCE((SELECT string_agg(name || CASE name WHEN " PRELOAD
	" THEN COALESCE((SELECT ' of ' || who FROM mine), '') ELSE '' END, ', ') "
	"FROM s WHERE name LIKE '%preload_libraries' AND " HAS_OURS "), "
	"(SELECT " PRELOAD " || ' of ' || who FROM mine WHERE has)), "
	"'ALTER ' || COALESCE((SELECT who FROM mine), (SELECT 'ROLE ' || "
	"pg_catalog.quote_ident(session_user) FROM elsewhere WHERE who IS NOT NULL "
	"AND NOT pg_catalog.current_setting('is_superuser')::bool), 'SYSTEM') || "
	"' SET session_preload_libraries = ' || "
	"COALESCE((SELECT " LISTED " FROM (SELECT setting, 0 AS at FROM mine "
	"UNION ALL SELECT setting, 1 FROM s WHERE name = " PRELOAD
	" ORDER BY at LIMIT 1) x) || ', ', '') || '''osprofiler''', "
	"pg_catalog.current_setting('osprofiler.enabled', true), "
	"EXISTS (SELECT FROM pg_catalog.pg_available_extensions "
	"WHERE name = 'osprofiler'), "
	"(SELECT who FROM mine), (SELECT has FROM mine), "
	"(SELECT string_agg(who, ', ' ORDER BY who) FROM r WHERE NOT has), "
	"(SELECT who FROM elsewhere), "
	"(SELECT string_agg('ALTER ' || who || ' SET session_preload_libraries = ' "
	"|| COALESCE(" LISTED " || ', ', '') || '''osprofiler''', '; ' ORDER BY "
	"who) FROM r WHERE NOT has)";

static bool
is_true(const char *value)
{
	return value != NULL && strcmp(value, "t") == 0;
}

/* Loads the module into this session alone. */
static bool
load_here(doctor *d)
{
	cli_answer *answer = NULL;

	if (!cli_server_is_superuser(d->server) ||
		cli_server_ask(
			d->server, "LOAD 'osprofiler'", 0, NULL, &answer, NULL) != OSP_OK)
		return false;
	cli_answer_free(answer);
	return true;
}

/*
 * Proposes to set session_preload_libraries. A library that is missing or does
 * not load would then keep every session out, so the proposed session loads it
 * first.
 */
static void
mend_setting(const doctor *d, doctor_result *r, const char *alter)
{
	const char *const load = "LOAD 'osprofiler'";

	if (strncmp(alter, "ALTER SYSTEM", 12) == 0)
		doctor_mend_sql(d,
						r,
						load,
						alter,
						"SELECT pg_catalog.pg_reload_conf()",
						DOCTOR_END);
	else
		doctor_mend_role(d, r, load, alter);
}

/*
 * Reports that the module is not loaded, and that no setting of this session
 * names it.
 */
static void
report_unnamed(doctor *d, doctor_result *r, const cli_answer *answer)
{
	const char *owner = cli_answer_value(answer, 0, COLUMN_OWNER);
	const char *elsewhere = cli_answer_value(answer, 0, COLUMN_ELSEWHERE);

	if (owner == NULL && elsewhere != NULL && load_here(d))
	{
		doctor_good(r,
					"loaded for this check; session_preload_libraries of %s "
					"loads it, sessions of others are not traced",
					elsewhere);
		return;
	}
	if (owner != NULL)
		doctor_wrong(r,
					 "this session has not loaded it: "
					 "session_preload_libraries of %s does not name osprofiler",
					 owner);
	else
		doctor_wrong(r,
					 "this session has not loaded it: neither "
					 "session_preload_libraries nor shared_preload_libraries "
					 "nor local_preload_libraries names osprofiler");
	mend_setting(d, r, cli_answer_value(answer, 0, COLUMN_ALTER));
}

static void
report_missing(doctor *d, doctor_result *r, const cli_answer *answer)
{
	const char *named_in = cli_answer_value(answer, 0, COLUMN_NAMED_IN);

	if (!is_true(cli_answer_value(answer, 0, COLUMN_INSTALLED)))
	{
		doctor_wrong(r, "it is not installed on the server's machine");
		doctor_advise_installing(d, r);
	}
	else if (named_in != NULL)
	{
		doctor_wrong(
			r, "this session has not loaded it, though %s names it", named_in);
		doctor_advise(r,
					  "begin a new session; shared_preload_libraries needs "
					  "a restart of the server");
	}
	else
		report_unnamed(d, r, answer);
}

/*
 * Reports roles and databases whose sessions load other libraries instead. That
 * may be intended, so --fix does not change it.
 */
static void
advise_others(doctor *d, doctor_result *r, const cli_answer *answer)
{
	r->concerns_others = true;
	doctor_good(r,
				"; sessions of %s are not traced, which have a "
				"session_preload_libraries of their own without osprofiler",
				cli_answer_value(answer, 0, COLUMN_WITHOUT));
	doctor_advise(
		r, "%sto have these traced, too, ", r->advice.len > 0 ? "; " : "");
	doctor_mend_role(d,
					 r,
					 "LOAD 'osprofiler'",
					 cli_answer_value(answer, 0, COLUMN_ALTER_WITHOUT));
}

static void
report_loaded(doctor *d, doctor_result *r, const cli_answer *answer)
{
	const char *named_in = cli_answer_value(answer, 0, COLUMN_NAMED_IN);
	const char *without = cli_answer_value(answer, 0, COLUMN_WITHOUT);

	doctor_good(r,
				"loaded by %s",
				named_in != NULL ? named_in
								 : "a setting that this user may not see");
	doctor_advise_restarts(d, r);
	if (without != NULL &&
		(named_in == NULL || strncmp(named_in, "session", 7) == 0))
		advise_others(d, r, answer);
	d->role_loads = !cli_server_is_superuser(d->server) &&
					is_true(cli_answer_value(answer, 0, COLUMN_OWNER_LOADS));
}

void
check_module(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;
	const char *enabled;

	if (cli_server_ask(d->server, question, 0, NULL, &answer, &err) != OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	enabled = cli_answer_value(answer, 0, COLUMN_ENABLED);
	if (!is_true(cli_answer_value(answer, 0, COLUMN_LOADED)))
		report_missing(d, r, answer);
	else if (enabled != NULL && strcmp(enabled, "off") == 0)
	{
		doctor_wrong(r, "it is loaded, but osprofiler.enabled is off");
		doctor_mend_sql(d,
						r,
						"ALTER SYSTEM SET osprofiler.enabled = on",
						"SELECT pg_catalog.pg_reload_conf()",
						DOCTOR_END);
	}
	else
		report_loaded(d, r, answer);
	cli_answer_free(answer);
}
