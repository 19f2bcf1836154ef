/* SPDX-License-Identifier: Apache-2.0
 *
 * writable_path.c
 *	  May this user make a file there?
 */
#include "writable_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
may_write(const char *path, int also)
{
	return faccessat(AT_FDCWD, path, W_OK | also, AT_EACCESS) == 0;
}

bool
cli_writable_path(const char *path)
{
	char part[PATH_MAX];
	char *slash;

	if (snprintf(part, sizeof(part), "%s", path) >= (int) sizeof(part))
		return false;
	if (may_write(part, 0))
		return true;

	/* If the file is missing, the nearest existing directory decides. */
	while (errno == ENOENT && (slash = strrchr(part, '/')) != NULL)
	{
		slash[slash == part] = '\0';
		if (may_write(part, X_OK))
			return true;
		if (slash == part)
			break;
	}
	return false;
}

bool
cli_foreign_part(const char *path, char part[PATH_MAX])
{
	const char *home = getenv("HOME");
	size_t len = home != NULL ? strlen(home) : 0;
	struct stat st;
	const char *end;

	if (len < 2 || strncmp(path, home, len) != 0 || path[len] != '/' ||
		strlen(path) >= PATH_MAX || stat(home, &st) != 0 ||
		st.st_uid != geteuid())
		return false;
	for (end = path + len; end[0] != '\0';)
	{
		end += 1 + strcspn(end + 1, "/");
		(void) snprintf(part, PATH_MAX, "%.*s", (int) (end - path), path);
		if (lstat(part, &st) != 0)
			return false;
		if (st.st_uid != geteuid())
			return true;
	}
	return false;
}
