/* SPDX-License-Identifier: Apache-2.0
 *
 * test_draw_widths.c
 *	  The drawn tree on wide and narrow terminals.
 */
#include "tap.h"

#include <stdio.h>

#include "drawn_fixture.h"
#include "report/report_describe.h"
#include "report/terminal_text.h"

/* The columns of a line in UTF-8 that has no colours and no wide characters. */
static size_t
count_columns(const char *line, const char *end)
{
	size_t columns = 0;

	for (; line < end; line++)
	{
		if (*line == '\033')
			line += strcspn(line, "m");
		else
			columns += ((unsigned char) *line & 0xC0) != 0x80;
	}
	return columns;
}

/* A deep tree with texts that are longer than any line, in each place for a text. */
static osp_report *
make_long_trace(void)
{
	static const char text[] =
		"xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx "
		"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9 xxxxxxxxx "
		"xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx";
	osp_report *report = drawn_make_trace();
	char start[600];
	char stop[600];
	char id[32];
	char parent[32] = "w";
	int i;

	(void) snprintf(
		start, sizeof(start), "\"db\": {\"statement\": \"%s\"}, ", text);
	(void) snprintf(stop,
					sizeof(stop),
					"\"etype\": \"%s\", \"message\": \"m\", \"db\": "
					"{\"rows\": 1234567890123}, ",
					text);
	for (i = 0; i < 90; i++)
	{
		bool odd = i % 2 != 0;

		(void) snprintf(id, sizeof(id), "deep-%d", i);
		drawn_add_at(
			report,
			odd ? text : "h",
			"web.a.very.long.name.of.an.operation.of.this.program-start",
			id,
			parent,
			20000 + i,
			start);
		if (i % 3 != 0)
			drawn_add_at(
				report,
				odd ? text : "h",
				"web.a.very.long.name.of.an.operation.of.this.program-stop",
				id,
				parent,
				400000 - i,
				i % 3 == 1 ? stop : "\"truncated\": 123456789, ");
		memcpy(parent, id, sizeof(id));
	}
	drawn_add(report, "pg-start", "late", "w", 900000, "");
	drawn_add_at(report,
				 "h",
				 "osprofiler.lost-start",
				 "lost",
				 DRAWN_BASE,
				 900001,
				 "\"lost_points\": 123456, ");
	drawn_add_at(report,
				 "h",
				 "osprofiler.lost-stop",
				 "lost",
				 DRAWN_BASE,
				 900001,
				 "\"lost_points\": 123456, ");
	return report;
}

/* No line is wider than the limit, and only texts are shortened. */
static void
test_widths(void **state)
{
	osp_report *report = make_long_trace();
	unsigned width;
	size_t lines = 0;

	(void) state;
	for (width = 40; width <= 250; width++)
	{
		unsigned look;

		for (look = 0; look < 8; look++)
		{
			osp_draw_options options = {.struct_size = sizeof(options),
										.width = width,
										.times = true,
										.color = (look & 1) != 0,
										.unicode = (look & 2) != 0,
										.ids = (look & 4) != 0};
			osp_buf findings;
			const char *line;
			const char *end;
			size_t count = 0;
			size_t found;
			osp_buf text;

			osp_buf_init(&findings, &osp_allocator_default, DRAWN_MAX);
			assert_int_equal(
				osp_report_explain(report, &options, &findings, &found),
				OSP_OK);
			osp_buf_term(&findings);
			draw_report(report, &options, &text);
			assert_non_null(strstr(text.ptr, DRAWN_BASE));
			for (line = text.ptr; *line != '\0'; line = end + 1, count++)
			{
				end = strchr(line, '\n');
				assert_non_null(end);
				if (count_columns(line, end) > width)
					fail_msg(
						"%u columns: %.*s", width, (int) (end - line), line);
			}

			/* The head may take more lines. */
			assert_true(count >= 99);
			lines += count;
			osp_buf_term(&text);
		}
	}
	assert_true(lines > 0);
	osp_report_free(report);
}

/* The columns of the widest line except the header. */
static size_t
widest(const osp_buf *text)
{
	const char *line = strchr(text->ptr, '\n') + 1;
	size_t columns = 0;

	while (*line != '\0')
	{
		const char *end = strchr(line, '\n');
		osp_buf shown;
		size_t here;

		osp_buf_init(&shown, &osp_allocator_default, DRAWN_MAX);
		here = strspn(line, " ");
		here += osp__terminal_text(
			&shown, osp_str_n(line, (size_t) (end - line)), true, 0);
		columns = here > columns ? here : columns;
		osp_buf_term(&shown);
		line = end + 1;
	}
	return columns;
}

static void
test_width(void **state)
{
	osp_report *report = drawn_make_trace();
	unsigned width;

	(void) state;
	for (width = 40; width < 200; width++)
	{
		osp_draw_options options = {
			sizeof(options), false, true, width, true, false, false};
		osp_buf text;

		draw_report(report, &options, &text);
		assert_true(widest(&text) <= width);
		osp_buf_term(&text);
	}
	osp_report_free(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
