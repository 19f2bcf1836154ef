/* SPDX-License-Identifier: Apache-2.0
 *
 * install_path.c
 *	  Where the plug-ins and hooks of this installation are.
 *
 * This code is in libraries of LIBDIR and LIBDIR/osprofiler, in the command in
 * BINDIR, and in the extension of PostgreSQL, beside which is a link to
 * LIBDIR/osprofiler. OSP_LIB_FROM_BIN is the way from BINDIR to LIBDIR.
 */
#include "base/install_path.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "/proc/self/exe"

/* The directory of the library or program that this code is in. */
static bool
find_own_directory(char out[PATH_MAX])
{
	static const char here = 0;
	struct link_map *map = NULL;
	Dl_info info;
	char *slash;

	if (dladdr1(&here, &info, (void **) &map, RTLD_DL_LINKMAP) == 0 ||
		map == NULL)
		return false;

	/* The program itself has no name in the list of loaded objects. */
	if (realpath(map->l_name[0] != '\0' ? map->l_name : PROGRAM, out) == NULL)
		return false;
	slash = strrchr(out, '/');
	*slash = '\0';
	return true;
}

bool
osp__install_path(const char *name, char *out, size_t size)
{
	static const char *const places[] = {
		"/osprofiler", "", "/" OSP_LIB_FROM_BIN "/osprofiler"};
	char own[PATH_MAX];
	size_t i;

	if (!find_own_directory(own))
		return false;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		int len = snprintf(out, size, "%s%s/%s", own, places[i], name);

		if (len > 0 && (size_t) len < size && access(out, R_OK) == 0)
			return true;
	}
	return false;
}
