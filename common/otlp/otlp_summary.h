/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_summary.h
 *	  What a statement does, in few words: "SELECT customer purchase".
 */
#ifndef OSP_OTLP_SUMMARY_H
#define OSP_OTLP_SUMMARY_H

#include "sql/sql_text.h"

/* Longest summary that the conventions of OpenTelemetry allow. */
#define OTLP_SUMMARY_MAX 255

typedef struct otlp_summary
{
	char text[OTLP_SUMMARY_MAX];
	size_t len;
	bool has_params; /* the statement has places for parameters */
} otlp_summary;

/*
 * Operations and the tables they work on, in the order and spelling of the text,
 * as the conventions' "Generating a summary of the query" has it: no constants,
 * no columns. It ends before what would make it too long. Empty: no word was
 * found.
 */
void otlp_summarize(osp_str statement, osp_sql_dialect dialect,
					otlp_summary *out);

#endif /* OSP_OTLP_SUMMARY_H */
