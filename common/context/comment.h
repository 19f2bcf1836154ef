/* SPDX-License-Identifier: Apache-2.0
 *
 * comment.h
 *	  Reads contexts in SQL comments for the tracers: like the public functions
 *	  of osprofiler/context.h, but for any dialect, and with the reason if there
 *	  is no context. Private to the project.
 */
#ifndef OSPROFILER_COMMENT_H
#define OSPROFILER_COMMENT_H

#include "osprofiler/context.h"
#include "sql/sql_text.h"

/* A traceparent, decoded; empty if there is none. */
typedef struct osp__loose_traceparent
{
	osp_str value;
	char space[OSP_TRACEPARENT_SPACE];
} osp__loose_traceparent;

/*
 * Does the work of osp_comment_context, and of osp_comment_traceparent if loose is not
 * NULL, in one reading of the text. OSP_CTX_ACCEPTED: a signed context was found, which
 * is yet to be verified. OSP_CTX_MALFORMED: a comment looks like a context, but is
 * none. OSP_CTX_NONE: there is none.
 */
osp_verdict osp__comment_read(osp_str text, osp_sql_dialect dialect,
							  char out[OSP_COMMENT_SPACE], osp_str *trace_info,
							  osp_str *trace_hmac,
							  osp__loose_traceparent *loose);

/* Does the work of osp_comment_pairs, with the results of osp__comment_read. */
osp_verdict osp__comment_read_whole(osp_str text, char out[OSP_COMMENT_SPACE],
									osp_str *trace_info, osp_str *trace_hmac);

#endif /* OSPROFILER_COMMENT_H */
