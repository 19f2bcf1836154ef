/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_path.c
 *	  Where the libraries are that `osprofiler run` puts into a command.
 */
#include "run/hook_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/install_path.h"

bool
run_hook_find(const char *file, char out[PATH_MAX])
{
	const char *dirs = getenv("OSPROFILER_HOOK_PATH");

	if (dirs == NULL || dirs[0] == '\0')
		return osp__install_path(file, out, PATH_MAX);
	while (*dirs != '\0')
	{
		size_t len = strcspn(dirs, ":");
		int n = snprintf(out, PATH_MAX, "%.*s/%s", (int) len, dirs, file);

		if (len > 0 && n > 0 && n < PATH_MAX && access(out, R_OK) == 0)
			return true;
		dirs += len;
		dirs += *dirs == ':' ? 1 : 0;
	}
	return false;
}

bool
run_hook_has_space(const char *path)
{
	return strpbrk(path, " :;") != NULL;
}
