/* SPDX-License-Identifier: Apache-2.0
 *
 * replaced_files.c
 *	  Have the library and the agent been replaced since this worker loaded the one and
 *	  started the other?
 *
 * After an upgrade, sessions that begin load the new library, and the worker would serve
 * them with the old one and with the old agent until the server ends. What rings look
 * like belongs to one version. The worker is awake every ten seconds anyway.
 *
 * A server that loaded the library at its start goes on with the old one until it is
 * restarted, and so does its worker.
 */
#include "wait_watch.h"

#include <sys/stat.h>
#include <time.h>

#include "miscadmin.h"

#define CHECK_NS INT64CONST(10000000000)

/* A file that is younger is perhaps still being written. */
#define SETTLED_S 1

typedef struct pgospFile
{
	char path[MAXPGPATH]; /* empty: not watched */
	struct stat is;
} pgospFile;

static bool of_the_server = false;
static pgospFile library;
static pgospFile program;
static int64 next_ns = 0;

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

/* A file that was removed is not replaced: what runs goes on. */
static bool
is_replaced(const pgospFile *file)
{
	struct stat now;

	if (file->path[0] == '\0' || stat(file->path, &now) != 0)
		return false;
	if (now.st_ino == file->is.st_ino && now.st_dev == file->is.st_dev &&
		now.st_size == file->is.st_size && now.st_mtime == file->is.st_mtime)
		return false;
	return llabs((long long) (time(NULL) - now.st_ctime)) > SETTLED_S;
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

	if (of_the_server || (!at_once && now_ns < next_ns))
		return PGOSP_REPLACED_NONE;
	next_ns = now_ns + CHECK_NS;
	if (is_replaced(&library))
		return PGOSP_REPLACED_LIBRARY;
	return is_replaced(&program) ? PGOSP_REPLACED_PROGRAM : PGOSP_REPLACED_NONE;
}
