/* SPDX-License-Identifier: Apache-2.0
 *
 * check_server.c
 *	  Can the server be reached?
 */
#include "doctor/doctor.h"

#include <stdio.h>

#include "server/other_ports.h"
#include "shell_text.h"

/*
 * Does the message say that the settings name our library, but it is missing?
 * Then the server refuses every session. The second text is the loader's, which
 * finds a directory of this name instead.
 */
static bool
lacks_library(const char *message)
{
	static const char *const words[] = {"could not access file \"",
										"could not load library \""};
	const char *path = NULL;
	const char *at;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]) && path == NULL; i++)
	{
		path = strstr(message, words[i]);
		if (path != NULL)
			path += strlen(words[i]);
	}
	for (at = path; at != NULL && *at != '\0' && *at != '"'; at++)
		if (*at == '/')
			path = at + 1;
	return path != NULL && strncmp(path, "osprofiler", 10) == 0;
}

/*
 * Opens a session without preloaded libraries for --unfix. A superuser is let
 * in that way, and can take back all settings.
 */
static bool
open_bare(doctor *d, const osp_error *err)
{
	return d->unfix && lacks_library(err->msg) &&
		   cli_server_open_bare(d->conninfo, &d->server, NULL) == OSP_OK;
}

/* Appends a call of `osprofiler doctor --unfix` for the same server. */
static void
add_unfix(const doctor *d, doctor_result *r)
{
	char shown[CLI_SERVER_NAME_MAX] = "";

	if (d->conninfo[0] != '\0')
		cli_server_name(d->conninfo, shown, sizeof(shown));
	doctor_advise(r, "osprofiler doctor --unfix ");
	cli_add_quoted(&r->advice, osp_str_of(shown));
}

/*
 * Proposes a session that preloads nothing, which a superuser may ask for at
 * its start.
 */
static void
mend_library(const doctor *d, doctor_result *r)
{
	char shown[CLI_SERVER_NAME_MAX];

	doctor_advise(r,
				  "the server loads a library that is not installed: install "
				  "it again, or take it out of the settings, as a superuser: ");
	add_unfix(d, r);
	doctor_advise(r,
				  "; where the settings stand, in a file or for a role or "
				  "database, a superuser sees by:");
	doctor_mend(r,
				"PGOPTIONS='-c session_preload_libraries= -c "
				"local_preload_libraries= -c search_path=pg_catalog' psql -X "
				"-d ");
	cli_server_name(d->conninfo, shown, sizeof(shown));
	doctor_mend_word(r, d->conninfo[0] != '\0' ? shown : "");
	doctor_mend(
		r,
		" -c \"SELECT sourcefile, sourceline, setting FROM "
		"pg_catalog.pg_file_settings WHERE name ~ 'preload_libraries'\" -c "
		"'\\drds'");
}

/*
 * What to do about a refusal, by words of its message; the first row that
 * matches. Only the last row matches texts in another language.
 */
static const struct
{
	const char *words;
	const char *advice;
} reasons[] = {
	{"Connection refused",
	 "start the server, or give the address at which it listens: osprofiler "
	 "doctor 'host=... port=... dbname=...'"},
	{"No such file or directory",
	 "start the server, or give the directory of its socket, or its host: "
	 "osprofiler doctor 'host=... port=... dbname=...'"},
	{"could not translate host name", "correct the name of the host"},
	{"password",
	 "put the password into the file ~/.pgpass (chmod 600), as a line "
	 "host:port:database:user:password, or into PGPASSWORD"},
	{"FATAL:  database \"",
	 "name a database that is there; 'psql -l' lists them"},
	{"FATAL:  sorry, too many clients",
	 "end sessions, or raise max_connections, which takes a restart of the "
	 "server"},
	{"connection slots are reserved",
	 "end sessions, or call this as a superuser, for whom some are kept"},
	{"too many connections for ", "end sessions, or raise that limit"},
	{"FATAL:  the database system is ",
	 "wait until the server lets sessions in, then call this again"},
	{"",
	 "give the connection that psql needs: osprofiler doctor "
	 "'host=... dbname=... user=...', as a user whom the server lets in (on "
	 "Debian: postgres, or as root, who may act as that user)"},
};

static const char *
find_advice(const char *message)
{
	size_t i = 0;

	while (strstr(message, reasons[i].words) == NULL)
		i++;
	return reasons[i].advice;
}

/* Returns the end of a value in a CONNINFO that cli_conninfo_add wrote. */
static const char *
skip_value(const char *at)
{
	bool quoted = at[0] == '\'';

	if (!quoted)
		return at + strcspn(at, " ");
	for (at++; at[0] != '\0' && at[0] != '\''; at++)
		if (at[0] == '\\' && at[1] != '\0')
			at++;
	return at[0] != '\0' ? at + 1 : at;
}

/*
 * Appends the settings of this call's CONNINFO, except the one that begins with
 * keyword, "name=".
 */
static void
add_other_settings(const doctor *d, osp_buf *out, const char *keyword)
{
	char shown[CLI_SERVER_NAME_MAX] = "";
	const char *at = shown;

	if (d->conninfo[0] != '\0')
		cli_server_name(d->conninfo, shown, sizeof(shown));
	while (at[0] != '\0')
	{
		size_t name = strcspn(at, "=");
		const char *end = at[name] == '=' ? skip_value(at + name + 1) : at;

		if (end == at)
			return;
		if (strncmp(at, keyword, strlen(keyword)) != 0)
			osp_buf_addf(out, " %.*s", (int) (end - at), at);
		at = end + strspn(end, " ");
	}
}

/* Appends this call of doctor with one setting of the CONNINFO changed. */
static void
add_command(const doctor *d, doctor_result *r, const char *keyword,
			const char *value)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	osp_buf_addf(&text, "%s%s", keyword, value);
	add_other_settings(d, &text, keyword);
	doctor_advise(r,
				  "osprofiler doctor %s",
				  d->unfix ? "--unfix "
				  : d->fix ? "--fix "
						   : "");
	cli_add_quoted(&r->advice, osp_buf_str(&text));
	osp_buf_term(&text);
}

/*
 * Proposes other ports if no server listens at the socket of the message, but
 * some do at other ones. False: none does, or a server has answered.
 */
static bool
advise_ports(const doctor *d, doctor_result *r, const osp_error *err)
{
	long ports[CLI_PORTS_MAX];
	size_t count =
		err->code == OSP_EUNAVAIL ? cli_other_ports(err->msg, ports) : 0;
	char port[24];
	size_t i;

	for (i = 0; i < count; i++)
	{
		doctor_advise(r, i == 0 ? "type " : ", or ");
		(void) snprintf(port, sizeof(port), "%ld", ports[i]);
		add_command(d, r, "port=", port);
	}
	if (count > 0)
		doctor_advise(r, ", or start the server");
	return count > 0;
}

/*
 * Advises on a role that the server lets in by its socket only for a certain
 * user of this host, and not for this one. False: the message says something
 * else.
 */
static bool
advise_password(const doctor *d, doctor_result *r, const char *message)
{
	if (strstr(message, "Peer authentication failed") == NULL)
		return false;
	doctor_advise(r,
				  "the server lets this role in by its socket only for the "
				  "user of this host who is called so, or whom pg_ident.conf "
				  "names; with the password of the role (in ~/.pgpass or "
				  "PGPASSWORD): ");
	add_command(d, r, "host=", "localhost");
	doctor_advise(r,
				  "; or leave user=... out: called by a superuser, this says "
				  "which roles have settings of their own");
	return true;
}

/*
 * Names the databases of the server if the message says that this one does not
 * exist. False: it says something else, or no session could be opened to ask.
 */
static bool
advise_databases(const doctor *d, doctor_result *r, const char *message)
{
	static const char *const doors[] = {"postgres", "template1"};
	cli_server *server = NULL;
	cli_answer *answer = NULL;
	size_t i;

	if (strstr(message, "FATAL:  database \"") == NULL ||
		strstr(message, "does not exist") == NULL)
		return false;
	for (i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
		if (cli_server_open_database(d->conninfo, doors[i], &server, NULL) ==
			OSP_OK)
			break;
	if (server == NULL)
		return false;
	cli_server_untraced(server);
	if (cli_server_ask(server,
					   "SELECT pg_catalog.string_agg(datname, ', ' ORDER BY "
					   "datname) FROM pg_catalog.pg_database WHERE "
					   "datallowconn AND NOT datistemplate",
					   0,
					   NULL,
					   &answer,
					   NULL) == OSP_OK &&
		cli_answer_value(answer, 0, 0) != NULL)
		doctor_advise(r,
					  "name a database that is there ('psql -l' lists them): "
					  "%s",
					  cli_answer_value(answer, 0, 0));
	cli_answer_free(answer);
	cli_server_close(server);
	return r->advice.len > 0;
}

static void
report_failure(const doctor *d, doctor_result *r, const osp_error *err)
{
	doctor_wrong(r, "%s", err->msg);
	if (err->code == OSP_ENOENT)
		doctor_advise(r, "install it");
	else if (err->code == OSP_EINVAL)
		doctor_advise(r, "correct it");
	else if (lacks_library(err->msg))
		mend_library(d, r);
	else if (!advise_ports(d, r, err) && !advise_password(d, r, err->msg) &&
			 !advise_databases(d, r, err->msg))
		doctor_advise(r, "%s", find_advice(err->msg));
	if (d->fix && !d->unfix)
		doctor_advise(r,
					  "; --fix executes no command before the server answers");
}

void
check_server(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	cli_answer *answer = NULL;

	if (cli_server_open_for_root(d->conninfo, &d->server, &err) != OSP_OK &&
		!open_bare(d, &err))
	{
		report_failure(d, r, &err);
		return;
	}

	/*
	 * Keeps a server that samples from recording the questions of this command
	 * as traces.
	 */
	cli_server_untraced(d->server);
	if (cli_server_ask(d->server,
					   "SELECT current_setting('server_version'), "
					   "current_database(), current_user",
					   0,
					   NULL,
					   &answer,
					   &err) != OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		return;
	}
	doctor_good(r,
				"PostgreSQL %s, database %s, user %s",
				cli_answer_value(answer, 0, 0),
				cli_answer_value(answer, 0, 1),
				cli_answer_value(answer, 0, 2));
	if (err.code != OSP_OK)
		doctor_good(r,
					"; it lets in only superusers, and these without the "
					"library, which is gone");
	cli_answer_free(answer);
}
