/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_answer.h
 *	  A collector's answer to spans that it has accepted.
 */
#ifndef OSP_OTLP_ANSWER_H
#define OSP_OTLP_ANSWER_H

#include "osprofiler/base.h"

typedef struct otlp_answer
{
	uint64_t rejected; /* how many of the spans it rejects */
	osp_str message;   /* the reason, borrowed from the answer */
} otlp_answer;

/*
 * Reads an ExportTraceServiceResponse. Unknown fields are skipped. False: the
 * bytes are not such a message.
 */
bool otlp_answer_read(osp_str bytes, otlp_answer *out) OSP_MUST_CHECK;

#endif /* OSP_OTLP_ANSWER_H */
