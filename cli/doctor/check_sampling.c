/* SPDX-License-Identifier: Apache-2.0
 *
 * check_sampling.c
 *	  What does the server record by itself, without a context of a client?
 *
 * The result names the settings of a session of this role in this database, and
 * the roles and databases with other settings. Sampling needs no key, so a
 * missing key is not wrong then.
 */
#include "doctor/doctor.h"
#include "doctor/preload_sql.h"

static const char question[] =
	"SELECT pg_catalog.string_agg(pg_catalog.split_part(name, '.', 2) || ' = ' "
	"|| pg_catalog.current_setting(name) || ' (' || CASE source WHEN "
	"'database' THEN 'of database ' || pg_catalog.current_database() WHEN "
	"'user' THEN 'of role ' || session_user WHEN 'database user' THEN 'of role "
	"' || session_user || ' in database ' || pg_catalog.current_database() "
	"WHEN 'global' THEN 'of all roles' WHEN 'configuration file' THEN "
	"COALESCE(sourcefile, 'of a file of settings') ELSE source END || ')', "
	"', ' ORDER BY pg_catalog.array_position(ARRAY['osprofiler.sample_rate', "
	"'osprofiler.min_duration', 'osprofiler.statement_text'], name)), "
	"pg_catalog.bool_or(name = 'osprofiler.sample_rate' AND setting::float8 > "
	"0), pg_catalog.current_setting('osprofiler.statement_text', true) <> "
	"'full' "
	"FROM (SELECT name, source, sourcefile, CASE WHEN name = "
	"'osprofiler.sample_rate' THEN setting ELSE '0' END AS setting FROM "
	"pg_catalog.pg_settings WHERE name IN ('osprofiler.sample_rate', "
	"'osprofiler.min_duration', 'osprofiler.statement_text')) s";

/*
 * Asks for settings of roles and databases that make other sessions be traced
 * differently from this one. Everybody may see them.
 */
static const char question_others[] =
	"WITH r AS (SELECT name, setting, who, "
	"COALESCE(rolname = session_user, true) AND "
	"COALESCE(datname = pg_catalog.current_database(), true) AS ours, "
	"(rolname IS NOT NULL)::int * 2 + (datname IS NOT NULL)::int AS rank "
	"FROM " ROLE_SETTINGS " x WHERE name IN ('osprofiler.min_duration', "
	"'osprofiler.points', 'osprofiler.read_comments', "
	"'osprofiler.sample_rate', 'osprofiler.statement_text', "
	"'osprofiler.untraced')), "
	"mine AS (SELECT DISTINCT ON (name) name, setting FROM r WHERE ours "
	"ORDER BY name, rank DESC) "
	"SELECT pg_catalog.string_agg(pg_catalog.split_part(r.name, '.', 2) || "
	"' = ' || r.setting || ' (of ' || r.who || ')', ', ' ORDER BY r.who, "
	"r.name) FROM r LEFT JOIN mine USING (name) LEFT JOIN "
	"pg_catalog.pg_settings s USING (name) WHERE r.setting <> "
	"COALESCE(mine.setting, s.reset_val)";

static void
add_others(doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;
	const char *others = doctor_ask_value(d, question_others, &answer);

	if (others != NULL)
	{
		doctor_good(r, "; other sessions have %s", others);
		r->concerns_others = true;
	}
	cli_answer_free(answer);
}

/*
 * Asks whether the server samples. It can be asked before the module is known
 * to be loaded, without which the setting has no effect.
 */
static const char question_samples[] =
	"SELECT NULLIF(pg_catalog.current_setting('osprofiler.sample_rate', true), "
	"'')::float8 > 0";

bool
doctor_server_samples(const doctor *d)
{
	cli_answer *answer = NULL;
	const char *samples = NULL;
	bool result;

	if (d->server != NULL &&
		cli_server_ask(d->server, question_samples, 0, NULL, &answer, NULL) ==
			OSP_OK)
		samples = cli_answer_value(answer, 0, 0);
	result = samples != NULL && strcmp(samples, "t") == 0;
	cli_answer_free(answer);
	return result;
}

/* Each side has a setting of its own. */
static void
add_client_texts(const doctor *d, doctor_result *r, const cli_answer *answer)
{
	const char *hides = cli_answer_value(answer, 0, 2);

	if (hides != NULL && strcmp(hides, "t") == 0 &&
		d->config.statement_text == OSP_STATEMENT_FULL)
		doctor_good(r,
					"; programs under 'osprofiler run' record constants, until "
					"OSPROFILER_STATEMENT_TEXT is set for them");
}

void
check_sampling(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;
	const char *settings;

	if (cli_server_ask(d->server, question, 0, NULL, &answer, &err) != OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	settings = cli_answer_value(answer, 0, 0);
	doctor_good(r, "%s", settings != NULL ? settings : "unknown");
	if (settings != NULL && strcmp(cli_answer_value(answer, 0, 1), "t") != 0)
		doctor_good(r, ": no samples");
	if (settings != NULL)
		add_client_texts(d, r, answer);
	add_others(d, r);
	cli_answer_free(answer);
}
