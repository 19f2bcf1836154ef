/* SPDX-License-Identifier: Apache-2.0
 *
 * load_shadow.c
 *	  Finds libpq when our library stands in its place.
 *
 * OSPROFILER_LIBPQ names it, set by `osprofiler run`, which asked the dynamic
 * loader. Else it is the next libpq.so.5 on the loader's search path that is not
 * this file. It is loaded under its path, for its name is ours, and beside the
 * global scope: what it calls of itself is its own affair. RTLD_DEEPBIND makes
 * sure of that, but also makes it blind for a replaced malloc, whose memory it
 * shares with the program; then libpq's calls of itself come to us, and
 * are let through as every call from within.
 */
#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME         "libpq.so.5"
#define PATH_MAX_LEN 4096

/* Its address tells which file this library is. */
static const char own_address = 0;

/* Where the loader takes malloc from must be where memcpy lives. */
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

static void *
open_library(const char *path)
{
	return dlopen(path,
				  RTLD_NOW | RTLD_LOCAL |
					  (malloc_is_replaced() ? 0 : RTLD_DEEPBIND));
}

static int
same_file(const char *path, const struct stat *own)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == own->st_dev &&
		   other.st_ino == own->st_ino;
}

/* The first of the loader's directories that has another library. */
static void *
search(Dl_serinfo *dirs, const struct stat *own)
{
	unsigned i;

	for (i = 0; i < dirs->dls_cnt; i++)
	{
		char path[PATH_MAX_LEN];
		int len = snprintf(
			path, sizeof(path), "%s/" NAME, dirs->dls_serpath[i].dls_name);
		void *libpq;

		if (len < 0 || (size_t) len >= sizeof(path) || path[0] != '/' ||
			access(path, R_OK) != 0 || same_file(path, own))
			continue;
		libpq = open_library(path);
		if (libpq != NULL)
			return libpq;
	}
	return NULL;
}

static void *
search_loader_path(const char *own_path, const struct stat *own)
{
	void *self = dlopen(own_path, RTLD_LAZY | RTLD_NOLOAD);
	void *libpq = NULL;
	Dl_serinfo size;
	Dl_serinfo *dirs;

	if (self == NULL)
		return NULL;
	if (dlinfo(self, RTLD_DI_SERINFOSIZE, &size) == 0)
	{
		dirs = malloc(size.dls_size);
		if (dirs != NULL)
		{
			*dirs = size;
			if (dlinfo(self, RTLD_DI_SERINFOSIZE, dirs) == 0 &&
				dlinfo(self, RTLD_DI_SERINFO, dirs) == 0)
				libpq = search(dirs, own);
			free(dirs);
		}
	}
	(void) dlclose(self);
	return libpq;
}

void *
ospq_find_libpq(void)
{
	const char *given = secure_getenv("OSPROFILER_LIBPQ");
	void *libpq = NULL;
	struct stat own;
	Dl_info info;

	if (dladdr(&own_address, &info) == 0 || stat(info.dli_fname, &own) != 0)
		return NULL;
	if (given != NULL && given[0] == '/' && !same_file(given, &own))
		libpq = open_library(given);
	if (libpq == NULL)
		libpq = search_loader_path(info.dli_fname, &own);
	if (libpq == NULL)
		fprintf(stderr, "osprofiler: libpq.so.5 itself was not found\n");
	return libpq;
}
