/* SPDX-License-Identifier: Apache-2.0
 *
 * program_path.c
 *	  Finding a program as a shell finds it.
 */
#include "program_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		   access(path, X_OK) == 0;
}

bool
cli_program_find(const char *name, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH");
	size_t len;

	if (strchr(name, '/') != NULL)
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX &&
			   is_program(path);
	for (; dirs != NULL && *dirs != '\0'; dirs += len + (dirs[len] == ':'))
	{
		len = strcspn(dirs, ":");
		if (len > 0 &&
			snprintf(path, PATH_MAX, "%.*s/%s", (int) len, dirs, name) <
				PATH_MAX &&
			is_program(path))
			return true;
	}
	return false;
}
