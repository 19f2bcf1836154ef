/* SPDX-License-Identifier: Apache-2.0
 *
 * store_directory.c
 *	  The directory of the spool and of the default collector, and the check
 *	  that it belongs to this cluster.
 *
 * The directory is in the data directory, under a name that base backups leave out. A
 * copy of the cluster that was made by other means has it, too, but must neither
 * deliver the spool again nor continue the traces of the original cluster. So a file in
 * the directory, the mark, identifies itself: by the cluster's system identifier, and
 * by the file's own inode and time of birth, which a copy of the file never has. (A
 * clone of a whole file system has them. Its spool is delivered twice, which readers of
 * traces do not notice.)
 *
 * A copied directory is set aside, not deleted, because a data directory that
 * was moved to another file system looks the same.
 */
#include "pgosp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"

#define MARK      PGOSP_STORE_DIRECTORY "/cluster"
#define SET_ASIDE PGOSP_STORE_DIRECTORY ".copied"

typedef struct pgospMark
{
	char text[128];
} pgospMark;

/* Computes the contents that the mark with this descriptor must have. */
static bool
expected_mark(int fd, pgospMark *mark)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) != 0)
		return false;
	if ((st.stx_mask & STATX_BTIME) == 0)
		memset(&st.stx_btime, 0, sizeof(st.stx_btime));
	snprintf(mark->text,
			 sizeof(mark->text),
			 UINT64_FORMAT " " UINT64_FORMAT " " INT64_FORMAT ".%09u\n",
			 GetSystemIdentifier(),
			 (uint64) st.stx_ino,
			 (int64) st.stx_btime.tv_sec,
			 (unsigned) st.stx_btime.tv_nsec);
	return true;
}

static bool
is_ours(int fd)
{
	pgospMark expected;
	pgospMark found;
	ssize_t len = pread(fd, found.text, sizeof(found.text), 0);

	return len > 0 && expected_mark(fd, &expected) &&
		   (size_t) len == strlen(expected.text) &&
		   memcmp(found.text, expected.text, (size_t) len) == 0;
}

static bool
make_directories(void)
{
	return (mkdir("osprofiler", 0700) == 0 || errno == EEXIST) &&
		   (mkdir(PGOSP_STORE_DIRECTORY, 0700) == 0 || errno == EEXIST);
}

/* Makes the mark. True if it exists now. */
static bool
make_mark(void)
{
	int fd = open(MARK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	pgospMark mark;
	bool made;

	if (fd < 0)
		return errno == EEXIST;
	made =
		expected_mark(fd, &mark) &&
		write(fd, mark.text, strlen(mark.text)) == (ssize_t) strlen(mark.text);
	(void) close(fd);
	if (!made)
		(void) unlink(MARK);
	return made;
}

static bool
set_aside(void)
{
	struct stat st;

	if (lstat(SET_ASIDE, &st) == 0)
		(void) rmtree(SET_ASIDE, true);
	if (rename(PGOSP_STORE_DIRECTORY, SET_ASIDE) != 0)
		return false;
	pgosp_log(
		errmsg("osprofiler: traces and spool in \"%s/%s\" were copied with "
			   "the data directory of another cluster, they are set aside "
			   "in \"%s/%s\"",
			   DataDir,
			   PGOSP_STORE_DIRECTORY,
			   DataDir,
			   SET_ASIDE),
		errhint("If this is the same cluster at another place, stop it, move "
				"them back and remove the file \"cluster\" there."));
	return true;
}

/* Is there a mark that is not ours? */
static bool
is_copied(void)
{
	int fd = open(MARK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool copied;

	if (fd < 0)
		return false;
	copied = !is_ours(fd);
	(void) close(fd);
	return copied;
}

static void
log_trouble(void)
{
	static bool logged = false;

	if (!logged)
		pgosp_log(errmsg("osprofiler: cannot use directory \"%s/%s\": %m",
						 DataDir,
						 PGOSP_STORE_DIRECTORY));
	logged = true;
}

bool
pgosp_store_prepare(void)
{
	if (is_copied() && !set_aside())
	{
		log_trouble();
		return false;
	}
	/* Without the directory there is no spool, but there may be a collector
	 * elsewhere. */
	if (!make_directories() || !make_mark())
		log_trouble();
	return true;
}
