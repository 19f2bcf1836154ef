/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_span.h
 *	  Makes a span of a start and a stop.
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

/* The start or stop of an operation, with its decoded info. */
typedef struct otlp_half
{
	const osp_notification *notification; /* NULL: the point never arrived */
	yyjson_val *info;                     /* NULL: the point has no info */
	osp__json_reader reader;
	char space[OSP__JSON_SPACE];
	osp_buf unique; /* the info again, if a key occurs in it twice */
} otlp_half;

/* Makes one span after another, and reuses its memory. */
typedef struct otlp_span
{
	const osp_allocator *alc;
	osp_statement_text statement_text;
	otlp_half start;
	otlp_half stop;
	osp_buf text;    /* for a statement without constants, and other texts */
	osp_buf encoded; /* the message Span */
	otlp_keys keys;  /* of its attributes */
} otlp_span;

/* Is it the name of a stop? Every other point is a start, as in upstream. */
bool otlp_is_stop(osp_str name);

/* The name without -start or -stop. */
osp_str otlp_operation_name(osp_str name);

void otlp_span_init(otlp_span *span, const osp_allocator *alc,
					osp_statement_text statement_text);
void otlp_span_term(otlp_span *span);

/*
 * Encodes the span of an operation into span->encoded. One of start and stop may be
 * NULL: the span is then marked as unfinished, or as one whose start is lost. parent is
 * the parent's start with the members that are known, or NULL. OSP_ENOMEM.
 */
osp_status otlp_span_make(otlp_span *span, const osp_notification *start,
						  const osp_notification *stop,
						  const osp_notification *parent) OSP_MUST_CHECK;

#endif /* OSP_OTLP_SPAN_H */
