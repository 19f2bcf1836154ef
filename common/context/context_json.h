/* SPDX-License-Identifier: Apache-2.0
 *
 * context_json.h
 *	  Reading the JSON of a signed context. Private to common/.
 */
#ifndef OSPROFILER_CONTEXT_JSON_H
#define OSPROFILER_CONTEXT_JSON_H

#include "osprofiler/context.h"

/*
 * Decodes trace_info, of at most OSP_TRACE_INFO_MAX bytes, and reads the ids of
 * *out from it. Returns OSP_CTX_ACCEPTED, or the reason for a refusal (*out is
 * then invalid). Allocates nothing; needs some 55 KB of stack, and touches
 * little of it.
 */
osp_verdict osp__context_read(osp_str trace_info,
							  osp_context *out) OSP_MUST_CHECK;

#endif /* OSPROFILER_CONTEXT_JSON_H */
