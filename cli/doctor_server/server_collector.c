/* SPDX-License-Identifier: Apache-2.0
 *
 * server_collector.c
 *	  The collector that a server delivers to, and how to give it another one.
 *
 * A server has one collector, for the traces of all its users.
 */
#include "doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service_file.h"
#include "writable_path.h"

#define VARIABLE "OSPROFILER_CONNECTION_STRING"

/*
 * The file for a collector with a password, in the data directory, which is the
 * working directory of the server's processes.
 */
#define NEW_FILE "osprofiler.collector"

const char *
doctor_ask_value(doctor *d, const char *sql, cli_answer **answer)
{
	return cli_server_ask(d->server, sql, 0, NULL, answer, NULL) == OSP_OK &&
				   cli_answer_rows(*answer) > 0
			   ? cli_answer_value(*answer, 0, 0)
			   : NULL;
}

/*
 * Reads the first line of connection_string_file that is neither empty nor a
 * comment: the server's connection string. Only superusers may read the file.
 */
static const char question_file[] =
	"SELECT pg_catalog.btrim(l, E' \\t\\r') FROM "
	"pg_catalog.regexp_split_to_table(pg_catalog.pg_read_file("
	"pg_catalog.current_setting('osprofiler.connection_string_file'), 0, "
	"65536, true), E'\\n') l WHERE pg_catalog.btrim(l, E' \\t\\r') ~ "
	"'^[^#]' LIMIT 1";

static void
set_known(doctor_server_collector *out, const char *uri)
{
	out->is_known = true;
	(void) snprintf(out->uri, sizeof(out->uri), "%s", uri);
	if (uri[0] == '\0')
		(void) snprintf(
			out->shown, sizeof(out->shown), "the server's default store");
	else
		osp_connection_string_redact(
			osp_str_of(uri), out->shown, sizeof(out->shown));
}

void
doctor_find_server_collector(doctor *d, doctor_server_collector *out)
{
	cli_answer *answer = NULL;
	cli_answer *read = NULL;
	const char *file =
		doctor_ask_value(d, "SHOW osprofiler.connection_string_file", &answer);

	memset(out, 0, sizeof(*out));
	if (file != NULL && file[0] != '\0')
	{
		const char *uri = doctor_ask_value(d, question_file, &read);

		out->is_named = true;
		if (uri != NULL)
			set_known(out, uri);
		else
			(void) snprintf(out->shown, sizeof(out->shown), "in %s", file);
	}
	else if (file != NULL)
	{
		const char *uri =
			doctor_ask_value(d, "SHOW osprofiler.connection_string", &read);

		out->is_named = uri != NULL && uri[0] != '\0';
		if (uri != NULL)
			set_known(out, uri);
	}
	cli_answer_free(read);
	cli_answer_free(answer);
}

/* Does this process have the same user as the server? */
static bool
is_of_owner(const doctor *d)
{
	char name[256];
	uid_t uid;

	return cli_server_owner(d->server, &uid, name, sizeof(name)) &&
		   uid == geteuid();
}

static bool
has_password(const doctor *d)
{
	return strcmp(d->config.connection_string, d->collector_shown) != 0;
}

bool
doctor_moves_collector(const doctor *d)
{
	return d->connection_string != NULL || d->move_collector;
}

/* Can the server use this side's collector, too? */
static bool
can_be_shared(const doctor *d, bool given)
{
	const char *ours = d->config.connection_string;
	bool is_file =
		strncmp(ours, "sqlite:", 7) == 0 || strncmp(ours, "file:", 5) == 0;

	return (!is_file || (given && is_of_owner(d))) &&
		   strchr(ours, '\'') == NULL;
}

static void
mend_by_setting(const doctor *d, doctor_result *r)
{
	osp_buf statement;

	osp_buf_init(&statement, &osp_allocator_default, 16 * 1024);
	osp_buf_addf(&statement,
				 "ALTER SYSTEM SET osprofiler.connection_string = '%s'",
				 d->config.connection_string);
	if (osp_buf_status(&statement) == OSP_OK)
		doctor_mend_sql(d,
						r,
						statement.ptr,
						"ALTER SYSTEM SET osprofiler.connection_string_file = "
						"''",
						"SELECT pg_catalog.pg_reload_conf()",
						DOCTOR_END);
	osp_buf_term(&statement);
}

/*
 * Proposes to set a collector with a password. The password is passed in the
 * environment and a pipe, and is in no statement: the server's own process
 * writes it into a file that is closed to others.
 */
static void
mend_by_file(const doctor *d, doctor_result *r)
{
	const char *variable = getenv(VARIABLE);

	if (d->fix)
		(void) setenv(VARIABLE, d->config.connection_string, 1);
	else if (variable == NULL ||
			 strcmp(variable, d->config.connection_string) != 0)
		doctor_advise(r, "with the collector in " VARIABLE ", ");
	doctor_advise(r, "as a superuser:");
	doctor_mend(r, "printenv " VARIABLE " | ");
	doctor_add_superuser_psql(d, r);
	doctor_mend(r,
				" -c 'CREATE TEMP TABLE osprofiler_collector (line text)' -c "
				"'\\copy osprofiler_collector FROM pstdin' -c \"COPY "
				"osprofiler_collector TO PROGRAM 'umask 077; rm -f " NEW_FILE
				".new; cat >" NEW_FILE ".new && mv " NEW_FILE ".new " NEW_FILE
				"'\" -c \"ALTER SYSTEM SET osprofiler.connection_string_file = "
				"'" NEW_FILE "'\" -c 'ALTER SYSTEM RESET "
				"osprofiler.connection_string' -c 'SELECT "
				"pg_catalog.pg_reload_conf()'");
}

/* Proposes to give the server the collector of this side. */
static void
move_server(doctor *d, doctor_result *r, const doctor_server_collector *theirs)
{
	doctor_advise(r,
				  "this moves the collector of all users of the server: their "
				  "runs that deliver elsewhere lack the server's half then; ");
	if (has_password(d))
		mend_by_file(d, r);
	else
		mend_by_setting(d, r);

	/*
	 * This step may run several times until the shipper has read the new
	 * setting. Only the first time, the collector found is the old one.
	 */
	if (theirs->is_known && d->fix && !r->is_left && !r->is_nested &&
		d->moved_from[0] == '\0')
	{
		(void) snprintf(
			d->moved_from, sizeof(d->moved_from), "%s", theirs->shown);
		(void) snprintf(d->moved_uri, sizeof(d->moved_uri), "%s", theirs->uri);
	}
}

/* Advises which call of doctor moves the server to the collector of this side. */
static void
advise_moving(const doctor *d, doctor_result *r, const char *before)
{
	if (can_be_shared(d, true))
		doctor_advise(r,
					  "%sto have the server deliver to the one here, for all "
					  "its users, call this with --fix --move-collector (or "
					  "--fix --connection-string URI)",
					  before);
}

/* Returns the path of a store in a file; NULL: the collector is no file. */
static const char *
path_of_store(const char *uri)
{
	if (strncmp(uri, "sqlite:///", 10) == 0)
		return uri + 10;
	return strncmp(uri, "file://", 7) == 0 ? uri + 7 : NULL;
}

/* Is the server's collector a file that this user cannot open? */
static bool
is_out_of_reach(const doctor *d, const char *theirs)
{
	const char *path = path_of_store(theirs);

	return path != NULL &&
		   (!cli_server_is_local(d->server) || !cli_writable_path(path));
}

/*
 * Advises on a collector of the server that is out of reach: only the server can read
 * it, or both sides need another one.
 */
static void
mend_out_of_reach(const doctor *d, doctor_result *r)
{
	doctor_advise(r,
				  "this user cannot open the server's collector, a file: a "
				  "member of pg_read_all_stats reads the traces in it by "
				  "osprofiler trace show --server ");
	cli_server_add_place(d->server, &r->advice);
	doctor_advise(r,
				  " ID; or name one collector on both sides that both may use, "
				  "such as redis://localhost: here in "
				  "OSPROFILER_CONNECTION_STRING%s, there in "
				  "osprofiler.connection_string",
				  d->for_user != NULL ? " (in the environment of the service "
										"and of this command)"
									  : "");
	advise_moving(d, r, "; ");
}

/*
 * Advises on the case that the server has another collector than this side, and
 * that the user has not said which of the two is right. (The server's collector
 * needs no password, so the advice may show it.) A service with a settings file
 * does not see a variable that is set in a shell, so its file must be changed.
 */
static void
mend_own_collector(const doctor *d, doctor_result *r, const char *theirs)
{
	const char *variable = getenv(VARIABLE);
	cli_service_file service;

	cli_service_file_read(&service);
	if (service.has_collector && (variable == NULL || variable[0] == '\0'))
	{
		doctor_advise(r,
					  "which one is right? If the server's is, write "
					  "connection_string = %s into the section [profiler] of "
					  "%s and restart the service",
					  theirs,
					  service.path);
		advise_moving(d, r, "; ");
		return;
	}
	if (is_out_of_reach(d, theirs))
	{
		mend_out_of_reach(d, r);
		return;
	}
	advise_moving(d, r, "");
	if (r->advice.len > 0)
		doctor_advise(r, "; to read the server's here");
	if (d->for_user != NULL)
		doctor_advise(r,
					  "%sin the environment of the service and of this command",
					  r->advice.len > 0 ? ", " : "");
	doctor_advise(r, r->advice.len > 0 ? ":" : "");
	doctor_mend(r, "export " VARIABLE "=");
	doctor_mend_word(r, theirs);
}

/* Do both sides name one collector? A path names one only on one host. */
static bool
is_same(const doctor *d, const doctor_server_collector *theirs)
{
	const char *ours = d->config.connection_string;

	return theirs->is_known && strcmp(theirs->uri, ours) == 0 &&
		   ((strncmp(ours, "sqlite:", 7) != 0 &&
			 strncmp(ours, "file:", 5) != 0) ||
			cli_server_is_local(d->server));
}

void
doctor_mend_delivery(const doctor *d, doctor_result *r, bool is_named)
{
	r->is_left = true;
	if (is_named)
		doctor_advise(r,
					  "both sides name this collector: from where the server "
					  "runs, such as a container, that name may reach another "
					  "one; or ");
	doctor_advise(r,
				  "the server has not delivered it yet; what waits there, and "
				  "the last error:");
	doctor_mend(r, "osprofiler status --server ");
	cli_server_add_place(d->server, &r->mend);
}

/*
 * If both sides can use it, proposes this side's collector to the server,
 * provided it was given to this command or the server has none set. Otherwise
 * proposes the server's collector for this side.
 */
void
doctor_mend_collector(doctor *d, doctor_result *r)
{
	doctor_server_collector theirs;
	bool given = doctor_moves_collector(d);

	doctor_find_server_collector(d, &theirs);

	/* Until the shipper has read the setting, --fix tries this step again. */
	if (is_same(d, &theirs) && d->moved_from[0] == '\0')
		doctor_mend_delivery(d, r, true);
	else if ((given || (theirs.is_known && !theirs.is_named)) &&
			 can_be_shared(d, given))
		move_server(d, r, &theirs);
	else if (!given && theirs.is_known && theirs.is_named &&
			 strcmp(theirs.uri, theirs.shown) == 0)
		mend_own_collector(d, r, theirs.uri);
	else
	{
		if (!theirs.is_known)
			doctor_advise(r,
						  "a superuser sees by 'osprofiler doctor' whether the "
						  "server's shipper works, and where it delivers; if "
						  "that is elsewhere, ");
		doctor_advise(r,
					  "name one collector on both sides that both may use, "
					  "such as redis://localhost: here in "
					  "OSPROFILER_CONNECTION_STRING, there in "
					  "osprofiler.connection_string, or, if it has a "
					  "password, in a file named by "
					  "osprofiler.connection_string_file");
		if (!given)
			advise_moving(d, r, "; ");
	}
}
