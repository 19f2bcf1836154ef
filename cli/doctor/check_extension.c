/* SPDX-License-Identifier: Apache-2.0
 *
 * check_extension.c
 *	  Do the SQL functions exist, in the version of the library and of this
 *	  command?
 */
#include "doctor/doctor.h"
#include "server/server_extension.h"

static const char question[] =
	"SELECT (SELECT extversion FROM pg_catalog.pg_extension "
	"WHERE extname = 'osprofiler'), "
	"(SELECT default_version FROM pg_catalog.pg_available_extensions "
	"WHERE name = 'osprofiler'), pg_catalog.current_database(), "
	"CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_available_extensions "
	"WHERE name = 'osprofiler') THEN (SELECT bool_or(p.path IS NOT NULL) FROM "
	"pg_catalog.pg_extension_update_paths('osprofiler') p, "
	"pg_catalog.pg_extension e, pg_catalog.pg_available_extensions a "
	"WHERE e.extname = 'osprofiler' AND a.name = 'osprofiler' AND p.source = "
	"e.extversion AND p.target = a.default_version) END";

static void
mend_version(doctor *d, doctor_result *r, const char *created,
			 const char *installed, bool has_path)
{
	if (has_path)
		doctor_mend_sql(d, r, "ALTER EXTENSION osprofiler UPDATE", DOCTOR_END);
	else
		doctor_advise(r,
					  "there is no script from %s to %s: install a package "
					  "that has osprofiler--%s--%s.sql; or, as a superuser in "
					  "this database: DROP EXTENSION osprofiler; CREATE "
					  "EXTENSION osprofiler (which loses grants on its "
					  "functions, and is refused where other objects use "
					  "them; traces, keys and settings stay)",
					  created,
					  installed,
					  created,
					  installed);
}

static void
compare_versions(doctor *d, doctor_result *r, const char *created,
				 const char *installed, const char *database, bool has_path)
{
	if (installed == NULL)
	{
		doctor_wrong(r, "it is not installed on the server's machine");
		doctor_advise_installing(d, r);
	}
	else if (created == NULL && d->role_loads)
		doctor_skip(r,
					"it was not created in database %s: statements are traced "
					"without it, but not checked here (as a superuser: CREATE "
					"EXTENSION osprofiler)",
					database);
	else if (created == NULL)
	{
		doctor_wrong(r, "it was not created in database %s", database);
		doctor_mend_sql(d, r, "CREATE EXTENSION osprofiler", DOCTOR_END);
	}
	else if (strcmp(created, installed) != 0)
	{
		doctor_wrong(r,
					 "database %s has version %s, the library is of version "
					 "%s",
					 database,
					 created,
					 installed);
		mend_version(d, r, created, installed, has_path);
	}
	else if (strcmp(installed, OSP_VERSION) != 0)
	{
		doctor_wrong(r,
					 "the server has version %s, this command is of version "
					 "%s",
					 installed,
					 OSP_VERSION);
		doctor_advise(r, "install the same version on both sides");
	}
	else
		doctor_good(r, "version %s", created);
}

void
check_extension(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;

	if (cli_server_find_extension(d->server, &err) == OSP_EPERM)
	{
		doctor_wrong(r, "%s", err.msg);
		doctor_advise(r,
					  "see whose it is: \\dn+ osprofiler, \\df "
					  "osprofiler.*, \\dv osprofiler.* in psql");
		return;
	}
	if (cli_server_ask(d->server, question, 0, NULL, &answer, &err) != OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	compare_versions(d,
					 r,
					 cli_answer_value(answer, 0, 0),
					 cli_answer_value(answer, 0, 1),
					 cli_answer_value(answer, 0, 2),
					 cli_answer_value(answer, 0, 3) != NULL &&
						 strcmp(cli_answer_value(answer, 0, 3), "t") == 0);
	cli_answer_free(answer);
}
