/* SPDX-License-Identifier: Apache-2.0
 *
 * undo_objects.c
 *	  Takes back the extension and the module's settings, and says what remains.
 */
#include <string.h>
#include <unistd.h>

#include "doctor/preload_sql.h"
#include "other_users.h"
#include "undo/undo.h"

/* Asks for the settings that --fix makes by ALTER SYSTEM. */
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

/*
 * Asks for files of the module in the data directory: keys, traces and
 * undelivered points.
 */
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
				 "pg_catalog.pg_extension WHERE extname = 'osprofiler')");
	const char *database;

	if (answer == NULL)
		return;
	database = cli_answer_value(answer, 0, 0);
	if (strcmp(cli_answer_value(answer, 0, 1), "t") == 0)
	{
		doctor_wrong(r, "database %s has it", database);


		/* PostgreSQL made the schema for the extension, but does not drop it. */
		doctor_mend_sql(d,
						r,
						"DROP EXTENSION osprofiler",
						"DROP SCHEMA IF EXISTS osprofiler",
						DOCTOR_END);
	}
	else
		doctor_good(r, "database %s does not have it", database);
	cli_answer_free(answer);
}

/*
 * Asks whether a database has the extension: "t" or "f", in *answer. If it
 * cannot be asked, returns NULL, and the result has the reason.
 */
static const char *
find_extension(const doctor *d, doctor_result *r, const char *database,
			   cli_server **server, cli_answer **answer)
{
	osp_error err = {OSP_OK, ""};
	osp_status status =
		cli_server_open_database(d->conninfo, database, server, &err);

	*answer = NULL;

	/* If the server sampled the statement, it would start the shipper. */
	if (status == OSP_OK)
		cli_server_untraced(*server);
	if (status == OSP_OK)
		status = cli_server_ask(
			*server,
			"SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname "
			"= 'osprofiler')",
			0,
			NULL,
			answer,
			&err);
	if (status == OSP_OK)
		return cli_answer_value(*answer, 0, 0);
	doctor_advise(r,
				  "%sdatabase %s could not be looked at: %s",
				  r->advice.len > 0 ? "; " : "",
				  database,
				  err.msg);
	return NULL;
}

/*
 * Appends the call that removes the extension from the server's database, after
 * the calls for other databases.
 */
static void
mend_database(const doctor *d, doctor_result *r, const cli_server *server)
{
	char own[PATH_MAX];

	if (r->mend.len > 0)
		doctor_mend(r, "; ");
	doctor_mend_as(d, r, geteuid());
	if (doctor_own_path(own))
		doctor_mend_word(r, own);
	doctor_mend(r, " doctor --unfix ");
	cli_server_add_place(server, &r->mend);
}

void
undo_other_databases(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(
		d,
		r,
		"SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND "
		"datname <> pg_catalog.current_database() AND "
		"pg_catalog.has_database_privilege(datname, 'CONNECT') ORDER BY 1");
	int i;

	if (answer == NULL)
		return;
	r->is_left = true;
	for (i = 0; i < cli_answer_rows(answer); i++)
	{
		const char *database = cli_answer_value(answer, i, 0);
		cli_server *server = NULL;
		cli_answer *said;
		const char *has = find_extension(d, r, database, &server, &said);

		if (has != NULL && strcmp(has, "t") == 0)
		{
			doctor_wrong(r,
						 "%s%s",
						 r->found.len > 0 ? ", " : "these have it, too: ",
						 database);
			mend_database(d, r, server);
		}
		cli_answer_free(said);
		cli_server_close(server);
	}
	if (r->verdict != DOCTOR_WRONG && r->advice.len > 0)
		doctor_skip(r,
					"not all could be looked at; no other has the extension");
	else if (r->verdict != DOCTOR_WRONG)
		doctor_good(
			r, "none of %d others has the extension", cli_answer_rows(answer));
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

/*
 * Reports settings of the module that --fix did not make. Without the module
 * they have no effect.
 */
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

/* Reports which files of this user exist. */
static void
add_own_files(doctor_result *r)
{
	char path[OSP_RUNDIR_PATH_MAX + 64];
	const char *before = "here ";

	if (osp_config_default_keys_file(path, sizeof(path), NULL) == OSP_OK &&
		access(path, F_OK) == 0)
	{
		doctor_good(r, "%s%s", before, path);
		before = ", ";
	}
	if (osp_config_default_connection(path, sizeof(path), NULL) == OSP_OK &&
		access(path + strlen("sqlite://"), F_OK) == 0)
	{
		doctor_good(r, "%s%s", before, path);
		before = ", ";
	}
	if (before[0] != ',')
		doctor_good(r, "none of this user's here");
}

/*
 * Adds a file of another user. Root finds those of all users; other users only
 * those in home directories that are open to them.
 */
static void
add_file_of_other(void *ctx, const char *path)
{
	osp_buf *out = ctx;

	osp_buf_addf(out, "%s%s", out->len > 0 ? ", " : "", path);
}

static void
add_files_of_others(doctor_result *r)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	cli_other_users_files(add_file_of_other, &text);
	if (osp_buf_status(&text) == OSP_OK && text.len > 0)
		doctor_good(r, "; of other users %s", text.ptr);
	osp_buf_term(&text);
}

/*
 * Reports that collectors other than files keep their traces, and which one this user's
 * settings name.
 */
static void
add_collectors(doctor_result *r)
{
	char shown[512] = "";
	osp_config config;

	if (osp_config_load(&config, &osp_allocator_default, NULL, NULL) == OSP_OK)
	{
		if (osp_config_set_collector(&config, NULL, NULL, NULL) == OSP_OK)
			osp_connection_string_redact(
				osp_str_of(config.connection_string), shown, sizeof(shown));
		osp_config_term(&config);
	}
	doctor_good(r,
				"; traces in %s%sother collectors, such as Redis, stay there",
				shown,
				shown[0] != '\0' ? " and in " : "");
}

/*
 * Reports the other servers of this host. Those of the same major version share
 * the library.
 */
static void
add_other_servers(const doctor *d, doctor_result *r)
{
	long ports[CLI_PORTS_MAX];
	size_t count = cli_server_other_ports(d->server, ports);
	size_t i;

	for (i = 0; i < count; i++)
		doctor_good(r,
					"%sport=%ld",
					i == 0 ? "; other servers of this host, which may load "
							 "the library: "
						   : ", ",
					ports[i]);
}

void
undo_rest(doctor *d, doctor_result *r)
{
	cli_answer *answer = undo_ask(d, r, question_files);
	int i;

	if (answer == NULL)
		return;
	r->is_left = true;
	doctor_good(r, "keys and traces: ");
	add_own_files(r);
	add_files_of_others(r);
	for (i = 0; i < cli_answer_rows(answer); i++)
		doctor_good(r,
					"%s%s",
					i == 0 ? "; in the server " : ", ",
					cli_answer_value(answer, i, 0));
	cli_answer_free(answer);
	add_settings(d, r);
	add_collectors(r);
	add_other_servers(d, r);
}
