/* SPDX-License-Identifier: Apache-2.0
 *
 * localfile.h
 *	  Common parts of the drivers that keep traces in a file of their own.
 */
#ifndef OSP_LOCALFILE_H
#define OSP_LOCALFILE_H

#include "osprofiler/base.h"

/*
 * Returns the part of a connection string after "://", without decoding
 * anything. Empty if there is no "://". Borrowed from text.
 */
osp_str osp__after_scheme(osp_str text);

/*
 * Copies the path as a terminated string to *out, which is owned. OSP_EINVAL:
 * it is empty, or contains a NUL; OSP_ENOMEM. usage is what the message says is
 * expected.
 */
osp_status osp__path_copy(const osp_allocator *alc, osp_str path,
						  const char *usage, char **out,
						  osp_error *err) OSP_MUST_CHECK;

/*
 * Calls open(2) with these flags and O_CREAT. A new file is closed to others
 * (0600), and missing directories above it are made (0700). Returns -1, with
 * errno, after a failure.
 */
int osp__file_create(const char *path, int flags);

#endif /* OSP_LOCALFILE_H */
