/* SPDX-License-Identifier: Apache-2.0
 *
 * tempdir.c
 *	  A private directory for one test.
 */
#include "tempdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static char path[64];

const char *
tempdir_make(void)
{
	(void) snprintf(path, sizeof(path), "/tmp/osprofiler-test-XXXXXX");
	return mkdtemp(path);
}

static int
remove_entry(const char *name, const struct stat *st, int type,
			 struct FTW *where)
{
	(void) st;
	(void) type;
	(void) where;
	return remove(name);
}

void
tempdir_remove_this(const char *dir)
{
	(void) nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void
tempdir_remove(void)
{
	tempdir_remove_this(path);
}
