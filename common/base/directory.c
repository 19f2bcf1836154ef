/* SPDX-License-Identifier: Apache-2.0
 *
 * directory.c
 *	  Reading a directory whose descriptor is known.
 */
#include "base/directory.h"

#include <errno.h>
#include <unistd.h>

DIR *
osp__directory_of(int fd)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int saved = errno;

	if (dir == NULL && fd >= 0)
		(void) close(fd);
	errno = saved;
	return dir;
}
