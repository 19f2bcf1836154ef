/* SPDX-License-Identifier: Apache-2.0
 *
 * localfile.h
 *	  What the drivers that keep traces in a file of their own share.
 */
#ifndef OSP_LOCALFILE_H
#define OSP_LOCALFILE_H

#include "osprofiler/base.h"

/*
 * What stands behind "://" in a connection string, taken as it is: nothing in
 * it is decoded. Empty if there is no "://". Borrowed from text.
 */
osp_str osp__after_scheme(osp_str text);

/*
 * The path as a terminated string, returned owned in *out. OSP_EINVAL: it is
 * empty, or holds a NUL; OSP_ENOMEM. usage says in the message what is expected.
 */
osp_status osp__path_copy(const osp_allocator *alc, osp_str path,
						  const char *usage, char **out,
						  osp_error *err) OSP_MUST_CHECK;

/*
 * open(2) with these flags and O_CREAT: a new file is closed to others (0600),
 * and the directories that are missing above it are made (0700). -1 and errno.
 */
int osp__file_create(const char *path, int flags);

#endif /* OSP_LOCALFILE_H */
