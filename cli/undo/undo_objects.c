/* SPDX-License-Identifier: Apache-2.0
 *
 * undo_objects.c
 *	  Takes back the extension and the module's settings, and says what stays.
 */
#include <string.h>

#include "doctor/preload_sql.h"
#include "undo/undo.h"

/* Those that --fix sets by ALTER SYSTEM. */
static const char question_settings[] =
	"SELECT name FROM " UNDO_FILE_SETTINGS " f WHERE " UNDO_IS_AUTO
	" AND name IN ('osprofiler.agent', 'osprofiler.connection_string', "
	"'osprofiler.connection_string_file', 'osprofiler.enabled', "
	"'osprofiler.hmac_keys_file')";

static const char question_other_settings[] =
	"SELECT name || ' in ' || sourcefile || ', line ' || sourceline, "
	"CASE WHEN " UNDO_IS_AUTO
	" THEN 'ALTER SYSTEM RESET ' || name END FROM " UNDO_FILE_SETTINGS
	" f WHERE name LIKE 'osprofiler.%' UNION ALL "
	"SELECT name || ' of ' || who, 'ALTER ' || who || ' RESET ' || name FROM " ROLE_SETTINGS
	" s WHERE name LIKE 'osprofiler.%'";

/* Keys, traces and what was not delivered. */
static const char question_files[] =
	"SELECT pg_catalog.current_setting('data_directory') || '/' || n FROM "
	"pg_catalog.pg_ls_dir('.') n WHERE n LIKE 'osprofiler%' ORDER BY 1";

void
undo_extension(doctor *d, doctor_result *r)
{
	cli_answer *answer =
		undo_ask(d,
				 r,
				 "SELECT pg_catalog.current_database(), EXISTS (SELECT FROM "
				 "pg_catalog.pg_extension WHERE extname = 'osprofiler'), "
				 "(SELECT count(*) > 1 FROM pg_catalog.pg_database "
				 "WHERE datallowconn AND NOT datistemplate)");
	const char *database;

	if (answer == NULL)
		return;
	database = cli_answer_value(answer, 0, 0);
	if (strcmp(cli_answer_value(answer, 0, 1), "t") == 0)
	{
		doctor_wrong(r, "database %s has it", database);
		doctor_mend_sql(d, r, "DROP EXTENSION osprofiler", DOCTOR_END);
	}
	else
		doctor_good(r,
					"database %s does not have it%s",
					database,
					strcmp(cli_answer_value(answer, 0, 2), "t") == 0
						? " (another one: osprofiler doctor --unfix 'dbname=…')"
						: "");
	cli_answer_free(answer);
}

void
undo_settings(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_settings);
	int i;

	if (answer == NULL)
		return;
	for (i = 0; i < cli_answer_rows(answer); i++)
	{
		if (i == 0)
		{
			doctor_wrong(r, "ALTER SYSTEM has ");
			doctor_add_psql(d, r);
		}
		doctor_wrong(
			r, "%s%s", i > 0 ? ", " : "", cli_answer_value(answer, i, 0));
		doctor_mend(
			r, " -c 'ALTER SYSTEM RESET %s'", cli_answer_value(answer, i, 0));
	}
	if (i > 0)
		doctor_mend(r, " -c 'SELECT pg_catalog.pg_reload_conf()'");
	else
		doctor_good(r, "ALTER SYSTEM has none that --fix sets");
	cli_answer_free(answer);
}

/* Settings that somebody else made: without the module they do nothing. */
static void
add_settings(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_other_settings);
	int i;

	for (i = 0; answer != NULL && i < cli_answer_rows(answer); i++)
	{
		const char *statement = cli_answer_value(answer, i, 1);

		doctor_good(r, ", %s", cli_answer_value(answer, i, 0));
		if (statement == NULL)
			continue;
		if (r->mend.len == 0)
			doctor_add_psql(d, r);
		doctor_mend(r, " -c ");
		doctor_mend_word(r, statement);
	}
	if (r->mend.len > 0)
		doctor_advise(r, "settings that --fix did not set do nothing now;");
	cli_answer_free(answer);
}

void
undo_rest(doctor *d, doctor_result *r)
{
	char path[OSP_RUNDIR_PATH_MAX + 64];
	cli_answer *answer = undo_ask(d, r, question_files);
	int i;

	if (answer == NULL)
		return;
	r->is_left = true;
	doctor_good(r, "keys and traces: here");
	if (osp_config_default_keys_file(path, sizeof(path), NULL) == OSP_OK)
		doctor_good(r, " %s,", path);
	if (osp_config_default_connection(path, sizeof(path), NULL) == OSP_OK)
		doctor_good(r, " %s", path);
	for (i = 0; i < cli_answer_rows(answer); i++)
		doctor_good(r,
					"%s%s",
					i == 0 ? "; in the server " : ", ",
					cli_answer_value(answer, i, 0));
	cli_answer_free(answer);
	add_settings(d, r);
}
