/* SPDX-License-Identifier: Apache-2.0
 *
 * report_json.c
 *	  Writes the report as upstream's `osprofiler trace show --json` prints it,
 *	  with the same order of members and the same white space; but siblings come
 *	  in their true order.
 *
 * The text is handed over in pieces, so that only the points and one piece are in
 * memory. Beyond OSP__INDENT_LEVELS levels, lines are not broken any more.
 */
#include "base/buf_fast.h"
#include "report/report_piece.h"
#include "report/report_tree.h"
#include "json/json_layout.h"

#define INDENT 2

/* JSON nesting levels: of the report's children, and for each level of nodes. */
#define ROOT_LEVEL      2
#define LEVELS_PER_NODE 2

typedef struct emitter
{
	osp_report *report;
	osp__piece out;
} emitter;

/* Begins the line of a member: `"key": `. first: no comma before it. */
static void
put_key(emitter *e, osp_str key, size_t level, bool first)
{
	if (!first)
		osp__buf_lit(&e->out.buf, ",");
	osp__json_newline(&e->out.buf, INDENT, level);
	osp__buf_lit(&e->out.buf, "\"");
	osp__buf_put(&e->out.buf, key.ptr, key.len);
	osp__buf_lit(&e->out.buf, "\": ");
}

static void
put_text(emitter *e, osp_str key, osp_str json, size_t level)
{
	put_key(e, key, level, false);
	osp__json_layout(&e->out.buf, json, INDENT, level);
}

static void
put_number(emitter *e, osp_str key, int64_t value, size_t level)
{
	put_key(e, key, level, false);
	osp_buf_add_i64(&e->out.buf, value);
}

/* Writes a time in milliseconds since the first point of the report. */
static void
put_time(emitter *e, osp_str key, int64_t ns, size_t level)
{
	put_number(e, key, osp__report_ms(e->report, ns), level);
}

/*
 * Writes the members of a point: its payload, the time if it is the first of
 * its kind, and for a stop the outcome.
 */
static void
put_point(emitter *e, const osp__node *node, const osp__point *point,
		  bool first_of_kind, size_t level)
{
	osp_buf *piece = &e->out.buf;

	osp__buf_lit(piece, ",");
	osp__json_newline(piece, INDENT, level);
	osp__buf_lit(piece, "\"meta.raw_payload.");
	osp__buf_put(piece, point->name.ptr, point->name.len);
	osp__buf_lit(piece, "\": ");
	osp__json_layout(piece, point->json, INDENT, level);
	if (!first_of_kind)
		return;
	if (!point->stop)
	{
		put_time(e, OSP_STR("started"), osp__node_start_ns(node), level);
		return;
	}
	put_time(e, OSP_STR("finished"), osp__node_end_ns(node), level);
	put_text(e, OSP_STR("exception"), node->etype, level);
}

static void
put_info(emitter *e, const osp__node *node, size_t level)
{
	osp_buf *piece = &e->out.buf;
	const osp__point *point;
	bool started = false;
	bool finished = false;

	osp__buf_lit(piece, "{");
	put_key(e, OSP_STR("name"), level, true);
	osp__buf_lit(piece, "\"");
	osp__buf_put(piece, node->name.ptr, node->name.len);
	osp__buf_lit(piece, "\"");
	put_text(e, OSP_STR("project"), node->project, level);
	put_text(e, OSP_STR("service"), node->service, level);
	put_text(e, OSP_STR("host"), node->host, level);
	for (point = node->first; point != NULL; point = point->next)
	{
		bool *seen = point->stop ? &finished : &started;

		put_point(e, node, point, !*seen, level);
		*seen = true;
	}
	if (!started)
		put_time(e, OSP_STR("started"), osp__node_start_ns(node), level);
	if (!finished)
		put_time(e, OSP_STR("finished"), osp__node_end_ns(node), level);
	osp__json_newline(piece, INDENT, level - 1);
	osp__buf_lit(piece, "}");
}

static size_t
node_level(int depth)
{
	return ROOT_LEVEL + LEVELS_PER_NODE * (size_t) depth;
}

/* Writes the part of a node before its first child. */
static void
open_node(emitter *e, const osp__node *node, int depth)
{
	osp_buf *piece = &e->out.buf;
	size_t level = node_level(depth);

	osp__json_newline(piece, INDENT, level);
	osp__buf_lit(piece, "{");
	put_key(e, OSP_STR("info"), level + 1, true);
	put_info(e, node, level + 2);
	put_text(e, OSP_STR("trace_id"), node->trace_id, level + 1);
	put_text(e, OSP_STR("parent_id"), node->parent_id, level + 1);
	put_key(e, OSP_STR("children"), level + 1, false);
	osp__buf_lit(piece, "[");
	osp__piece_step(&e->out);
}

/* Writes the part of a node behind its last child. */
static void
close_node(emitter *e, const osp__node *node, int depth)
{
	size_t level = node_level(depth);

	if (node->first_child != NULL)
		osp__json_newline(&e->out.buf, INDENT, level + 1);
	osp__buf_lit(&e->out.buf, "]");
	osp__json_newline(&e->out.buf, INDENT, level);
	osp__buf_lit(&e->out.buf, "}");
}

static void
put_children(emitter *e)
{
	const osp__node *node = e->report->first_root;
	int depth = 0;

	while (node != NULL && e->out.status == OSP_OK)
	{
		open_node(e, node, depth);
		if (node->first_child != NULL)
		{
			node = node->first_child;
			depth++;
			continue;
		}
		close_node(e, node, depth);
		while (node->next_sibling == NULL && node->parent != NULL)
		{
			node = node->parent;
			close_node(e, node, --depth);
			osp__piece_step(&e->out);
		}
		node = node->next_sibling;
		if (node != NULL)
			osp__buf_lit(&e->out.buf, ",");
	}
}

/* Writes upstream's members for the whole trace; null if there is no point. */
static void
put_total(emitter *e)
{
	const osp_report *report = e->report;

	osp__buf_lit(&e->out.buf, "{");
	put_key(e, OSP_STR("name"), 2, true);
	osp__buf_lit(&e->out.buf, "\"total\"");
	put_number(e, OSP_STR("started"), 0, 2);
	if (report->any_point)
		put_time(e, OSP_STR("finished"), report->finished_ns, 2);
	else
		put_text(e, OSP_STR("finished"), OSP_STR("null"), 2);
	if (report->any_start)
		put_time(e, OSP_STR("last_trace_started"), report->last_started_ns, 2);
	else
		put_text(e, OSP_STR("last_trace_started"), OSP_STR("null"), 2);
	osp__json_newline(&e->out.buf, INDENT, 1);
	osp__buf_lit(&e->out.buf, "}");
}

static void
put_stats(emitter *e)
{
	const osp__stat *stat;
	bool first = true;

	osp__buf_lit(&e->out.buf, "{");
	for (stat = e->report->first_stat; stat != NULL; stat = stat->next)
	{
		if (stat->count == 0)
			continue;
		put_key(e, stat->name, 2, first);
		first = false;
		osp__buf_lit(&e->out.buf, "{");
		put_key(e, OSP_STR("count"), 3, true);
		osp_buf_add_i64(&e->out.buf, (int64_t) stat->count);
		put_number(e, OSP_STR("duration"), stat->duration_ms, 3);
		osp__json_newline(&e->out.buf, INDENT, 2);
		osp__buf_lit(&e->out.buf, "}");
		osp__piece_step(&e->out);
	}
	if (!first)
		osp__json_newline(&e->out.buf, INDENT, 1);
	osp__buf_lit(&e->out.buf, "}");
}

osp_status
osp_report_json_write(osp_report *report, osp_write_fn write, void *ctx)
{
	emitter e;
	osp_status status = osp__report_build(report);

	if (status != OSP_OK)
		return status;
	e.report = report;
	osp__piece_init(&e.out, report->alc, write, ctx);

	osp__buf_lit(&e.out.buf, "{");
	put_key(&e, OSP_STR("info"), 1, true);
	put_total(&e);
	put_key(&e, OSP_STR("children"), 1, false);
	osp__buf_lit(&e.out.buf, "[");
	put_children(&e);
	if (report->first_root != NULL)
		osp__json_newline(&e.out.buf, INDENT, 1);
	osp__buf_lit(&e.out.buf, "]");
	put_key(&e, OSP_STR("stats"), 1, false);
	put_stats(&e);
	osp__json_newline(&e.out.buf, INDENT, 0);
	osp__buf_lit(&e.out.buf, "}");
	return osp__piece_end(&e.out);
}

static osp_status
append_piece(void *ctx, osp_str piece)
{
	osp_buf_add_str(ctx, piece);
	return osp_buf_status(ctx);
}

osp_status
osp_report_json(osp_report *report, osp_buf *out)
{
	return osp_report_json_write(report, append_piece, out);
}
