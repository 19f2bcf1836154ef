/* SPDX-License-Identifier: Apache-2.0
 *
 * newfile.h
 *	  Files that appear under their name only when they are whole, mapped.
 */
#ifndef OSP_NEWFILE_H
#define OSP_NEWFILE_H

#include "osprofiler/base.h"

/*
 * Makes the file name in dir_fd: size bytes, allocated, mode 0600, filled by
 * init, then visible; and maps it. OSP_EBUSY: the name is taken, or somebody is
 * making it at this moment; OSP_EFULL: no room, or larger than this process may
 * write; OSP_EIO.
 */
osp_status osp__newfile(int dir_fd, const char *name, size_t size,
						void (*init)(void *map, size_t size), void **map,
						osp_error *err) OSP_MUST_CHECK;

/*
 * Maps the file name in dir_fd, a regular file of ours of at least min bytes,
 * whole. *fd is the caller's to close, -1 if there is none. OSP_ENOENT;
 * OSP_EPROTO: it is no such file; OSP_EIO.
 */
osp_status osp__mapfile(int dir_fd, const char *name, size_t min, void **map,
						size_t *size, int *fd, osp_error *err) OSP_MUST_CHECK;

/*
 * Maps size bytes of the file name in dir_fd from at on, both whole pages, shared
 * by processes that each use a part of their own. The file is made if it is not
 * there, mode 0600, and the part is allocated; a new one is zero. OSP_EPROTO: it is
 * no regular file of ours; OSP_EFULL; OSP_EIO.
 */
osp_status osp__mappart(int dir_fd, const char *name, size_t at, size_t size,
						void **map, osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_NEWFILE_H */
