/* SPDX-License-Identifier: Apache-2.0
 *
 * mapped_alone.c
 *	  Asks the kernel who else uses a file.
 *
 * The kernel grants a write lease on a file only if no other descriptor has it
 * open, and a mapping keeps its file open until it is unmapped, whatever
 * happened to descriptors, user, root directory and namespaces of its process.
 * So if the lease is granted, no producer has the ring mapped. The lease is
 * released at once.
 *
 * This holds only for file systems that map their own files. An overlay maps files of
 * the layer below, but grants leases on its own; there the answer is unknown.
 */
#include "record/mapped_alone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/vfs.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef BTRFS_SUPER_MAGIC
#define BTRFS_SUPER_MAGIC 0x9123683E
#endif

static bool
maps_its_own_files(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	switch ((unsigned long) fs.f_type)
	{
		case TMPFS_MAGIC:
		case EXT4_SUPER_MAGIC:
		case XFS_SUPER_MAGIC:
		case BTRFS_SUPER_MAGIC:
			return true;
		default:
			return false;
	}
}

bool
osp__is_mapped_alone(int fd)
{
	int saved = errno;

	/* If another process opens the file at this moment, the kernel informs the holder
	 * of the lease: by SIGURG, which is ignored by default, instead of SIGIO, which
	 * would terminate the process. */
	bool alone = maps_its_own_files(fd) && fcntl(fd, F_SETSIG, SIGURG) == 0 &&
				 fcntl(fd, F_SETLEASE, F_WRLCK) == 0;

	if (alone)
		(void) fcntl(fd, F_SETLEASE, F_UNLCK);
	errno = saved;
	return alone;
}
