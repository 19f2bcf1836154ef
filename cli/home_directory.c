/* SPDX-License-Identifier: Apache-2.0
 *
 * home_directory.c
 *	  The home directory of the user as whom this process acts.
 */
#include "home_directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "as_user.h"
#include "shell_text.h"

/*
 * Finds the home directory as the settings do: HOME, else the entry of the user
 * database.
 */
static bool
find_home(char home[PATH_MAX])
{
	const char *given = getenv("HOME");
	cli_user user;

	if (given != NULL && given[0] == '/')
		return snprintf(home, PATH_MAX, "%s", given) < PATH_MAX;
	if (!cli_user_numbered(geteuid(), &user) || user.home[0] != '/')
		return false;
	memcpy(home, user.home, sizeof(user.home));
	return true;
}

bool
cli_home_is_missing(const char *path, char home[PATH_MAX])
{
	struct stat st;
	size_t len;

	if (!find_home(home))
		return false;
	len = strlen(home);
	return strncmp(path, home, len) == 0 && path[len] == '/' &&
		   stat(home, &st) != 0 && errno == ENOENT;
}

bool
cli_home_add_command(osp_buf *out, const char *home)
{
	cli_user user;

	if (strncmp(home, "/nonexist", 9) == 0 ||
		!cli_user_numbered(geteuid(), &user))
		return false;
	osp_buf_addf(out, "install -d -m 700 -o ");
	cli_add_quoted(out, osp_str_of(user.name));
	osp_buf_addf(out, " -g %lu ", (unsigned long) user.gid);
	cli_add_quoted(out, osp_str_of(home));
	return true;
}
