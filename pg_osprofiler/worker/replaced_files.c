/* SPDX-License-Identifier: Apache-2.0
 *
 * replaced_files.c
 *	  Checks whether the library and the agent have been replaced since this worker
 *	  loaded the one and started the other.
 *
 * After an upgrade, new sessions load the new library, but the worker would serve them
 * with the old library and the old agent until the server ends. The layout of rings
 * belongs to one version. The check costs little, because the worker is awake every ten
 * seconds anyway.
 *
 * A server that loaded the library at its start goes on with the old one until it is
 * restarted, and so does its worker.
 */
#include "wait_watch.h"

#include <sys/stat.h>
#include <time.h>

#include "miscadmin.h"

#define CHECK_NS INT64CONST(10000000000)

/* A file that changed less long ago may still be in the process of being written. */
#define SETTLED_S    1
#define UNSETTLED_MS 500 /* until such a file is checked again */

typedef struct pgospFile
{
	char path[MAXPGPATH]; /* empty: not watched */
	struct stat is;
} pgospFile;

static bool of_the_server = false;
static pgospFile library;
static pgospFile program;
static int64 next_ns = 0;
static bool unsettled = false; /* the last check found a file that changes */

void
pgosp_replaced_init(void)
{
	of_the_server = !IsUnderPostmaster;
}

static void
note_file(pgospFile *file, const char *path)
{
	strlcpy(file->path, path, sizeof(file->path));
	if (stat(path, &file->is) != 0)
		file->path[0] = '\0';
}

/* Has the file been replaced? A file that was only removed does not count as replaced,
 * so running processes continue. */
static bool
is_replaced(const pgospFile *file)
{
	struct stat now;

	if (file->path[0] == '\0' || stat(file->path, &now) != 0)
		return false;
	if (now.st_ino == file->is.st_ino && now.st_dev == file->is.st_dev &&
		now.st_size == file->is.st_size && now.st_mtime == file->is.st_mtime)
		return false;
	if (llabs((long long) (time(NULL) - now.st_ctime)) > SETTLED_S)
		return true;
	unsettled = true;
	return false;
}

void
pgosp_replaced_note_library(const char *path)
{
	note_file(&library, path);
}

void
pgosp_replaced_note_program(const char *path)
{
	note_file(&program, path);
}

pgospReplaced
pgosp_replaced_check(bool at_once)
{
	int64 now_ns = osp_mono_now();
	pgospReplaced replaced = PGOSP_REPLACED_NONE;

	if (of_the_server || (!at_once && now_ns < next_ns))
		return PGOSP_REPLACED_NONE;
	unsettled = false;
	if (is_replaced(&library))
		replaced = PGOSP_REPLACED_LIBRARY;
	else if (is_replaced(&program))
		replaced = PGOSP_REPLACED_PROGRAM;
	next_ns = now_ns + (unsettled ? UNSETTLED_MS * PGOSP_NS_PER_MS : CHECK_NS);
	return replaced;
}

long
pgosp_replaced_due_ms(void)
{
	return unsettled ? UNSETTLED_MS : LONG_MAX;
}
