/* SPDX-License-Identifier: Apache-2.0
 *
 * export_chrome.c
 *	  Writes a trace in the Trace Event Format, which Perfetto and chrome://tracing
 *	  read. It is a JSON object with a complete event ("X") for each operation and
 *	  metadata events ("M") that name processes. Times are in microseconds since the
 *	  trace began.
 *
 * chrome_lanes.h explains processes and threads.
 */
#include "report/export/chrome_lanes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "report/report_piece.h"
#include "report/terminal_text.h"

/* The largest number of columns of an operation's text on its bar. */
#define BAR_COLUMNS 80

typedef struct chrome
{
	osp__findings findings;
	osp__lanes lanes;
	osp__description what;
	osp_buf text;
	osp__piece out;
	bool any;
} chrome;

static void
put(chrome *c, const char *text)
{
	osp_buf_add_str(&c->out.buf, osp_str_of(text));
}

/* Writes a JSON value of the report, which is a string or null, as a string. */
static void
put_value(chrome *c, osp_str value)
{
	osp_buf_add_str(&c->out.buf,
					value.len > 0 && value.ptr[0] == '"' ? value
														 : OSP_STR("\"\""));
}

/* Writes nanoseconds as microseconds with all digits. */
static void
put_us(chrome *c, const char *key, int64_t ns)
{
	osp_buf_addf(&c->out.buf,
				 ",\"%s\":%" PRId64 ".%03d",
				 key,
				 ns / 1000,
				 (int) (ns % 1000));
}

/* Begins an event, on a line of its own. */
static void
put_event(chrome *c, const char *phase, uint32_t process, uint32_t lane)
{
	osp_buf_addf(&c->out.buf,
				 "%s{\"ph\":\"%s\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
				 c->any ? ",\n" : "\n",
				 phase,
				 process,
				 lane);
	c->any = true;
}

/* Writes the text on the bar: "db SELECT 1". */
static void
put_name(chrome *c, const osp__node *node)
{
	osp_buf_reset(&c->text);
	if (c->out.status == OSP_OK)
		c->out.status =
			osp__report_decode(c->findings.report, node->name, &c->text);
	if (c->what.detail.len > 0)
	{
		osp_buf_add_char(&c->text, ' ');
		(void) osp__terminal_text(
			&c->text, osp_buf_str(&c->what.detail), true, BAR_COLUMNS);
	}
	put(c, ",\"name\":");
	osp_json_string(&c->out.buf, osp_buf_str(&c->text));
}

static void
put_arg(chrome *c, const char *key, osp_str text)
{
	if (text.len == 0)
		return;
	osp_buf_addf(&c->out.buf, ",\"%s\":", key);
	osp_json_string(&c->out.buf, text);
}

/* The index behind the string that begins at the quote at. */
static size_t
skip_string(osp_str json, size_t at)
{
	for (at++; at < json.len && json.ptr[at] != '"'; at++)
		at += json.ptr[at] == '\\';
	return at + 1;
}

/* Writes JSON with null in place of Infinity, -Infinity and NaN. Python writes these
 * numbers and this project's reader accepts them, but readers of this format refuse a
 * file with one of them. */
static void
put_strict(chrome *c, osp_str json)
{
	size_t from = 0;
	size_t at = 0;

	while (at < json.len)
	{
		const char *p = json.ptr + at;

		if (*p == '"')
			at = skip_string(json, at);
		else if (*p != 'N' && *p != 'I' && (*p != '-' || p[1] != 'I'))
			at++;
		else
		{
			osp_buf_add_str(&c->out.buf, osp_str_n(json.ptr + from, at - from));
			put(c, "null");
			at += *p == 'N' ? strlen("NaN") : strlen("Infinity") + (*p == '-');
			from = at;
		}
	}
	osp_buf_add_str(&c->out.buf, osp_str_n(json.ptr + from, json.len - from));
}

/* Writes the complete points. */
static void
put_points(chrome *c, const osp__node *node)
{
	const osp__point *point = node->first;
	bool any = false;

	put(c, ",\"points\":[");
	for (; point != NULL; point = point->next)
	{
		put(c, any ? "," : "");
		any = true;
		put_strict(c, point->json);
	}
	put(c, "]");
}

static void
put_operation(chrome *c, const osp__bar *bar)
{
	const osp__op *op = bar->op;

	c->out.status =
		osp__report_describe(c->findings.report, op->node, &c->what);
	if (c->out.status != OSP_OK)
		return;
	put_event(c, "X", bar->process, bar->in->number);
	put_us(c, "ts", op->begin_ns);
	put_us(c, "dur", osp__op_ns(op));
	put_name(c, op->node);
	put(c, ",\"cat\":\"");
	osp_buf_add_str(&c->out.buf, op->node->name);
	put(c, "\",\"args\":{\"trace_id\":");
	put_value(c, op->node->trace_id);
	put(c, ",\"parent_id\":");
	put_value(c, op->node->parent_id);
	put_arg(c, "state", osp_str_of(osp__state_name(c->what.state)));
	put_arg(c, "text", osp_buf_str(&c->what.detail));
	put_arg(c, "error", osp_buf_str(&c->what.error));
	put_points(c, op->node);
	put(c, "}}");
	osp__piece_step(&c->out);
}

/* Writes the name of a process: "shop@web1". */
static void
put_process(chrome *c, const osp__chrome_process *process)
{
	osp_str service = osp__report_inside(process->service);
	osp_str host = osp__report_inside(process->host);

	put_event(c, "M", process->number, 0);
	put(c, ",\"ts\":0,\"name\":\"process_name\",\"args\":{\"name\":\"");
	osp_buf_add_str(&c->out.buf, service.len > 0 ? service : OSP_STR("?"));
	if (host.len > 0)
	{
		put(c, "@");
		osp_buf_add_str(&c->out.buf, host);
	}
	put(c, "\"}}");
}

static void
put_trace(chrome *c)
{
	const osp_report *report = c->findings.report;
	char started[OSP_TIMESTAMP_LEN + 1] = "";

	if (report->any_point)
		osp_timestamp_text(report->started_ns, started);
	put(c, "\n],\"displayTimeUnit\":\"ms\",\"otherData\":{\"base_id\":");
	put_value(c, report->base_id);
	osp_buf_addf(&c->out.buf,
				 ",\"started\":\"%s\",\"lost_points\":%" PRIu64 "}}\n",
				 started,
				 report->lost_points);
}

osp_status
osp_report_chrome_write(osp_report *report, osp_write_fn write, void *ctx)
{
	const osp__chrome_process *process;
	osp_status status;
	chrome c;
	size_t i;

	memset(&c, 0, sizeof(c));
	osp__piece_init(&c.out, report->alc, write, ctx);
	osp_buf_init(&c.text, report->alc, SIZE_MAX / 4);
	osp__description_init(&c.what, report->alc);
	status = osp__findings_begin(&c.findings, report);
	if (status == OSP_OK)
		status = osp__lanes_fill(&c.lanes, &c.findings);
	c.out.status = status;
	put(&c, "{\"traceEvents\":[");
	for (process = c.lanes.processes; process != NULL; process = process->next)
		put_process(&c, process);
	for (i = 0; i < c.lanes.count && c.out.status == OSP_OK; i++)
		put_operation(&c, c.lanes.bars[i]);
	put_trace(&c);
	if (c.lanes.arena.alc != NULL)
		osp__lanes_term(&c.lanes);
	osp__findings_term(&c.findings);
	osp__description_term(&c.what);
	osp_buf_term(&c.text);
	return osp__piece_end(&c.out);
}
