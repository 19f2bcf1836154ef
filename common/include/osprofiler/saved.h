/* SPDX-License-Identifier: Apache-2.0
 *
 * saved.h
 *	  Reading a trace that somebody saved in a file.
 */
#ifndef OSPROFILER_SAVED_H
#define OSPROFILER_SAVED_H

#include "osprofiler/base.h"
#include "osprofiler/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Calls fn for each notification in text, which may be any sequence of
 * notifications, lists of notifications, and reports of `osprofiler trace show
 * --json`, whose raw payloads are the notifications. Only finds where
 * notifications begin and end, and copies and allocates nothing; fn decides
 * whether they are valid. If fn returns anything but OSP_OK, the reading ends
 * and that is returned. OSP_EPROTO: the text holds something else; err names
 * the line.
 */
OSP_API osp_status osp_saved_points(osp_str text, osp_point_fn fn, void *ctx,
									osp_error *err) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_SAVED_H */
