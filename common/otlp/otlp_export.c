/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_export.c
 *	  A trace as one request to an OTLP receiver, an ExportTraceServiceRequest.
 *
 * The spans are those that the driver for otlp:// sends. A request is a list of
 * ResourceSpans, which is handed over one by one: for each run of operations of the
 * same resource, up to RUN_BYTES. Operations without a readable point are left out.
 * Parents are those of the tree, so an operation where a ring of parents was cut has
 * none.
 */
#include "osprofiler/report.h"

#include "otlp/otlp_proto.h"
#include "otlp/otlp_resource.h"
#include "otlp/otlp_span.h"
#include "report/report_tree.h"

#define RUN_BYTES ((size_t) 256 * 1024)

/* The start or the stop of an operation, after reading. */
typedef struct half
{
	osp_notification notification;
	osp_buf texts;
} half;

typedef struct exporter
{
	osp_report *report;
	osp_write_fn write;
	void *ctx;
	half start;
	half stop;
	half first; /* the first point, when it is neither of these two */
	otlp_span span;
	osp_buf resource; /* resource of the run */
	osp_buf next;     /* resource of the current operation */
	osp_buf spans;    /* encoded spans of the run */
	osp_buf heads;
	osp_status status;
} exporter;

/* Hands over the spans of the run with their resource. */
static void
flush(exporter *e)
{
	osp_buf_reset(&e->heads);
	if (e->spans.len > 0)
		otlp_put_heads(&e->heads, osp_buf_str(&e->resource), e->spans.len);
	if (e->status == OSP_OK)
		e->status = osp_buf_status(&e->heads);
	if (e->status == OSP_OK)
		e->status = osp_buf_status(&e->spans);
	if (e->status == OSP_OK && e->spans.len > 0)
		e->status = e->write(e->ctx, osp_buf_str(&e->heads));
	if (e->status == OSP_OK && e->spans.len > 0)
		e->status = e->write(e->ctx, osp_buf_str(&e->spans));
	osp_buf_reset(&e->spans);
}

/* The start or stop point of the node; if there are several, the last to arrive. */
static const osp__point *
find_point(const osp__node *node, bool stop)
{
	const osp__point *point = node->first;
	const osp__point *found = NULL;

	for (; point != NULL; point = point->next)
		if (point->stop == stop)
			found = point;
	return found;
}

/* Reads a point; NULL: there is none. */
static const osp_notification *
read_half(exporter *e, half *into, const osp__point *point)
{
	osp_status status;

	if (point == NULL || e->status != OSP_OK)
		return NULL;
	status = osp_notification_read(
		point->json, &into->texts, &into->notification, NULL);
	if (status == OSP_ENOMEM)
		e->status = status;
	return status == OSP_OK ? &into->notification : NULL;
}

/* The parent's id by which the tree was built: that of the point that arrived first.
 * any is the notification that was read from the point from. */
static osp_str
tree_parent(exporter *e, const osp__node *node, const osp_notification *any,
			const osp__point *from)
{
	const osp_notification *first;

	if (node->cycle)
		return OSP_STR("");
	first = node->first != from ? read_half(e, &e->first, node->first) : any;
	return first != NULL ? first->parent_id : any->parent_id;
}

/* Begins another run if the operation's resource differs from the run's. */
static void
choose_run(exporter *e, const osp_notification *of)
{
	osp_buf_reset(&e->next);
	otlp_put_resource(&e->next, of);
	if (e->status == OSP_OK)
		e->status = osp_buf_status(&e->next);
	if (e->spans.len < RUN_BYTES &&
		osp_str_eq(osp_buf_str(&e->next), osp_buf_str(&e->resource)))
		return;
	flush(e);
	osp_buf_reset(&e->resource);
	osp_buf_add_str(&e->resource, osp_buf_str(&e->next));
	if (e->status == OSP_OK)
		e->status = osp_buf_status(&e->resource);
}

static void
put_node(exporter *e, const osp__node *node)
{
	const osp__point *start_point = find_point(node, false);
	const osp__point *stop_point = find_point(node, true);
	const osp_notification *start = read_half(e, &e->start, start_point);
	const osp_notification *stop = read_half(e, &e->stop, stop_point);
	osp_notification *any =
		start != NULL ? &e->start.notification : &e->stop.notification;
	osp_notification parent;

	if (e->status == OSP_OK && start == NULL && stop == NULL)
		e->report->unexported++;
	if (e->status != OSP_OK || (start == NULL && stop == NULL))
		return;
	any->parent_id =
		tree_parent(e, node, any, start != NULL ? start_point : stop_point);

	/* Only the parent's name matters to a span. */
	memset(&parent, 0, sizeof(parent));
	if (node->parent != NULL)
		parent.name = node->parent->name;
	choose_run(e, any);
	if (e->status == OSP_OK)
		e->status = otlp_span_make(
			&e->span, start, stop, node->parent != NULL ? &parent : NULL);
	if (e->status == OSP_OK)
		otlp_put_span(&e->spans, osp_buf_str(&e->span.encoded));
}

osp_status
osp_report_otlp_write(osp_report *report, osp_write_fn write, void *ctx)
{
	osp_status status = osp__report_build(report);
	osp__node *node = report->first_root;
	int depth = 0;
	exporter e;

	if (status != OSP_OK)
		return status;
	report->unexported = 0;
	memset(&e, 0, sizeof(e));
	e.report = report;
	e.write = write;
	e.ctx = ctx;
	otlp_span_init(&e.span, report->alc, OSP_STATEMENT_FULL);
	osp_buf_init(&e.start.texts, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&e.stop.texts, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&e.first.texts, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&e.resource, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&e.next, report->alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&e.spans, report->alc, SIZE_MAX / 4);
	osp_buf_init(&e.heads, report->alc, OSP_NOTIFICATION_MAX);
	for (; node != NULL && e.status == OSP_OK;
		 node = osp__node_next(node, &depth))
		put_node(&e, node);
	flush(&e);
	osp_buf_term(&e.heads);
	osp_buf_term(&e.spans);
	osp_buf_term(&e.next);
	osp_buf_term(&e.resource);
	osp_buf_term(&e.first.texts);
	osp_buf_term(&e.stop.texts);
	osp_buf_term(&e.start.texts);
	otlp_span_term(&e.span);
	return e.status;
}
