/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_span.c
 *	  Makes a span of a start and a stop: ids, times, kind, name, status.
 */
#include "otlp/otlp_span.h"

#include "osprofiler/notification.h"
#include "otlp/otlp_attributes.h"
#include "otlp/otlp_ids.h"
#include "otlp/otlp_proto.h"
#include "otlp/otlp_text.h"

#define SPAN_MAX ((size_t) 4 * OSP_NOTIFICATION_MAX)

/* Field numbers in Span and in its Status. */
enum
{
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID = 2,
	SPAN_PARENT_SPAN_ID = 4,
	SPAN_NAME = 5,
	SPAN_KIND = 6,
	SPAN_START = 7,
	SPAN_END = 8,
	SPAN_ATTRIBUTES = 9,
	SPAN_STATUS = 15,
	STATUS_MESSAGE = 2,
	STATUS_CODE = 3,
	STATUS_ERROR = 2
};

static const osp_str start_suffix = {"-start", 6};
static const osp_str stop_suffix = {"-stop", 5};

static bool
ends_with(osp_str text, osp_str end)
{
	return text.len >= end.len &&
		   memcmp(text.ptr + text.len - end.len, end.ptr, end.len) == 0;
}

bool
otlp_is_stop(osp_str name)
{
	return ends_with(name, stop_suffix);
}

osp_str
otlp_operation_name(osp_str name)
{
	if (ends_with(name, start_suffix))
		name.len -= start_suffix.len;
	else if (ends_with(name, stop_suffix))
		name.len -= stop_suffix.len;
	return name;
}

void
otlp_span_init(otlp_span *span, const osp_allocator *alc,
			   osp_statement_text statement_text)
{
	otlp_half *start = &span->start;
	otlp_half *stop = &span->stop;

	span->alc = alc;
	span->statement_text = statement_text;
	osp__json_reader_init(
		&start->reader, alc, start->space, sizeof(start->space));
	osp__json_reader_init(&stop->reader, alc, stop->space, sizeof(stop->space));
	osp_buf_init(&start->unique, alc, SPAN_MAX);
	osp_buf_init(&stop->unique, alc, SPAN_MAX);
	osp_buf_init(&span->text, alc, SPAN_MAX);
	osp_buf_init(&span->encoded, alc, SPAN_MAX);
	otlp_keys_init(&span->keys, alc);
}

void
otlp_span_term(otlp_span *span)
{
	if (span->alc == NULL)
		return;
	osp__json_reader_term(&span->start.reader);
	osp__json_reader_term(&span->stop.reader);
	osp_buf_term(&span->start.unique);
	osp_buf_term(&span->stop.unique);
	osp_buf_term(&span->text);
	osp_buf_term(&span->encoded);
	otlp_keys_term(&span->keys);
}

static osp_status
read_half(otlp_half *half, const osp_notification *notification)
{
	osp_status status;

	half->notification = notification;
	half->info = NULL;
	if (notification == NULL || notification->info.len == 0)
		return OSP_OK;
	status =
		osp__json_read_unique(&half->reader, notification->info, &half->unique);
	if (status == OSP_OK)
		half->info = osp__json_root(&half->reader);
	return status == OSP_ENOMEM ? status : OSP_OK;
}

/* Appends a time. A time before 1970, which OTLP does not know, becomes 0. */
static void
put_time(otlp_span *span, unsigned field, int64_t ns)
{
	otlp_put_fixed64(&span->encoded, field, ns > 0 ? (uint64_t) ns : 0);
}

/*
 * Appends start and end: by the start's wall clock and the elapsed time that
 * the stop measured with the monotonic clock, or else by the wall clock of
 * both. An operation without an end gets length 0.
 */
static void
put_times(otlp_span *span)
{
	const osp_notification *start = span->start.notification;
	const osp_notification *stop = span->stop.notification;
	int64_t elapsed_ns = -1;
	int64_t start_ns = 0;
	int64_t stop_ns = 0;

	if (start != NULL && !osp_timestamp_parse(start->timestamp, &start_ns))
		start = NULL;
	if (stop != NULL && !osp_timestamp_parse(stop->timestamp, &stop_ns))
		stop = NULL;
	if (!osp__json_i64(yyjson_obj_get(span->stop.info, "elapsed_ns"),
					   &elapsed_ns))
		elapsed_ns = -1;
	if (start == NULL &&
		(elapsed_ns <= 0 ||
		 __builtin_sub_overflow(stop_ns, elapsed_ns, &start_ns)))
		start_ns = stop_ns;
	if (stop == NULL || stop_ns < start_ns)
		stop_ns = start_ns;
	if (elapsed_ns >= 0 &&
		__builtin_add_overflow(start_ns, elapsed_ns, &stop_ns))
		stop_ns = INT64_MAX;
	put_time(span, SPAN_START, start_ns);
	put_time(span, SPAN_END, stop_ns);
}

static void
put_ids(otlp_span *span, const osp_notification *n)
{
	unsigned char trace_id[OTLP_TRACE_ID_SIZE];
	unsigned char span_id[OTLP_SPAN_ID_SIZE];
	unsigned char parent_id[OTLP_SPAN_ID_SIZE];

	(void) otlp_trace_id(n->base_id, trace_id);
	otlp_put_bytes(&span->encoded,
				   SPAN_TRACE_ID,
				   osp_str_n((const char *) trace_id, sizeof(trace_id)));
	(void) otlp_span_id(n->trace_id, span_id);
	otlp_put_bytes(&span->encoded,
				   SPAN_SPAN_ID,
				   osp_str_n((const char *) span_id, sizeof(span_id)));

	/* The first operation of a trace names the trace as its parent, so its span has
	 * none. No span is its own parent. */
	if (n->parent_id.len == 0 || osp_str_eq(n->parent_id, n->base_id))
		return;
	(void) otlp_span_id(n->parent_id, parent_id);
	if (memcmp(parent_id, span_id, sizeof(span_id)) != 0)
		otlp_put_bytes(&span->encoded,
					   SPAN_PARENT_SPAN_ID,
					   osp_str_n((const char *) parent_id, sizeof(parent_id)));
}

/*
 * Operations db are the client's side of a call, and so are those named sqlite, which
 * have no other side. Operations pg are the server's side, unless they run within
 * another operation of the server.
 */
static otlp_kind
kind_of(osp_str operation, const osp_notification *parent)
{
	otlp_family family = otlp_family_of(operation);
	bool is_part = parent != NULL &&
				   otlp_family_of(otlp_operation_name(parent->name)) == family;

	if (family == OTLP_DB)
		return OTLP_KIND_CLIENT;
	if (is_part)
		return OTLP_KIND_INTERNAL;
	if (osp_str_eq(operation, OSP_STR("pg")))
		return OTLP_KIND_SERVER;
	if (osp_str_eq(operation, OSP_STR("sqlite")))
		return OTLP_KIND_CLIENT;
	return OTLP_KIND_INTERNAL;
}

/* The name of the operation's object, such as a trigger, a function or a plan node. For
 * "pg.trigger" it is the member db.trigger.name or trigger.name. */
static osp_str
object_name(const otlp_span *span, osp_str operation)
{
	const char *dot = memchr(operation.ptr, '.', operation.len);
	yyjson_val *info = span->start.info;
	yyjson_val *object;
	osp_str kind;

	if (dot == NULL)
		return OSP_STR("");
	kind =
		osp_str_n(dot + 1, (size_t) (operation.ptr + operation.len - dot - 1));
	object = yyjson_obj_getn(yyjson_obj_get(info, "db"), kind.ptr, kind.len);
	if (object == NULL)
		object = yyjson_obj_getn(info, kind.ptr, kind.len);
	return osp__json_str(yyjson_obj_get(object, "name"));
}

/* Appends the span's name: the statement's summary, or else the operation and its
 * object. */
static void
put_name(otlp_span *span, osp_str operation, const otlp_summary *summary)
{
	osp_str object;

	if (summary->len > 0 && memchr(operation.ptr, '.', operation.len) == NULL)
	{
		otlp_put_text_field(
			&span->encoded, SPAN_NAME, osp_str_n(summary->text, summary->len));
		return;
	}
	osp_buf_reset(&span->text);
	osp_buf_add_str(&span->text, operation);
	object = object_name(span, operation);
	if (object.len > 0)
	{
		osp_buf_add_char(&span->text, ' ');
		osp_buf_add_str(&span->text, object);
	}
	otlp_put_text_field(&span->encoded, SPAN_NAME, osp_buf_str(&span->text));
}

/* Appends the status of a failed operation; without it the status is "unset". */
static void
put_status(otlp_span *span)
{
	osp_str message = osp__json_str(yyjson_obj_get(span->stop.info, "message"));

	if (span->stop.notification == NULL || !span->stop.notification->error)
		return;
	osp_buf_reset(&span->text);
	if (message.len > 0)
		otlp_put_text_field(&span->text, STATUS_MESSAGE, message);
	otlp_put_uint(&span->text, STATUS_CODE, STATUS_ERROR);
	otlp_put_bytes(&span->encoded, SPAN_STATUS, osp_buf_str(&span->text));
}

osp_status
otlp_span_make(otlp_span *span, const osp_notification *start,
			   const osp_notification *stop, const osp_notification *parent)
{
	const osp_notification *any = start != NULL ? start : stop;
	osp_str operation = otlp_operation_name(any->name);
	otlp_summary summary;

	otlp_buf_empty(&span->encoded);
	otlp_buf_empty(&span->text);
	otlp_keys_clear(&span->keys);
	if (read_half(&span->start, start) != OSP_OK ||
		read_half(&span->stop, stop) != OSP_OK)
		return OSP_ENOMEM;
	put_ids(span, any);
	otlp_put_uint(&span->encoded, SPAN_KIND, kind_of(operation, parent));
	put_times(span);
	otlp_put_attributes(span, operation, SPAN_ATTRIBUTES, &summary);
	if (osp_buf_status(&span->text) != OSP_OK || span->keys.status != OSP_OK)
		return OSP_ENOMEM;
	put_name(span, operation, &summary);
	put_status(span);
	return osp_buf_status(&span->text) == OSP_OK &&
				   osp_buf_status(&span->encoded) == OSP_OK
			   ? OSP_OK
			   : OSP_ENOMEM;
}
