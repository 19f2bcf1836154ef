/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_driver.c
 *	  The driver for otlp://host and otlp+https://host. It sends notifications as
 *	  spans to an OpenTelemetry Collector, or to another program that receives OTLP
 *	  over HTTP.
 *
 *	  otlp_settings.c    the connection string
 *	  otlp_pairs.c       starts and stops that wait for each other
 *	  otlp_state.c       the file that keeps those that wait
 *	  otlp_span.c        a span: ids, times, kind, name, status
 *	  otlp_attributes.c  the attributes of a span
 *	  otlp_summary.c     a short description of what a statement does
 *	  otlp_ids.c         ids
 *	  otlp_text.c        texts
 *	  otlp_request.c     a request with spans
 *	  otlp_http.c        sending a request, by http/http_client.c
 *	  otlp_answer.c      the answer to a request
 *
 * A batch succeeds or fails as a whole. If anything fails, the caller delivers the
 * batch again, and the driver makes the same spans with the same ids.
 */
#include "otlp.h"

#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/*
 * After how many notifications it is checked, while a batch is encoded, whether
 * the program interrupts.
 */
#define CHECK_ITEMS 256

/* A batch that is being sent. */
typedef struct sending
{
	osp_driver_conn *conn;
	size_t refused; /* points */
	osp_error why;
	osp_error *err;
} sending;

static int64_t
wall_now(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static osp_status
no_memory(osp_error *err)
{
	return osp_error_set(err, OSP_ENOMEM, "otlp: out of memory");
}

static osp_status
open_parts(osp_driver_conn *conn, const osp_driver_options *options,
		   osp_error *err)
{
	otlp_settings *settings = &conn->settings;
	osp_status status = otlp_settings_read(
		settings, conn->alc, options->connection_string, err);

	if (status != OSP_OK || options->read_only)
		return status;
	otlp_span_init(&conn->span, conn->alc, settings->statement_text);
	if (otlp_request_init(&conn->request,
						  conn->alc,
						  osp_buf_str(&settings->resource),
						  settings->target.gzip) != OSP_OK ||
		otlp_pairs_init(&conn->pairs, conn->alc) != OSP_OK)
		return no_memory(err);
	status = osp__http_init(
		&conn->http, &settings->target, &conn->wait, OTLP_ANSWER_MAX, err);
	if (status != OSP_OK || options->state_directory == NULL)
		return status;
	osp_buf_init(&conn->path, conn->alc, PATH_BYTES_MAX);
	osp_buf_addf(&conn->path, "%s/otlp", options->state_directory);
	if (osp_buf_status(&conn->path) != OSP_OK)
		return no_memory(err);
	return otlp_state_read(conn->path.ptr, &conn->pairs, err);
}

static void
free_parts(osp_driver_conn *conn)
{
	osp__http_term(&conn->http);
	otlp_pairs_term(&conn->pairs);
	otlp_request_term(&conn->request);
	otlp_span_term(&conn->span);
	if (conn->path.alc != NULL)
		osp_buf_term(&conn->path);
	otlp_settings_term(&conn->settings);
	osp_free(conn->alc, conn);
}

static osp_status
otlp_open(const osp_driver_options *options, osp_driver_conn **out,
		  osp_error *err)
{
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return no_memory(err);
	conn->alc = known.alc;
	conn->last = known.last;
	conn->read_only = known.read_only;
	osp__wait_init(&conn->wait, &known);
	status = open_parts(conn, &known, err);
	if (status != OSP_OK)
	{
		free_parts(conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

/* Counts refused spans as points: each span is a start and a stop. */
static void
note_refusal(sending *s, size_t spans, osp_str message)
{
	const otlp_request *request = &s->conn->request;
	size_t points = spans < request->spans ? 2 * spans : request->points;

	s->refused += points < request->points ? points : request->points;
	if (s->why.code == OSP_OK)
		(void) osp_error_set(&s->why,
							 OSP_EREFUSED,
							 "otlp: %s refuses %zu spans: %.*s",
							 s->conn->settings.target.where,
							 spans,
							 (int) (message.len < 150 ? message.len : 150),
							 message.ptr);
}

/* Sends the spans that were gathered. */
static osp_status
flush(sending *s)
{
	otlp_request *request = &s->conn->request;
	otlp_answer answer;
	osp_error why = {OSP_OK, ""};
	osp_status status;
	osp_str body;

	if (request->spans == 0)
		return OSP_OK;
	if (otlp_request_body(request, &body) != OSP_OK)
		return no_memory(s->err);
	status = otlp_http_post(&s->conn->http, body, &answer, &why);
	if (status == OSP_EREFUSED)
	{
		s->refused += request->points;
		if (s->why.code == OSP_OK)
			s->why = why;
		status = OSP_OK;
	}
	else if (status == OSP_OK && answer.rejected > 0)
		note_refusal(s, (size_t) answer.rejected, answer.message);
	else if (status != OSP_OK)
		(void) osp_error_set(s->err, status, "%s", why.msg);
	otlp_request_reset(request);
	return status;
}

/*
 * Makes a span of a start and a stop, one of which may be missing, and sends
 * the gathered spans when there are enough.
 */
static osp_status
add_span(sending *s, const osp_notification *start,
		 const osp_notification *stop, size_t points)
{
	osp_driver_conn *conn = s->conn;
	const osp_notification *any = start != NULL ? start : stop;
	const osp_notification *parent =
		otlp_pairs_find_start(&conn->pairs, any->base_id, any->parent_id);
	osp_status status;
	osp_str span;

	if (otlp_span_make(&conn->span, start, stop, parent) != OSP_OK)
		return no_memory(s->err);
	span = osp_buf_str(&conn->span.encoded);

	/*
	 * A large span is sent alone, so that a collector that refuses it for its
	 * size refuses no other one.
	 */
	if (conn->request.bytes + span.len > OTLP_REQUEST_BYTES)
	{
		status = flush(s);
		if (status != OSP_OK)
			return status;
	}
	return otlp_request_add(&conn->request, span, any, points) == OSP_OK
			   ? OSP_OK
			   : no_memory(s->err);
}

static osp_status
take_item(sending *s, const osp_notification *item, int64_t now_ns)
{
	const osp_notification *other;

	if (otlp_pairs_take(&s->conn->pairs, item, now_ns, &other) != OSP_OK)
		return no_memory(s->err);
	if (other == NULL)
		return OSP_OK;
	return otlp_is_stop(item->name) ? add_span(s, other, item, 2)
									: add_span(s, item, other, 2);
}

/* Makes spans of points whose other half is no longer waited for. */
static osp_status
add_overdue(sending *s, int64_t now_ns, int64_t unfinished_ns)
{
	const osp_notification *late;
	otlp_point *from = NULL;
	osp_status status = OSP_OK;

	while (status == OSP_OK &&
		   (late = otlp_pairs_overdue(
				&s->conn->pairs, &from, now_ns, unfinished_ns)) != NULL)
		status = otlp_is_stop(late->name) ? add_span(s, NULL, late, 1)
										  : add_span(s, late, NULL, 1);
	return status;
}

static osp_status
send_all(sending *s, const osp_notification *items, size_t count,
		 int64_t now_ns)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < count && status == OSP_OK; i++)
	{
		if (i % CHECK_ITEMS == 0)
			status = osp__wait_check(&s->conn->wait);
		if (status != OSP_OK)
			return osp_error_set(
				s->err, status, "otlp: %s", osp_status_text(status));
		status = take_item(s, &items[i], now_ns);
	}
	if (status == OSP_OK)
		status = add_overdue(s, now_ns, s->conn->settings.unfinished_ns);
	if (status == OSP_OK)
		status = flush(s);
	if (status == OSP_OK && otlp_pairs_keep(&s->conn->pairs) != OSP_OK)
		status = no_memory(s->err);
	return status;
}

static osp_status
otlp_notify(osp_driver_conn *conn, const osp_notification *items, size_t count,
			size_t *accepted, osp_error *err)
{
	sending s = {.conn = conn, .err = err};
	int64_t now_ns = wall_now();
	osp_status status;

	*accepted = 0;
	if (count == 0)
		return OSP_OK;
	osp__wait_begin(&conn->wait);
	status = send_all(&s, items, count, now_ns);
	if (status != OSP_OK)
	{
		otlp_request_reset(&conn->request);
		otlp_pairs_rollback(&conn->pairs);
		return status;
	}
	otlp_pairs_commit(&conn->pairs, now_ns);
	if (conn->path.ptr != NULL)
		otlp_state_write(conn->path.ptr, &conn->pairs);
	*accepted = s.refused < count ? count - s.refused : 0;
	if (s.refused == 0)
		return OSP_OK;
	return osp_error_set(err, OSP_EREFUSED, "%s", s.why.msg);
}

/* Sends the points that still wait, if nobody will complete them later. */
static void
send_rest(osp_driver_conn *conn)
{
	osp_error ignored;
	sending s = {.conn = conn, .err = &ignored};

	conn->wait.deadline_ms = conn->wait.timeout_ms;
	osp__wait_begin(&conn->wait);
	if (add_overdue(&s, wall_now(), 0) == OSP_OK && flush(&s) == OSP_OK)
		otlp_pairs_commit(&conn->pairs, wall_now());
	if (conn->path.ptr != NULL)
		otlp_state_write(conn->path.ptr, &conn->pairs);
}

static void
otlp_close(osp_driver_conn *conn)
{
	if (conn == NULL)
		return;
	if (!conn->read_only && (conn->last || conn->path.ptr == NULL))
		send_rest(conn);
	free_parts(conn);
}

static osp_status
cannot_read(const osp_driver_conn *conn, osp_error *err)
{
	return osp_error_set(
		err,
		OSP_EUNSUPPORTED,
		"OTLP has no way to read traces back, nor to remove them; look for them "
		"in what stands behind the collector at %s (Jaeger, "
		"Tempo, ...)",
		conn->settings.target.where);
}

static osp_status
otlp_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				void *ctx, osp_error *err)
{
	(void) base_id;
	(void) fn;
	(void) ctx;
	return cannot_read(conn, err);
}

static osp_status
otlp_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				 osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	(void) filter;
	(void) fn;
	(void) ctx;
	if (next != NULL)
		*next = OSP_STR("");
	return cannot_read(conn, err);
}

static osp_status
otlp_remove_traces(osp_driver_conn *conn, const osp_removal *what,
				   uint64_t *removed, osp_error *err)
{
	(void) what;
	*removed = 0;
	return cannot_read(conn, err);
}

extern OSP_API const osp_driver osp_driver_otlp;
const osp_driver osp_driver_otlp = {
	.abi = OSP_DRIVER_ABI,
	.flags = 0,
	.name = "otlp",
	.schemes = otlp_schemes,
	.open = otlp_open,
	.notify = otlp_notify,
	.get_points = otlp_get_points,
	.list_traces = otlp_list_traces,
	.remove_traces = otlp_remove_traces,
	.close = otlp_close,
};
