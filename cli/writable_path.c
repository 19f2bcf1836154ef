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
#include <string.h>
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
