/* SPDX-License-Identifier: Apache-2.0
 *
 * export_csv.c
 *	  Writes a trace as a table with a row for each operation, in the order in which
 *	  they are drawn: CSV of RFC 4180 in UTF-8.
 *
 * A spreadsheet takes a text that begins with =, +, - or @ for a formula, some of them
 * also behind white space, or if the character is a full-width form of these. Such texts,
 * and those that begin with a tab or a line end, get an apostrophe in front, which
 * spreadsheets take for "this is a text". All texts are in quotes, so that no separator or
 * line end within one begins another cell. These are the rules of OWASP ("CSV Injection").
 *
 * OWASP's rules alone cannot be undone: a reader could not tell an added apostrophe
 * from one of the text. So a text that begins with an apostrophe gets another one in
 * front. A reader that removes the first apostrophe of every text gets the original
 * text.
 */
#include "report/findings/findings.h"

#include <inttypes.h>

#include "base/utf8.h"
#include "osprofiler/notification.h"
#include "report/report_piece.h"
#include "report/terminal_text.h"

#define HEADING                                                                 \
	"depth,trace_id,parent_id,name,service,host,started,offset_ms,duration_ms," \
	"self_ms,state,error,rows,text\r\n"

typedef struct table
{
	osp__findings findings;
	osp__description what;
	osp_buf decoded;
	osp__piece out;
} table;

/* Can this character begin a formula? These are =, +, -, @ and the mathematical minus,
 * and their small and full-width forms. */
static bool
begins_formula(uint32_t code)
{
	static const uint32_t codes[] = {'=',
									 '+',
									 '-',
									 '@',
									 0x2212,
									 0xfe62,
									 0xfe63,
									 0xfe66,
									 0xfe6b,
									 0xff0b,
									 0xff0d,
									 0xff1d,
									 0xff20};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* Could a spreadsheet take this text for a formula? The text is not empty. */
static bool
is_formula(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;
	unsigned len;

	if (*p == '\t' || *p == '\r' || *p == '\n')
		return true;
	while (p < end)
	{
		uint32_t code = osp__utf8_decode(p, end, &len);

		if (!osp__is_unseen(code))
			return begins_formula(code);
		p += len;
	}
	return false;
}

static bool
needs_apostrophe(osp_str text)
{
	return text.ptr[0] == '\'' || is_formula(text);
}

static void
put_text(table *t, osp_str text)
{
	osp_buf *out = &t->out.buf;
	const char *p = text.ptr;
	const char *end = p + text.len;

	osp_buf_add_char(out, ',');
	if (text.len == 0)
		return;
	osp_buf_add_char(out, '"');
	if (needs_apostrophe(text))
		osp_buf_add_char(out, '\'');
	while (p < end)
	{
		osp_str next = osp__utf8_next(&p, end);

		/* Many readers of CSV end a text at a NUL, so replace it. */
		if (next.len == 1 && *next.ptr == '\0')
			next = OSP_STR("\xef\xbf\xbd");
		if (next.len == 1 && *next.ptr == '"')
			osp_buf_add_char(out, '"');
		osp_buf_add_str(out, next);
	}
	osp_buf_add_char(out, '"');
}

/* Adds a text, given as the inside of its JSON string. */
static void
put_inside(table *t, osp_str inside)
{
	osp_buf_reset(&t->decoded);
	if (t->out.status == OSP_OK)
		t->out.status =
			osp__report_decode(t->findings.report, inside, &t->decoded);
	put_text(t, osp_buf_str(&t->decoded));
}

/* Adds a time in milliseconds with six decimals. */
static void
put_ms(table *t, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	osp_buf_addf(
		&t->out.buf, ",%" PRId64 ".%06d", ns / 1000000, (int) (ns % 1000000));
}

static void
put_times(table *t, const osp__op *op)
{
	const osp__node *node = op->node;
	char started[OSP_TIMESTAMP_LEN + 1];

	osp_timestamp_text(osp__node_start_ns(node), started);
	osp_buf_addf(&t->out.buf, ",%s", started);
	put_ms(t, op->begin_ns);
	if (t->what.untimed || node->stops == 0 ||
		(node->starts == 0 && node->elapsed_ns < 0))
		osp_buf_add_char(&t->out.buf, ',');
	else
		put_ms(t, osp__node_duration_ns(node));
	put_ms(t,
		   op->kind == OSP__OP_NODE ? osp__node_own_ns(&t->findings, op)
									: op->own_ns);
}

static void
put_row(table *t, const osp__node *node, int depth)
{
	t->out.status = osp__report_describe(t->findings.report, node, &t->what);
	if (t->out.status != OSP_OK)
		return;
	osp_buf_addf(&t->out.buf, "%d", depth);
	put_inside(t, osp__report_inside(node->trace_id));
	put_inside(t, osp__report_inside(node->parent_id));
	put_inside(t, node->name);
	put_inside(t, osp__report_inside(node->service));
	put_inside(t, osp__report_inside(node->host));
	put_times(t, osp__op_of(&t->findings, node));
	osp_buf_addf(&t->out.buf, ",%s", osp__state_name(t->what.state));
	put_text(t, osp_buf_str(&t->what.error));
	osp_buf_add_char(&t->out.buf, ',');
	if (t->what.rows >= 0)
		osp_buf_add_i64(&t->out.buf, t->what.rows);
	put_text(t, osp_buf_str(&t->what.detail));
	osp_buf_add_str(&t->out.buf, OSP_STR("\r\n"));
	osp__piece_step(&t->out);
}

osp_status
osp_report_csv_write(osp_report *report, osp_write_fn write, void *ctx)
{
	osp__node *node;
	int depth = 0;
	table t;

	osp__piece_init(&t.out, report->alc, write, ctx);
	osp_buf_init(&t.decoded, report->alc, SIZE_MAX / 4);
	osp__description_init(&t.what, report->alc);
	t.out.status = osp__findings_begin(&t.findings, report);
	osp_buf_add_str(&t.out.buf, OSP_STR(HEADING));
	for (node = report->first_root; node != NULL && t.out.status == OSP_OK;
		 node = osp__node_next(node, &depth))
		if (!node->loss)
			put_row(&t, node, depth);
	osp__findings_term(&t.findings);
	osp__description_term(&t.what);
	osp_buf_term(&t.decoded);
	return osp__piece_end(&t.out);
}
