/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h
 *	  Common parts of the file driver.
 */
#ifndef OSP_FILE_H
#define OSP_FILE_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "wait.h"

/* The mark at the end of an incomplete line, whose writer was killed. */
#define FILE_CUT "(cut)"

/* A file to read from. */
typedef struct file_source
{
	const osp_allocator *alc;
	char *path;
	bool must_exist; /* false: a missing file has no traces */
	osp_wait wait;
} file_source;

/*
 * Implement get_points and list_traces of osp_driver. next becomes the name of
 * the next page.
 */
osp_status osp__file_get_points(const file_source *source, osp_str base_id,
								osp_point_fn fn, void *ctx,
								osp_error *err) OSP_MUST_CHECK;
osp_status osp__file_list_traces(const file_source *source,
								 const osp_trace_filter *filter,
								 osp_trace_fn fn, void *ctx, osp_buf *next,
								 osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_FILE_H */
