/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_resource.c
 *	  Encodes the messages that enclose spans in a request.
 */
#include "otlp/otlp_resource.h"

#include "otlp/otlp_proto.h"
#include "otlp/otlp_text.h"

#define SCOPE       "osprofiler"
#define CONVENTIONS "https://opentelemetry.io/schemas/1.44.0"
#define NO_SERVICE  "unknown_service"

enum
{
	REQUEST_RESOURCE_SPANS = 1,
	RESOURCE_SPANS_RESOURCE = 1,
	RESOURCE_SPANS_SCOPE_SPANS = 2,
	SCOPE_SPANS_SCOPE = 1,
	SCOPE_SPANS_SPANS = 2,
	SCOPE_SPANS_SCHEMA_URL = 3,
	SCOPE_NAME = 1,
	SCOPE_VERSION = 2
};

void
otlp_put_resource(osp_buf *out, const osp_notification *of)
{
	otlp_put_text(out,
				  OTLP_RESOURCE_ATTRIBUTES,
				  OSP_STR("service.name"),
				  of->service.len > 0 ? of->service : OSP_STR(NO_SERVICE));
	if (of->host.len > 0)
		otlp_put_text(
			out, OTLP_RESOURCE_ATTRIBUTES, OSP_STR("host.name"), of->host);
	if (of->project.len > 0)
		otlp_put_text(out,
					  OTLP_RESOURCE_ATTRIBUTES,
					  OSP_STR("osprofiler.project"),
					  of->project);
}

void
otlp_put_span(osp_buf *spans, osp_str span)
{
	otlp_put_bytes(spans, SCOPE_SPANS_SPANS, span);
}

void
otlp_put_heads(osp_buf *out, osp_str resource, size_t spans_len)
{
	static const osp_str scope = {SCOPE, sizeof(SCOPE) - 1};
	static const osp_str version = {OSP_VERSION, sizeof(OSP_VERSION) - 1};
	static const osp_str schema = {CONVENTIONS, sizeof(CONVENTIONS) - 1};
	size_t scope_len =
		otlp_field_size(scope.len) + otlp_field_size(version.len);
	size_t scope_spans_len =
		otlp_field_size(scope_len) + otlp_field_size(schema.len) + spans_len;

	otlp_put_length(out,
					REQUEST_RESOURCE_SPANS,
					otlp_field_size(resource.len) +
						otlp_field_size(scope_spans_len));
	otlp_put_bytes(out, RESOURCE_SPANS_RESOURCE, resource);
	otlp_put_length(out, RESOURCE_SPANS_SCOPE_SPANS, scope_spans_len);
	otlp_put_length(out, SCOPE_SPANS_SCOPE, scope_len);
	otlp_put_bytes(out, SCOPE_NAME, scope);
	otlp_put_bytes(out, SCOPE_VERSION, version);
	otlp_put_bytes(out, SCOPE_SPANS_SCHEMA_URL, schema);
}
