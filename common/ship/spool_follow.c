/* SPDX-License-Identifier: Apache-2.0
 *
 * spool_follow.c
 *	  Puts the spool back where the next shipper looks for it, after its file was
 *	  removed, for example with the run directory, in which it lies by default.
 *
 * A file without a name cannot get one again, so its contents are copied to a new file.
 * Positions do not change.
 */
#include "ship/spool_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_SIZE ((size_t) 8 * 1024)

/* Is there a file of the spool's name, whether its own or another one? */
static bool
has_file(const osp_spool *spool)
{
	struct stat st;

	return lstat(spool->path, &st) == 0 || errno != ENOENT;
}

static bool
copy_part(const osp_spool *spool, int to, uint64_t pos, uint64_t end)
{
	char bytes[COPY_SIZE];

	while (pos < end)
	{
		size_t len = end - pos < COPY_SIZE ? (size_t) (end - pos) : COPY_SIZE;
		ssize_t n = pread(spool->fd, bytes, len, (off_t) pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !osp__spool_write_at(to, bytes, (size_t) n, pos))
			return false;
		pos += (uint64_t) n;
	}
	return true;
}

osp_status
osp_spool_follow(osp_spool *spool, osp_error *err)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	char reason[128];
	int code;
	int fd;

	if (has_file(spool))
		return OSP_OK;
	fd = open(spool->path, flags, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		copy_part(spool, fd, 0, sizeof(spool_header)) &&
		copy_part(spool, fd, spool->mark.consumed, spool->end))
	{
		(void) close(spool->fd);
		spool->fd = fd;
		return OSP_OK;
	}
	code = errno;
	if (fd >= 0)
	{
		(void) unlink(spool->path);
		(void) close(fd);
	}
	return osp_error_set(err,
						 OSP_EIO,
						 "cannot make spool %s again: %s",
						 spool->path,
						 strerror_r(code, reason, sizeof(reason)));
}
