/* SPDX-License-Identifier: Apache-2.0
 *
 * read_file.h
 *	  Reading a small file that may hold secrets. Private to common/.
 */
#ifndef OSPROFILER_READ_FILE_H
#define OSPROFILER_READ_FILE_H

#include "osprofiler/base.h"

/* A file's contents, with a NUL behind them. */
typedef struct osp__file
{
	char *ptr;
	size_t len;
	size_t size; /* of the allocated memory */
	const osp_allocator *alc;
} osp__file;

/*
 * Reads the whole file at path. OSP_EINVAL: it is not a regular file, or longer
 * than max bytes; OSP_EPERM: it may not be read, or secret is set and others
 * may read or write it; OSP_ENOENT; OSP_EIO; OSP_ENOMEM.
 */
osp_status osp__file_read(osp__file *file, const osp_allocator *alc,
						  const char *path, size_t max, bool secret,
						  osp_error *err) OSP_MUST_CHECK;

/* Wipes and frees the contents. An empty file (all zero) is fine. */
void osp__file_term(osp__file *file);

#endif /* OSPROFILER_READ_FILE_H */
