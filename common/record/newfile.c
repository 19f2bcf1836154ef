/* SPDX-License-Identifier: Apache-2.0
 *
 * newfile.c
 *	  Makes files that appear under their name only when they are complete, and
 *	  maps them.
 *
 * The file is made as ".new.NAME" and then linked to its name. A ".new.NAME"
 * that is too old to be still in the making (its process was killed) is removed
 * by the next process.
 */
#include "record/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STALE_S 10

static osp_status
io_error(osp_error *err, int code, const char *what, const char *name)
{
	osp_status status =
		code == ENOSPC || code == EDQUOT || code == EFBIG ? OSP_EFULL : OSP_EIO;
	char reason[128];

	return osp_error_set(err,
						 status,
						 "cannot %s %s in the run directory: %s",
						 what,
						 name,
						 strerror_r(code, reason, sizeof(reason)));
}

/* Makes the file with mode 0600, whatever the umask. */
static int
make_file(int dir_fd, const char *temp)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(dir_fd, temp, flags, 0600);

	if (fd >= 0)
		(void) fchmod(fd, 0600);
	return fd;
}

/* Opens ".new.NAME"; -1 and errno if that fails. */
static int
open_new(int dir_fd, const char *temp)
{
	int fd = make_file(dir_fd, temp);
	struct stat st;

	if (fd >= 0 || errno != EEXIST)
		return fd;
	if (fstatat(dir_fd, temp, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		time(NULL) - st.st_mtime > STALE_S)
	{
		(void) unlinkat(dir_fd, temp, 0);
		return make_file(dir_fd, temp);
	}
	errno = EEXIST;
	return -1;
}

/* Writing beyond the limit would not only fail, but end the process by SIGXFSZ. */
static bool
exceeds_limit(size_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
		   limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size;
}

static void *
map_shared(int fd, size_t at, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t) at);
}

static bool
is_file_of_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

osp_status
osp__newfile(int dir_fd, const char *name, size_t size,
			 void (*init)(void *map, size_t size), void **map, osp_error *err)
{
	char temp[64];
	osp_status status = OSP_OK;
	int code;
	int fd;

	*map = NULL;
	if (exceeds_limit(size))
		return io_error(err, EFBIG, "make", name);
	(void) snprintf(temp, sizeof(temp), ".new.%s", name);
	fd = open_new(dir_fd, temp);
	if (fd < 0)
		return errno == EEXIST
				   ? osp_error_set(err, OSP_EBUSY, "%s is being made", name)
				   : io_error(err, errno, "make", name);

	/* Allocates now, so that a full disk cannot hit a later store into the map. */
	code = posix_fallocate(fd, 0, (off_t) size);
	if (code != 0)
	{
		status = io_error(err, code, "allocate", name);
		goto done;
	}
	*map = map_shared(fd, 0, size);
	if (*map == MAP_FAILED)
	{
		*map = NULL;
		status = io_error(err, errno, "map", name);
		goto done;
	}
	init(*map, size);
	if (linkat(dir_fd, temp, dir_fd, name, 0) != 0)
	{
		status = errno == EEXIST
					 ? osp_error_set(err, OSP_EBUSY, "%s exists", name)
					 : io_error(err, errno, "make", name);
		(void) munmap(*map, size);
		*map = NULL;
	}

done:
	(void) unlinkat(dir_fd, temp, 0);
	(void) close(fd);
	return status;
}

osp_status
osp__mapfile(int dir_fd, const char *name, size_t min, void **map, size_t *size,
			 int *fd, osp_error *err)
{
	struct stat st;

	*map = NULL;
	*size = 0;
	*fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0)
		return errno == ENOENT
				   ? osp_error_set(err, OSP_ENOENT, "there is no %s", name)
				   : io_error(err, errno, "open", name);
	if (fstat(*fd, &st) != 0 || !is_file_of_ours(&st) ||
		(uint64_t) st.st_size < min)
		return osp_error_set(
			err, OSP_EPROTO, "%s is not what it should be", name);
	*map = map_shared(*fd, 0, (size_t) st.st_size);
	if (*map == MAP_FAILED)
	{
		osp_status status = io_error(err, errno, "map", name);

		*map = NULL;
		(void) close(*fd);
		*fd = -1;
		return status;
	}
	*size = (size_t) st.st_size;
	return OSP_OK;
}

osp_status
osp__mappart(int dir_fd, const char *name, size_t at, size_t size, void **map,
			 osp_error *err)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	osp_status status = OSP_OK;
	struct stat st;
	int code;
	int fd;

	*map = NULL;
	if (exceeds_limit(at + size))
		return io_error(err, EFBIG, "make", name);
	fd = openat(dir_fd, name, flags, 0600);
	if (fd < 0)
		return io_error(err, errno, "open", name);
	if (fstat(fd, &st) != 0 || !is_file_of_ours(&st))
	{
		status =
			osp_error_set(err, OSP_EPROTO, "%s is not what it should be", name);
		goto done;
	}
	(void) fchmod(fd, 0600);
	code = posix_fallocate(fd, (off_t) at, (off_t) size);
	if (code != 0)
	{
		status = io_error(err, code, "allocate", name);
		goto done;
	}
	*map = map_shared(fd, at, size);
	if (*map == MAP_FAILED)
	{
		*map = NULL;
		status = io_error(err, errno, "map", name);
	}

done:
	(void) close(fd);
	return status;
}
