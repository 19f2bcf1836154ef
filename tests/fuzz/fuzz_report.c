/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_report.c
 *	  Reports of notifications; each line of the input is one.
 *
 * Properties: each line counts as a point, a duplicate or malformed. The report as JSON
 * has the form of json.dumps. The page's data is JSON without "<". A drawing has no
 * control characters except line ends. The number of points does not depend on the
 * order in which they arrive.
 */
#include "fuzz.h"

#include "osprofiler/json.h"
#include "osprofiler/report.h"

#define BUF_MAX   ((size_t) 1 << 26)
#define LINES_MAX 256

typedef struct lines
{
	osp_str line[LINES_MAX];
	size_t count;
} lines;

static void
split(osp_str text, lines *out)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;

	out->count = 0;
	while (p < end && out->count < LINES_MAX)
	{
		const char *next = memchr(p, '\n', (size_t) (end - p));
		const char *stop = next != NULL ? next : end;

		out->line[out->count++] = osp_str_n(p, (size_t) (stop - p));
		p = stop + 1;
	}
}

static osp_report *
make_report(const lines *in, bool backwards)
{
	osp_report *report = osp_report_new(&osp_allocator_default);
	size_t i;

	REQUIRE(report != NULL);
	for (i = 0; i < in->count; i++)
	{
		osp_error err;
		osp_status status = osp_report_add(
			report, in->line[backwards ? in->count - 1 - i : i], &err);

		REQUIRE(status == OSP_OK || status == OSP_EPROTO);
	}
	REQUIRE(osp_report_points(report) + osp_report_duplicates(report) +
				osp_report_malformed(report) ==
			in->count);
	return report;
}

static void
check_json(osp_report *report)
{
	osp_buf json;
	osp_buf again;

	osp_buf_init(&json, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&again, &osp_allocator_default, BUF_MAX);
	REQUIRE(osp_report_json(report, &json) == OSP_OK);

	/* A deep payload may make the report deeper than the reader allows. */
	if (osp_json_rewrite(&again, osp_buf_str(&json), 2, 0) == OSP_OK)
		REQUIRE(osp_str_eq(osp_buf_str(&json), osp_buf_str(&again)));
	osp_buf_term(&json);
	osp_buf_term(&again);
}

static osp_status
append_piece(void *ctx, osp_str piece)
{
	osp_buf_add_str((osp_buf *) ctx, piece);
	return osp_buf_status((osp_buf *) ctx);
}

/* How deeply a JSON text is nested. */
static size_t
nesting(osp_str json)
{
	bool in_string = false;
	size_t depth = 0;
	size_t most = 0;
	size_t i;

	for (i = 0; i < json.len; i++)
	{
		char c = json.ptr[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			most = ++depth > most ? depth : most;
		else if (!in_string && (c == '}' || c == ']'))
			depth--;
	}
	return most;
}

/* Whatever the texts are, the page's data is JSON, and cannot end the HTML element that
 * holds it. */
static void
check_page(osp_report *report)
{
	osp_buf data;
	osp_buf again;
	size_t i;

	osp_buf_init(&data, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&again, &osp_allocator_default, BUF_MAX);
	REQUIRE(osp_report_page_write(report, append_piece, &data) == OSP_OK);
	for (i = 0; i < data.len; i++)
		REQUIRE(data.ptr[i] != '<' && (unsigned char) data.ptr[i] < 0x7f);

	/* A template is two levels deeper than its notification. */
	if (nesting(osp_buf_str(&data)) <= OSP_JSON_DEPTH_MAX)
		REQUIRE(osp_json_rewrite(&again, osp_buf_str(&data), -1, 0) == OSP_OK);
	osp_buf_term(&data);
	osp_buf_term(&again);
}

static void
draw(osp_report *report, bool unicode, unsigned width, osp_buf *text)
{
	osp_draw_options options = {
		sizeof(options), false, unicode, width, width > 0, width > 0, false};
	size_t findings;
	size_t i;

	osp_buf_init(text, &osp_allocator_default, BUF_MAX);
	REQUIRE(osp_report_draw(report, &options, text) == OSP_OK);
	REQUIRE(osp_report_explain(report, &options, text, &findings) == OSP_OK);
	REQUIRE(findings <= 4);
	for (i = 0; i < text->len; i++)
	{
		unsigned char c = (unsigned char) text->ptr[i];

		REQUIRE(c == '\n' || (c >= 0x20 && c != 0x7f));
		REQUIRE(unicode || c < 0x80);
	}
}

static void
count_line(void *ctx, const char *line)
{
	size_t *count = ctx;

	REQUIRE(strchr(line, '\n') == NULL);
	++*count;
}

static void
check_drawings(osp_report *report)
{
	unsigned width;
	size_t count = 0;
	size_t breaches = 0;
	osp_buf text;

	for (width = 0; width < 160; width += 40)
	{
		draw(report, width % 80 == 0, width, &text);
		osp_buf_term(&text);
	}
	REQUIRE(osp_report_check(report, count_line, &count, &breaches) == OSP_OK);
	REQUIRE(count == breaches);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	lines in;
	osp_report *report;
	osp_report *backwards;

	split(osp_str_n(copy, size), &in);
	report = make_report(&in, false);
	backwards = make_report(&in, true);
	check_json(report);
	check_page(report);
	check_drawings(report);
	REQUIRE(osp_report_points(report) == osp_report_points(backwards));
	osp_report_free(report);
	osp_report_free(backwards);
	free(copy);
	return 0;
}
