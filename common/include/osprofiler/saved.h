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
 * Calls fn for each notification in text, which may hold, in any mixture one
 * behind the other: notifications, lists of notifications, and reports as
 * `osprofiler trace show --json` prints them, whose raw payloads are the
 * notifications. Finds where they begin and end, copies nothing and allocates
 * nothing; whether they are notifications is left to fn. What fn returns other
 * than OSP_OK ends the reading and is returned. OSP_EPROTO: something else
 * stands in the text, with its line.
 */
OSP_API osp_status osp_saved_points(osp_str text, osp_point_fn fn, void *ctx,
									osp_error *err) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_SAVED_H */
