/* SPDX-License-Identifier: Apache-2.0
 *
 * check_server.c
 *	  Can the server be reached?
 */
#include "doctor/doctor.h"

#include <stdio.h>

#include "server/other_ports.h"
#include "shell_text.h"

/* A server whose settings name a library that is gone refuses every session. The
 * second message is that of a server whose loader finds a directory of this name. */
static bool
lacks_library(const char *message)
{
	return strstr(message, "could not access file \"osprofiler") != NULL ||
		   strstr(message, "could not load library \"osprofiler") != NULL;
}

/* A superuser may say at the start of a session what it preloads. */
static void
mend_library(const doctor *d, doctor_result *r)
{
	char shown[CLI_SERVER_NAME_MAX];

	doctor_advise(r,
				  "the server loads a library that is not installed: install "
				  "it again, or take it out of the setting and reload; a "
				  "superuser gets in, and sees where the setting stands, in a "
				  "file or for a role or database, by:");
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

/* What to do about a refusal, by words of its message; the first row that fits. Texts
 * in another language fit none but the last. */
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

/* Takes the port out of a CONNINFO as cli_server_name writes it. */
static void
remove_port(char *conninfo)
{
	char *begin = strncmp(conninfo, "port=", 5) == 0
					  ? conninfo
					  : strstr(conninfo, " port=");
	size_t len;

	if (begin == NULL)
		return;
	len = 1 + strcspn(begin + 1, " ");
	memmove(begin, begin + len, strlen(begin + len) + 1);
}

/* Appends this call with another port. */
static void
add_command(const doctor *d, doctor_result *r, long port)
{
	char shown[CLI_SERVER_NAME_MAX] = "";
	char text[CLI_SERVER_NAME_MAX + 32];

	if (d->conninfo[0] != '\0')
		cli_server_name(d->conninfo, shown, sizeof(shown));
	remove_port(shown);
	(void) snprintf(text,
					sizeof(text),
					"port=%ld%s%s",
					port,
					shown[0] != '\0' && shown[0] != ' ' ? " " : "",
					shown);
	doctor_advise(r,
				  "osprofiler doctor %s",
				  d->unfix ? "--unfix "
				  : d->fix ? "--fix "
						   : "");
	cli_add_quoted(&r->advice, osp_str_of(text));
}

/* No server listens at the socket of the message, but at others. False: at none. */
static bool
advise_ports(const doctor *d, doctor_result *r, const char *message)
{
	long ports[CLI_PORTS_MAX];
	size_t count = cli_other_ports(message, ports);
	size_t i;

	for (i = 0; i < count; i++)
	{
		doctor_advise(r, i == 0 ? "type " : ", or ");
		add_command(d, r, ports[i]);
	}
	if (count > 0)
		doctor_advise(r, ", or start the server");
	return count > 0;
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
	else if (!advise_ports(d, r, err->msg))
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

	if (cli_server_open_for_root(d->conninfo, &d->server, &err) != OSP_OK)
	{
		report_failure(d, r, &err);
		return;
	}
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
	cli_answer_free(answer);
}
