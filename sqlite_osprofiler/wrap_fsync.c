/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_fsync.c
 *	  fsync and fdatasync: how long a statement waits for the disk. They are
 *	  wrapped by the preload library only, since other libraries must not
 *	  replace functions of the C library.
 *
 * The calls are passed on unchanged, and measured while a statement or a
 * checkpoint runs in this thread. fsync and fdatasync may be called in signal
 * handlers, and so may the wrappers: they take no lock and allocate nothing.
 */
#include <dlfcn.h>
#include <errno.h>

#include "statement_waits.h"

typedef int (*sync_fn)(int);

int osp_sqlite__fsync(int file);
int osp_sqlite__fdatasync(int file);

static sync_fn real_fsync = NULL;
static sync_fn real_fdatasync = NULL;

/*
 * Returns the C library's function. It is found when the library is loaded, or
 * at the first call if that comes earlier.
 */
static sync_fn
find_real(const char *name, sync_fn *real)
{
	sync_fn function = *real;
	void *found;

	if (OSP_UNLIKELY(function == NULL))
	{
		found = dlsym(RTLD_NEXT, name);
		memcpy(&function, &found, sizeof(found));
		*real = function;
	}
	return function;
}

__attribute__((constructor)) static void
find_both(void)
{
	(void) find_real("fsync", &real_fsync);
	(void) find_real("fdatasync", &real_fdatasync);
	osp_sqlite__syncs_measured = true;
}

/* Returns where to add waits of this thread; NULL: SQLite is not at work in it. */
static osp_sqlite_waits *
waits_now(void)
{
	osp_sqlite_stmt *st = osp_sqlite__innermost;

	if (osp_sqlite__collecting != NULL)
		return osp_sqlite__collecting;
	return st != NULL ? &st->waits : NULL;
}

static int
measure(sync_fn real, int file, osp_sqlite_waits *waits)
{
	int64_t begin_ns = osp__hook_now();
	int rc = real(file);
	int error = errno;

	waits->syncs.count++;
	waits->syncs.ns += osp__hook_now() - begin_ns;
	errno = error;
	return rc;
}

int
osp_sqlite__fsync(int file)
{
	sync_fn real = find_real("fsync", &real_fsync);
	osp_sqlite_waits *waits = waits_now();

	return OSP_LIKELY(waits == NULL) ? real(file) : measure(real, file, waits);
}

int
osp_sqlite__fdatasync(int file)
{
	sync_fn real = find_real("fdatasync", &real_fdatasync);
	osp_sqlite_waits *waits = waits_now();

	return OSP_LIKELY(waits == NULL) ? real(file) : measure(real, file, waits);
}

extern __typeof__(osp_sqlite__fsync) osp_sqlite__export_fsync __asm__("fsync")
	__attribute__((alias("osp_sqlite__fsync"), visibility("default")));
extern __typeof__(osp_sqlite__fdatasync)
	osp_sqlite__export_fdatasync __asm__("fdatasync")
		__attribute__((alias("osp_sqlite__fdatasync"), visibility("default")));
