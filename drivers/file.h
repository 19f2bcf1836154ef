/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h
 *	  What the parts of the file driver share.
 */
#ifndef OSP_FILE_H
#define OSP_FILE_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "wait.h"

/* Ends a line in which its writer was killed. */
#define FILE_CUT "(cut)"

/* A file, and how it is read. */
typedef struct file_source
{
	const osp_allocator *alc;
	char *path;
	bool must_exist; /* else one that is not there holds no traces */
	osp_wait wait;
} file_source;

/* get_points and list_traces of osp_driver. next gets the name of the next
 * page. */
osp_status osp__file_get_points(const file_source *source, osp_str base_id,
								osp_point_fn fn, void *ctx,
								osp_error *err) OSP_MUST_CHECK;
osp_status osp__file_list_traces(const file_source *source,
								 const osp_trace_filter *filter,
								 osp_trace_fn fn, void *ctx, osp_buf *next,
								 osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_FILE_H */
