/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_match.h
 *	  Finds out which notifications belong to a trace, for drivers whose
 *	  collector cannot select them. Most of them are recognised without being
 *	  parsed.
 */
#ifndef OSP_TRACE_MATCH_H
#define OSP_TRACE_MATCH_H

#include "osprofiler/notification.h"

typedef struct osp_trace_match
{
	osp_str base_id; /* borrowed */
	bool plain;      /* JSON never escapes any of it */
} osp_trace_match;

void osp__trace_match_init(osp_trace_match *match, osp_str base_id);

/* May the text contain a notification of the trace? */
bool osp__trace_may_match(const osp_trace_match *match,
						  osp_str text) OSP_MUST_CHECK;

/* Is json a notification of the trace? OSP_ENOENT if not; OSP_ENOMEM. */
osp_status osp__trace_matches(const osp_trace_match *match, osp_str json,
							  osp_buf *scratch) OSP_MUST_CHECK;

#endif /* OSP_TRACE_MATCH_H */
