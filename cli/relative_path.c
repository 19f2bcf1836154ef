/* SPDX-License-Identifier: Apache-2.0
 *
 * relative_path.c
 *	  Connection strings of SQLite whose path is relative to the working directory.
 */
#include "relative_path.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *
cli_relative_path(const char *connection_string)
{
	const char *colon = strchr(connection_string, ':');

	if (strncmp(connection_string, "sqlite", 6) != 0 || colon == NULL ||
		strncmp(colon, ":///", 4) != 0 || colon[4] == '/' || colon[4] == '\0')
		return NULL;
	return colon + 4;
}

bool
cli_make_absolute(const char *connection_string,
				  char out[CLI_CONNECTION_STRING_MAX])
{
	const char *path = cli_relative_path(connection_string);
	char directory[PATH_MAX];
	int len;

	out[0] = '\0';

	/* A question mark in the path would begin the options of the connection string. */
	if (path == NULL || getcwd(directory, sizeof(directory)) == NULL ||
		strchr(directory, '?') != NULL)
		return false;
	len = snprintf(out,
				   CLI_CONNECTION_STRING_MAX,
				   "%.*s%s/%s",
				   (int) (path - connection_string),
				   connection_string,
				   directory,
				   path);
	if (len >= 0 && len < CLI_CONNECTION_STRING_MAX)
		return true;
	out[0] = '\0';
	return false;
}
