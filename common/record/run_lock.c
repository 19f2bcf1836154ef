/* SPDX-License-Identifier: Apache-2.0
 *
 * run_lock.c
 *	  The lock of a run directory's shipper: an open file description lock, which the
 *	  kernel takes back however its holder ends, which means the same in all namespaces,
 *	  and which can be examined without being taken.
 */
#include "record/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"

osp_status
osp_rundir_lock(int dir_fd, const char *path, int *lock_fd, osp_error *err)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char reason[128];
	int code;
	int fd = openat(dir_fd, LOCK_NAME, flags, 0600);

	*lock_fd = -1;
	if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0)
	{
		*lock_fd = fd;
		return OSP_OK;
	}
	code = errno;
	if (fd >= 0)
		(void) close(fd);
	if (code == EAGAIN || code == EACCES)
		return osp_error_set(
			err, OSP_EBUSY, "run directory %s has a shipper already", path);
	return osp_error_set(err,
						 OSP_EIO,
						 "cannot lock run directory %s: %s",
						 path,
						 strerror_r(code, reason, sizeof(reason)));
}

bool
osp_rundir_is_lock(int dir_fd, int lock_fd)
{
	struct stat held;
	struct stat there;

	return fstat(lock_fd, &held) == 0 &&
		   fstatat(dir_fd, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		   held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

bool
osp_rundir_had_shipper(int dir_fd)
{
	return faccessat(dir_fd, LOCK_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
osp_shipper_alive(int dir_fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int saved = errno;
	int fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool alive;

	alive =
		fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		(void) close(fd);
	errno = saved;
	return alive;
}
