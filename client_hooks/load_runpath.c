/* SPDX-License-Identifier: Apache-2.0
 *
 * load_runpath.c
 *	  Finds libpq in the directories that programs and libraries name
 *	  themselves.
 *
 * Programs that are built with PostgreSQL's own Makefiles name its directory of
 * libraries in DT_RUNPATH. The loader reads that after LD_LIBRARY_PATH, so it
 * finds our library first. The libpq that our library has to call is then the
 * one in that directory.
 */
#include "load.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORIGIN "$ORIGIN"

/* The type ElfW(Dyn). */
typedef __typeof__(*((struct link_map *) NULL)->l_ld) dynamic_entry;

/* The entries of an object's dynamic section that are needed here. */
typedef struct dynamic
{
	const char *strings;
	const char *runpath; /* NULL: it has no DT_RUNPATH */
	int needs_libpq;
} dynamic;

/*
 * Makes the address absolute, if the loader has not done so because it cannot
 * write to it.
 */
static const char *
address_of(const struct link_map *map, uintptr_t address)
{
	return (const char *) (address < map->l_addr ? address + map->l_addr
												 : address);
}

static void
read_dynamic(const struct link_map *map, dynamic *out)
{
	const dynamic_entry *entry;

	memset(out, 0, sizeof(*out));
	for (entry = map->l_ld; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_STRTAB)
			out->strings = address_of(map, entry->d_un.d_ptr);
	for (entry = map->l_ld; out->strings != NULL && entry->d_tag != DT_NULL;
		 entry++)
	{
		const char *text = out->strings + entry->d_un.d_val;

		if (entry->d_tag == DT_RUNPATH)
			out->runpath = text;
		else if (entry->d_tag == DT_NEEDED && strcmp(text, OSPQ_LIBPQ) == 0)
			out->needs_libpq = 1;
	}
}

/* Finds the directory of the object's file; false: it is unknown. */
static int
origin_of(const struct link_map *map, char out[PATH_MAX])
{
	char *slash;

	if (map->l_name[0] != '\0')
	{
		if (realpath(map->l_name, out) == NULL)
			return 0;
	}
	else
	{
		ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);

		if (len < 0)
			return 0;
		out[len] = '\0';
	}
	slash = strrchr(out, '/');
	if (slash == NULL)
		return 0;
	*slash = '\0';
	return 1;
}

/*
 * Makes the path of libpq in a directory of DT_RUNPATH; false: it is not an
 * absolute path.
 */
static int
make_path(const struct link_map *map, const char *dir, size_t len,
		  char out[PATH_MAX])
{
	char origin[PATH_MAX] = "";
	int n;

	if (len >= sizeof(ORIGIN) - 1 &&
		memcmp(dir, ORIGIN, sizeof(ORIGIN) - 1) == 0)
	{
		if (!origin_of(map, origin))
			return 0;
		dir += sizeof(ORIGIN) - 1;
		len -= sizeof(ORIGIN) - 1;
	}
	n = snprintf(out, PATH_MAX, "%s%.*s/" OSPQ_LIBPQ, origin, (int) len, dir);
	return n > 0 && n < PATH_MAX && out[0] == '/';
}

static void *
search_runpath(const struct link_map *map, const char *dirs, ospq_try_fn try,
			   const void *ctx)
{
	while (*dirs != '\0')
	{
		size_t len = strcspn(dirs, ":");
		char path[PATH_MAX];
		void *libpq = make_path(map, dirs, len, path) ? try(path, ctx) : NULL;

		if (libpq != NULL)
			return libpq;
		dirs += len;
		dirs += *dirs == ':' ? 1 : 0;
	}
	return NULL;
}

void *
ospq_search_runpaths(ospq_try_fn try, const void *ctx)
{
	void *program = dlopen(NULL, RTLD_LAZY);
	void *libpq = NULL;
	const struct link_map *map;

	if (program == NULL)
		return NULL;
	if (dlinfo(program, RTLD_DI_LINKMAP, &map) == 0)
		for (; map != NULL && libpq == NULL; map = map->l_next)
		{
			dynamic d;

			read_dynamic(map, &d);
			if (d.needs_libpq && d.runpath != NULL)
				libpq = search_runpath(map, d.runpath, try, ctx);
		}
	(void) dlclose(program);
	return libpq;
}
