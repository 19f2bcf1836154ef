/* SPDX-License-Identifier: Apache-2.0
 *
 * load_next.c
 *	  Finds libpq when our library comes before it.
 *
 * The next object in the global scope has it in a program that is linked with
 * libpq. In an interpreter libpq was loaded by a module that is not in the
 * global scope. So it is searched for among all loaded objects, under its name
 * or with a hash in its name, as in Python wheels.
 */
#include "load.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

static int
look_at_object(struct dl_phdr_info *info, size_t size, void *found)
{
	const char *slash =
		info->dlpi_name != NULL ? strrchr(info->dlpi_name, '/') : NULL;

	(void) size;
	if (slash == NULL || strncmp(slash, "/libpq", 6) != 0 ||
		(slash[6] != '.' && slash[6] != '-'))
		return 0;
	*(const char **) found = info->dlpi_name;
	return 1;
}

void *
ospq_find_libpq(void)
{
	const char *path = NULL;
	void *libpq;

	if (dlsym(RTLD_NEXT, "PQconnectPoll") != NULL)
		return RTLD_NEXT;
	libpq = dlopen("libpq.so.5", RTLD_LAZY | RTLD_NOLOAD);
	if (libpq == NULL && dl_iterate_phdr(look_at_object, &path) == 1)
		libpq = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	if (libpq == NULL)
		libpq = dlopen("libpq.so.5", RTLD_LAZY | RTLD_LOCAL);
	return libpq;
}
