/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h
 *	  What the parts of the file driver share.
 */
#ifndef OSP_FILE_H
#define OSP_FILE_H

#include "osprofiler/driver.h"

/* get_points and list_traces of osp_driver, on the file path. One that is not
 * there holds no traces. */
osp_status osp__file_get_points(const osp_allocator *alc, const char *path,
								osp_str base_id, osp_point_fn fn, void *ctx,
								osp_error *err) OSP_MUST_CHECK;
osp_status osp__file_list_traces(const osp_allocator *alc, const char *path,
								 const osp_trace_filter *filter,
								 osp_trace_fn fn, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_FILE_H */
