/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_state.c
 *	  Reads the state of a shipper's process from /proc.
 */
#include "server/shipper_state.h"

#include <stdio.h>
#include <string.h>

#include "osprofiler/base.h"

/* Begins the field of /proc/PID/stat that has the name of the program. */
#define NAME "(osprofiler"

char
cli_shipper_state(long pid)
{
	char line[256] = "";
	char path[64];
	FILE *file;
	const char *end;

	(void) snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return '\0';
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	(void) fclose(file);
	end = strrchr(line, ')');
	return strstr(line, NAME) != NULL && end != NULL && end[1] == ' ' ? end[2]
																	  : '\0';
}

/* Asks the server for the state, the first word behind the program's name. */
static const char question[] =
	"SELECT pg_catalog.left(pg_catalog.regexp_replace(pg_catalog.encode("
	"pg_catalog.pg_read_binary_file('/proc/' || $1 || '/stat', 0, 1000, true), "
	"'escape'), '^.*[)] ', ''), 1)";

char
cli_server_shipper_state(cli_server *server, long pid)
{
	cli_answer *answer = NULL;
	const char *value;
	const char *params[1];
	char text[24];
	char state = cli_server_is_local(server) ? cli_shipper_state(pid) : '\0';

	if (state != '\0' || !cli_server_is_superuser(server))
		return state;
	(void) snprintf(text, sizeof(text), "%ld", pid);
	params[0] = text;
	if (cli_server_ask(server, question, 1, params, &answer, NULL) == OSP_OK)
	{
		value = cli_answer_value(answer, 0, 0);
		state = value != NULL ? value[0] : '\0';
	}
	cli_answer_free(answer);
	return state;
}
