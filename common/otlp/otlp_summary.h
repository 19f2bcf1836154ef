/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_summary.h
 *	  Summarizes a statement in a few words: "SELECT customer purchase".
 */
#ifndef OSP_OTLP_SUMMARY_H
#define OSP_OTLP_SUMMARY_H

#include "sql/sql_text.h"

/* The longest summary that OpenTelemetry's conventions allow. */
#define OTLP_SUMMARY_MAX 255

typedef struct otlp_summary
{
	char text[OTLP_SUMMARY_MAX];
	size_t len;
	bool has_params; /* the statement has places for parameters */
} otlp_summary;

/*
 * Lists the operations and the tables they work on, in the order and spelling of the
 * text, as the conventions' "Generating a summary of the query" says: no constants, no
 * columns. It ends before the word that would make it too long. Empty: no word was
 * found.
 */
void otlp_summarize(osp_str statement, osp_sql_dialect dialect,
					otlp_summary *out);

#endif /* OSP_OTLP_SUMMARY_H */
