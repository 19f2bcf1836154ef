/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_span.h
 *	  A span of a start and a stop.
 */
#ifndef OSP_OTLP_SPAN_H
#define OSP_OTLP_SPAN_H

#include "osprofiler/notification.h"
#include "otlp/otlp_keys.h"
#include "sql/sql_text.h"
#include "json/json_read.h"

/* The values of Span.SpanKind. */
typedef enum otlp_kind
{
	OTLP_KIND_INTERNAL = 1,
	OTLP_KIND_SERVER = 2,
	OTLP_KIND_CLIENT = 3
} otlp_kind;

/* One half of an operation, and its info after decoding. */
typedef struct otlp_half
{
	const osp_notification *notification; /* NULL: it never came */
	yyjson_val *info;                     /* NULL: it has none */
	osp__json_reader reader;
	char space[OSP__JSON_SPACE];
	osp_buf unique; /* an info in which a key stands more than once */
} otlp_half;

/* Makes one span after another. */
typedef struct otlp_span
{
	const osp_allocator *alc;
	osp_statement_text statement_text;
	otlp_half start;
	otlp_half stop;
	osp_buf text;    /* of a statement without constants */
	osp_buf encoded; /* the message Span */
	otlp_keys keys;  /* of its attributes */
} otlp_span;

/* Is it a stop? Everything else is a start, as for upstream. */
bool otlp_is_stop(osp_str name);

/* The name without -start or -stop. */
osp_str otlp_operation_name(osp_str name);

void otlp_span_init(otlp_span *span, const osp_allocator *alc,
					osp_statement_text statement_text);
void otlp_span_term(otlp_span *span);

/*
 * Encodes the span of an operation into span->encoded. Of start and stop one may
 * be NULL: it is then marked as unfinished, or as one whose start is lost. parent
 * is the start of the parent as far as it is known, or NULL. OSP_ENOMEM.
 */
osp_status otlp_span_make(otlp_span *span, const osp_notification *start,
						  const osp_notification *stop,
						  const osp_notification *parent) OSP_MUST_CHECK;

#endif /* OSP_OTLP_SPAN_H */
