/* SPDX-License-Identifier: Apache-2.0
 *
 * export_dot.c
 *	  Writes the tree of a trace in the language of Graphviz, with the nodes, labels and
 *	  order of upstream's `osprofiler trace show --dot`, and the layout of the library
 *	  that upstream uses.
 *
 * Unlike upstream, failed operations are red, and texts from outside are escaped. In a
 * label, which is an escString, a backslash begins an escape and an ampersand may begin
 * an entity.
 */
#include <inttypes.h>

#include "report/report_describe.h"
#include "report/report_piece.h"
#include "report/terminal_text.h"

/* Upstream shows this many characters of every path, followed by two dots. */
#define PATH_CHARS 30

/* Longer names are cut. */
#define NAME_COLUMNS 200

typedef struct graph
{
	osp_report *report;
	osp__piece out;
	uint32_t
		*numbers; /* of the nodes, by their rank in time; the trace has 0 */
	uint32_t count;
	osp_buf decoded;
	osp_buf shown;
} graph;

/* Adds a text from outside to a label. */
static void
put_outside(graph *g, osp_str text)
{
	size_t i;

	osp_buf_reset(&g->shown);
	(void) osp__terminal_text(&g->shown, text, true, NAME_COLUMNS);
	for (i = 0; i < g->shown.len; i++)
	{
		char c = g->shown.ptr[i];

		if (c == '\\' || c == '"')
			osp_buf_add_char(&g->out.buf, '\\');
		osp_buf_add_char(&g->out.buf, c);
		if (c == '&')
			osp_buf_add_str(&g->out.buf, OSP_STR("amp;"));
	}
	if (g->out.status == OSP_OK)
		g->out.status = osp_buf_status(&g->shown);
}

/* Adds the text whose JSON form has this inside to a label. */
static void
put_inside(graph *g, osp_str inside)
{
	osp_buf_reset(&g->decoded);
	if (g->out.status == OSP_OK)
		g->out.status = osp__report_decode(g->report, inside, &g->decoded);
	put_outside(g, osp_buf_str(&g->decoded));
}

/* The first count characters of a text. */
static osp_str
first_chars(osp_str text, size_t count)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (((unsigned char) text.ptr[i] & 0xC0) != 0x80 && count-- == 0)
			break;
	return osp_str_n(text.ptr, i);
}

/* The part of the text behind its last dot. */
static osp_str
last_part(osp_str text)
{
	const char *dot = text.len > 0 ? memrchr(text.ptr, '.', text.len) : NULL;
	size_t skip = dot != NULL ? (size_t) (dot + 1 - text.ptr) : 0;

	return osp_str_n(text.ptr + skip, text.len - skip);
}

/* Adds a second line to the label: the request of a service, or the function of a
 * call. */
static void
put_second_line(graph *g, const osp__node *node)
{
	const osp__point *point = node->first;
	bool request = osp_str_eq(node->name, OSP_STR("wsgi"));
	yyjson_val *info;
	osp_str method;
	osp_str what;

	while (point != NULL && point->stop)
		point = point->next;
	if (point == NULL || g->out.status != OSP_OK ||
		(!request && !osp_str_eq(node->name, OSP_STR("rpc")) &&
		 !osp_str_eq(node->name, OSP_STR("driver"))))
		return;
	g->out.status = osp__json_read(&g->report->reader, point->json);
	if (g->out.status != OSP_OK)
		return;
	info = yyjson_obj_get(osp__json_root(&g->report->reader), "info");
	info = yyjson_obj_get(info, request ? "request" : "function");
	method = osp__json_str(yyjson_obj_get(info, "method"));
	what = osp__json_str(yyjson_obj_get(info, request ? "path" : "name"));
	if (what.len == 0)
		return;
	osp_buf_add_str(&g->out.buf, OSP_STR("\\n"));
	if (!request)
	{
		put_outside(g, last_part(what));
		return;
	}
	put_outside(g, method);
	osp_buf_add_char(&g->out.buf, ' ');
	put_outside(g, first_chars(what, PATH_CHARS));
	osp_buf_add_str(&g->out.buf, OSP_STR(".."));
}

/* Writes the node for the whole trace. */
static void
put_total(graph *g)
{
	const osp_report *report = g->report;
	int64_t ms =
		report->any_point ? osp__report_ms(report, report->finished_ns) : 0;

	osp_buf_addf(&g->out.buf, "\t0 [label=\"total - %" PRId64 " ms\"]\n", ms);
}

static void
put_node(graph *g, const osp__node *node)
{
	osp_str service = osp__report_inside(node->service);
	osp_str etype = osp__report_inside(node->etype);

	g->numbers[node->order] = ++g->count;
	osp_buf_addf(&g->out.buf, "\t%" PRIu32 " [label=\"", g->count);
	if (service.len > 0)
	{
		put_inside(g, service);
		osp_buf_add_char(&g->out.buf, ':');
	}
	put_inside(g, node->name);
	osp_buf_addf(&g->out.buf,
				 " - %" PRId64 " ms",
				 osp__report_ms(g->report, osp__node_end_ns(node)) -
					 osp__report_ms(g->report, osp__node_start_ns(node)));
	put_second_line(g, node);
	osp_buf_add_char(&g->out.buf, '"');
	if (etype.len > 0 && !osp_str_eq(etype, OSP_STR("None")))
		osp_buf_add_str(&g->out.buf, OSP_STR(" color=red"));
	osp_buf_add_str(&g->out.buf, OSP_STR("]\n"));
}

/* Writes the edge to a node, after everything below the node. */
static void
put_edge(graph *g, const osp__node *node)
{
	osp_buf_addf(&g->out.buf,
				 "\t%" PRIu32 " -> %" PRIu32 "\n",
				 node->parent != NULL ? g->numbers[node->parent->order] : 0,
				 g->numbers[node->order]);
}

static void
put_tree(graph *g)
{
	const osp__node *node = g->report->first_root;

	while (node != NULL && g->out.status == OSP_OK)
	{
		put_node(g, node);
		osp__piece_step(&g->out);
		if (node->first_child != NULL)
		{
			node = node->first_child;
			continue;
		}
		put_edge(g, node);
		while (node->next_sibling == NULL && node->parent != NULL)
		{
			node = node->parent;
			put_edge(g, node);
			osp__piece_step(&g->out);
		}
		node = node->next_sibling;
	}
}

osp_status
osp_report_dot_write(osp_report *report, osp_write_fn write, void *ctx)
{
	osp_status status = osp__report_build(report);
	graph g;

	if (status != OSP_OK)
		return status;
	memset(&g, 0, sizeof(g));
	g.report = report;
	osp__piece_init(&g.out, report->alc, write, ctx);
	osp_buf_init(&g.decoded, report->alc, SIZE_MAX / 4);
	osp_buf_init(&g.shown, report->alc, SIZE_MAX / 4);
	g.numbers = osp_calloc(
		report->alc, report->node_count > 0 ? report->node_count : 1, 4);
	if (g.numbers == NULL)
		g.out.status = OSP_ENOMEM;
	osp_buf_add_str(&g.out.buf, OSP_STR("digraph {\n"));
	put_total(&g);
	put_tree(&g);
	osp_buf_add_str(&g.out.buf, OSP_STR("}\n"));
	osp_free(report->alc, g.numbers);
	osp_buf_term(&g.decoded);
	osp_buf_term(&g.shown);
	return osp__piece_end(&g.out);
}
