/* SPDX-License-Identifier: Apache-2.0
 *
 * newfile.h
 *	  Makes files that appear under their name only when they are complete, and
 *	  maps them.
 */
#ifndef OSP_NEWFILE_H
#define OSP_NEWFILE_H

#include "osprofiler/base.h"

/*
 * Makes the file name in dir_fd and maps it: size bytes, allocated, mode 0600,
 * filled by init before it is visible. OSP_EBUSY: the name is taken, or another
 * process is making it at this moment; OSP_EFULL: no room, or larger than this
 * process may write; OSP_EIO.
 */
osp_status osp__newfile(int dir_fd, const char *name, size_t size,
						void (*init)(void *map, size_t size), void **map,
						osp_error *err) OSP_MUST_CHECK;

/*
 * Maps the whole file name in dir_fd, a regular file of this user of at least
 * min bytes. The caller must close *fd, which is -1 if there is none.
 * OSP_ENOENT; OSP_EPROTO: it is not such a file; OSP_EIO.
 */
osp_status osp__mapfile(int dir_fd, const char *name, size_t min, void **map,
						size_t *size, int *fd, osp_error *err) OSP_MUST_CHECK;

/*
 * Maps size bytes of the file name in dir_fd, from offset at on; both are whole
 * pages. Processes share the file, but each uses its own part. The file is made
 * if it does not exist, with mode 0600, and the part is allocated; a new part
 * is zero. OSP_EPROTO: it is not a regular file of this user; OSP_EFULL;
 * OSP_EIO.
 */
osp_status osp__mappart(int dir_fd, const char *name, size_t at, size_t size,
						void **map, osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_NEWFILE_H */
