/* SPDX-License-Identifier: Apache-2.0
 *
 * load_shadow.c
 *	  Finds libpq when our library replaces it.
 *
 * It is the one that the loader would have found: in another directory of
 * LD_LIBRARY_PATH, else in one that the program names in DT_RUNPATH, else the
 * one of OSPROFILER_LIBPQ, which `osprofiler run` has set after asking the
 * loader, else in a directory of the system. It is loaded by its path, since
 * our library has its name, and outside the global scope, so that its calls of
 * its own functions do not reach ours. RTLD_DEEPBIND makes sure of that. But
 * with it libpq would not use a replaced malloc, whose memory it shares with
 * the program. In that case RTLD_DEEPBIND is left out; libpq's calls of its own
 * functions then reach our wrappers, which let them through like every call
 * from within libpq.
 */
#include "load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A variable whose address shows which file this library is. */
static const char own_address = 0;

/* Does the program use a malloc other than libc's? */
static int
malloc_is_replaced(void)
{
	Dl_info of_malloc;
	Dl_info of_libc;
	void *malloc_address = dlsym(RTLD_DEFAULT, "malloc");
	void *libc_address = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");

	if (malloc_address == NULL || libc_address == NULL ||
		dladdr(malloc_address, &of_malloc) == 0 ||
		dladdr(libc_address, &of_libc) == 0)
		return 1;
	return of_malloc.dli_fbase != of_libc.dli_fbase;
}

/* Opens the library at the path, unless it is another copy of ours. */
static void *
open_library(const char *path)
{
	void *libpq = dlopen(path,
						 RTLD_NOW | RTLD_LOCAL |
							 (malloc_is_replaced() ? 0 : RTLD_DEEPBIND));

	if (libpq == NULL || dlsym(libpq, "osprofiler_shadow") == NULL)
		return libpq;
	(void) dlclose(libpq);
	return NULL;
}

static int
same_file(const char *path, const struct stat *own)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == own->st_dev &&
		   other.st_ino == own->st_ino;
}

/* Opens the library at the path, if that is a different file from ours. */
static void *
try_path(const char *path, const void *own)
{
	return path[0] == '/' && access(path, R_OK) == 0 && !same_file(path, own)
			   ? open_library(path)
			   : NULL;
}

/* Searches a list of directories that are separated by colons. */
static void *
search_list(const char *dirs, const struct stat *own)
{
	void *libpq = NULL;

	while (libpq == NULL && *dirs != '\0')
	{
		size_t len = strcspn(dirs, ":");
		char path[PATH_MAX];
		int n =
			snprintf(path, sizeof(path), "%.*s/" OSPQ_LIBPQ, (int) len, dirs);

		if (n > 0 && (size_t) n < sizeof(path))
			libpq = try_path(path, own);
		dirs += len;
		dirs += *dirs == ':' ? 1 : 0;
	}
	return libpq;
}

/*
 * Searches the directories where the loader would look for libraries that ours
 * needs.
 */
static void *
search_system(const char *own_path, const struct stat *own)
{
	void *self = dlopen(own_path, RTLD_LAZY | RTLD_NOLOAD);
	void *libpq = NULL;
	Dl_serinfo size;
	Dl_serinfo *dirs = NULL;
	unsigned i;

	if (self != NULL && dlinfo(self, RTLD_DI_SERINFOSIZE, &size) == 0)
		dirs = malloc(size.dls_size);
	if (dirs != NULL)
	{
		*dirs = size;
		if (dlinfo(self, RTLD_DI_SERINFOSIZE, dirs) == 0 &&
			dlinfo(self, RTLD_DI_SERINFO, dirs) == 0)
			for (i = 0; libpq == NULL && i < dirs->dls_cnt; i++)
				libpq = search_list(dirs->dls_serpath[i].dls_name, own);
		free(dirs);
	}
	if (self != NULL)
		(void) dlclose(self);
	return libpq;
}

void *
ospq_find_libpq(void)
{
	const char *dirs = secure_getenv("LD_LIBRARY_PATH");
	const char *given = secure_getenv("OSPROFILER_LIBPQ");
	void *libpq = NULL;
	struct stat own;
	Dl_info info;

	if (dladdr(&own_address, &info) == 0 || stat(info.dli_fname, &own) != 0)
		return NULL;
	if (dirs != NULL)
		libpq = search_list(dirs, &own);
	if (libpq == NULL)
		libpq = ospq_search_runpaths(try_path, &own);
	if (libpq == NULL && given != NULL)
		libpq = try_path(given, &own);
	if (libpq == NULL)
		libpq = search_system(info.dli_fname, &own);
	if (libpq == NULL)
		fprintf(stderr, "osprofiler: libpq.so.5 itself was not found\n");
	return libpq;
}
