/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_answer.h
 *	  What a collector answers to spans that it took.
 */
#ifndef OSP_OTLP_ANSWER_H
#define OSP_OTLP_ANSWER_H

#include "osprofiler/base.h"

typedef struct otlp_answer
{
	uint64_t rejected; /* spans that it did not take after all */
	osp_str message;   /* why, borrowed from the answer */
} otlp_answer;

/*
 * Reads an ExportTraceServiceResponse. Fields that are not known are passed
 * over. False: the bytes are no such message.
 */
bool otlp_answer_read(osp_str bytes, otlp_answer *out) OSP_MUST_CHECK;

#endif /* OSP_OTLP_ANSWER_H */
