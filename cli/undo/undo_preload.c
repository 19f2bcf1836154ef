/* SPDX-License-Identifier: Apache-2.0
 *
 * undo_preload.c
 *	  Takes the library out of the settings by which sessions load it.
 *
 * --fix adds it to session_preload_libraries by ALTER SYSTEM, after the
 * libraries that are there. An administrator may have named it in
 * postgresql.conf, in the other settings, or for a role or a database.
 */
#include <string.h>
#include <unistd.h>

#include "doctor/preload_sql.h"
#include "undo/undo.h"

#define LOOK_MS 100  /* between two new sessions */
#define WAIT_MS 3000 /* until a new session no longer loads the library */

static const char question_loaded[] =
	"SELECT EXISTS (SELECT FROM pg_catalog.pg_settings "
	"WHERE name = 'osprofiler.enabled' AND vartype = 'bool')";

/*
 * Asks whether the list that ALTER SYSTEM has set names the library, and which
 * statement removes it. If the list would then be empty, or equal to the list
 * in the other files, the statement is RESET, else SET. After a RESET the list
 * of the other files has effect again. Its libraries are loaded in a session
 * first, because a library that cannot be loaded would lock everybody out.
 */
static const char question_auto[] =
	"WITH f AS (SELECT * FROM pg_catalog.pg_file_settings "
	"WHERE name = 'session_preload_libraries'), "
	"a AS (SELECT setting FROM f WHERE " UNDO_IS_AUTO
	" ORDER BY seqno DESC LIMIT 1), "
	"c AS (SELECT " LISTED
	" AS listed, (SELECT string_agg('LOAD ' || pg_catalog.quote_literal(" TRIMMED
	"), '; ') FROM pg_catalog.regexp_split_to_table(setting, ',') n "
	"WHERE " TRIMMED " <> '') AS loads FROM f WHERE NOT " UNDO_IS_AUTO
	" ORDER BY seqno DESC LIMIT 1), "
	"o AS (SELECT " HAS_OURS " AS ours, " OTHERS " AS others FROM a) "
	"SELECT ours, 'ALTER SYSTEM ' || CASE WHEN is_reset THEN "
	"'RESET session_preload_libraries' ELSE "
	"'SET session_preload_libraries = ' || others END, "
	"CASE WHEN is_reset THEN (SELECT loads FROM c) END FROM (SELECT *, "
	"others IS NULL OR others = COALESCE((SELECT listed FROM c), '') "
	"AS is_reset FROM o) x";

/*
 * Asks for all places that name the library, and the statement that takes it
 * out there. ALTER SYSTEM cannot make such a list empty: it writes a library
 * with an empty name, and no session can begin. So a line of a file that names
 * only our library is commented out instead.
 */
static const char question_elsewhere[] =
	"SELECT name || CASE WHEN " UNDO_IS_AUTO
	" THEN ' of ALTER SYSTEM' ELSE '' END || ' in ' || sourcefile || "
	"', line ' || sourceline, CASE WHEN " OTHERS
	" IS NOT NULL THEN 'ALTER SYSTEM SET ' || "
	"name || ' = ' || " OTHERS " WHEN " UNDO_IS_AUTO
	" THEN 'ALTER SYSTEM RESET ' || name END, name, sourceline, sourcefile "
	"FROM " UNDO_FILE_SETTINGS
	" f WHERE name LIKE '%preload_libraries' AND " HAS_OURS
	" UNION ALL SELECT name || ' of ' || who, 'ALTER ' || who || "
	"COALESCE(' SET ' || name || ' = ' || " OTHERS
	", ' RESET ' || name), name, NULL, NULL FROM " ROLE_SETTINGS
	" s WHERE name LIKE '%preload_libraries' AND " HAS_OURS;

cli_answer *
undo_ask(doctor *d, doctor_result *r, const char *sql)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;

	if (cli_server_ask(d->server, sql, 0, NULL, &answer, &err) == OSP_OK)
		return answer;
	doctor_wrong(r, "%s", err.msg);
	return NULL;
}

/* Has the session loaded the library? True also if that cannot be found out. */
static bool
session_has_it(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_loaded);
	bool loaded =
		answer == NULL || strcmp(cli_answer_value(answer, 0, 0), "t") == 0;

	cli_answer_free(answer);
	return loaded;
}

/*
 * Asks for the settings of roles and databases that name the library, which
 * everybody may see; NULL: none.
 */
static const char question_roles[] =
	"SELECT pg_catalog.string_agg(name || ' of ' || who, ', ' ORDER BY who) "
	"FROM " ROLE_SETTINGS " s WHERE name LIKE '%preload_libraries' "
	"AND " HAS_OURS;

/*
 * Reports to an ordinary user, who cannot read the settings in files, whether
 * the library is still needed as far as that user can see.
 */
static void
report_to_user(doctor *d, doctor_result *r)
{
	bool loaded = session_has_it(d, r);
	cli_answer *answer = undo_ask(d, r, question_roles);
	const char *roles = answer != NULL ? cli_answer_value(answer, 0, 0) : NULL;

	if (loaded && answer != NULL)
		doctor_wrong(r, "a session of this user loads the module");
	if (roles != NULL)
		doctor_wrong(
			r, "%sit is named by %s", r->found.len > 0 ? "; " : "", roles);
	if (r->verdict != DOCTOR_WRONG)
		doctor_skip(r,
					"a session of this user does not load the module, and no "
					"role or database names it; the files of settings and "
					"ALTER SYSTEM were not read, which only a superuser may "
					"do");
	if (!doctor_mend_as_owner(d, r))
	{
		r->is_left = true;
		doctor_advise(r, "as a superuser of the server:");
		doctor_mend(r, "osprofiler doctor --unfix ");
		cli_server_add_superuser_place(d->server, &r->mend);
	}
	cli_answer_free(answer);
}

/*
 * Proposes to change the setting of ALTER SYSTEM, after loading other
 * libraries; loads may be NULL.
 */
static void
mend_auto(const doctor *d, doctor_result *r, const char *alter,
		  const char *loads)
{
	const char *reload = "SELECT pg_catalog.pg_reload_conf()";

	if (loads == NULL)
		doctor_mend_sql(d, r, alter, reload, DOCTOR_END);
	else
		doctor_mend_sql(d, r, loads, alter, reload, DOCTOR_END);
}

void
undo_preload(doctor *d, doctor_result *r)
{
	cli_answer *answer;

	if (d->undone)
	{
		doctor_good(r, "taken back by the server's user");
		return;
	}
	if (!cli_server_is_superuser(d->server))
	{
		report_to_user(d, r);
		return;
	}
	answer = undo_ask(d, r, question_auto);
	if (answer == NULL)
		return;
	if (cli_answer_rows(answer) == 0 ||
		strcmp(cli_answer_value(answer, 0, 0), "t") != 0)
		doctor_good(r,
					"session_preload_libraries of ALTER SYSTEM does not name "
					"it");
	else
	{
		doctor_wrong(r, "ALTER SYSTEM names it in session_preload_libraries");
		mend_auto(d,
				  r,
				  cli_answer_value(answer, 0, 1),
				  cli_answer_value(answer, 0, 2));
	}
	cli_answer_free(answer);
}

/*
 * Appends a command line that takes the library out of all these places. The
 * server reads shared_preload_libraries only when it starts.
 */
static void
mend_elsewhere(doctor *d, doctor_result *r, const cli_answer *answer)
{
	bool reloads = false;
	bool has_sql = false;
	const char *before = "";
	int i;

	for (i = 0; i < cli_answer_rows(answer); i++)
		if (cli_answer_value(answer, i, 1) == NULL)
		{
			doctor_mend(r,
						"%ssed -i --follow-symlinks '%ss/^/#/' ",
						before,
						cli_answer_value(answer, i, 3));
			doctor_mend_word(r, cli_answer_value(answer, i, 4));
			before = " && ";
		}
	for (i = 0; i < cli_answer_rows(answer); i++)
	{
		bool at_start = strcmp(cli_answer_value(answer, i, 2),
							   "shared_preload_libraries") == 0;

		reloads = reloads || !at_start;
		has_sql = has_sql || cli_answer_value(answer, i, 1) != NULL;
	}
	if (!reloads && !has_sql)
		return;
	doctor_mend(r, "%s", before);
	doctor_add_psql(d, r);
	for (i = 0; i < cli_answer_rows(answer); i++)
		if (cli_answer_value(answer, i, 1) != NULL)
		{
			doctor_mend(r, " -c ");
			doctor_mend_word(r, cli_answer_value(answer, i, 1));
		}
	if (reloads)
		doctor_mend(r, " -c 'SELECT pg_catalog.pg_reload_conf()'");
}

void
undo_elsewhere(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_elsewhere);
	bool restart = false;
	int i;

	if (answer == NULL)
		return;
	r->is_left = true;
	for (i = 0; i < cli_answer_rows(answer); i++)
	{
		restart = restart || strcmp(cli_answer_value(answer, i, 2),
									"shared_preload_libraries") == 0;
		doctor_wrong(
			r, "%s%s", i > 0 ? "; " : "", cli_answer_value(answer, i, 0));
	}
	if (i == 0)
		doctor_good(r, "no file, role or database names it");
	else
	{
		doctor_advise(r,
					  "this was not set by --fix: take osprofiler out%s, then "
					  "call this again",
					  restart ? ", restart the server, which reads "
								"shared_preload_libraries only at its start"
							  : "");
		mend_elsewhere(d, r, answer);
	}
	cli_answer_free(answer);
}

/*
 * Checks whether a new session loads the library. It tries repeatedly, since
 * the server reads its settings again only a moment after it was told to.
 */
void
undo_new_session(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	bool loaded = true;
	int waited;

	for (waited = 0; loaded && waited < WAIT_MS; waited += LOOK_MS)
	{
		if (waited > 0)
			(void) usleep(LOOK_MS * 1000);
		cli_server_close(d->server);
		d->server = NULL;
		if (cli_server_open_for_root(d->conninfo, &d->server, &err) != OSP_OK)
		{
			doctor_wrong(r, "%s", err.msg);
			return;
		}
		cli_server_untraced(d->server);
		loaded = session_has_it(d, r);
		if (r->verdict == DOCTOR_WRONG)
			return;
	}
	if (!loaded)
		doctor_good(r, "it does not load the module");
	else
	{
		doctor_wrong(r, "it still loads the module");
		doctor_advise(r,
					  "the server has the setting from its command line, or "
					  "has to be restarted; remove nothing before");
	}
}
