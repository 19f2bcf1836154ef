/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_attributes.h
 *	  The attributes of a span. Values for which OpenTelemetry's database conventions
 *	  have a name get that name; all others are named osprofiler.PATH.
 */
#ifndef OSP_OTLP_ATTRIBUTES_H
#define OSP_OTLP_ATTRIBUTES_H

#include "otlp/otlp_span.h"
#include "otlp/otlp_summary.h"

/* The kind of an operation, by its name. */
typedef enum otlp_family
{
	OTLP_OTHER,
	OTLP_DB,     /* db and db.*: in a client of a database */
	OTLP_PG,     /* pg and pg.*: in the server */
	OTLP_SQLITE, /* sqlite and sqlite.* */
} otlp_family;

otlp_family otlp_family_of(osp_str operation);

/* Appends all attributes as fields of a Span. *summary gets the summary of its
 * statement; empty if it has none. */
void otlp_put_attributes(otlp_span *span, osp_str operation, unsigned field,
						 otlp_summary *summary);

#endif /* OSP_OTLP_ATTRIBUTES_H */
