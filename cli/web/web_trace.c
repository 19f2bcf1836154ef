/* SPDX-License-Identifier: Apache-2.0
 *
 * web_trace.c
 *	  The page of a trace: that of `osprofiler trace show --html`, with
 *	  additions of the web server.
 */
#include "web/web_trace.h"

#include "page.h"
#include "web/web_held.h"
#include "web/web_reader.h"

/* Adds a second element of data, which cli/html/served.js reads. */
static void
add_served(osp_buf *body, osp_str messages)
{
	osp_buf json;

	osp_buf_init(&json, &osp_allocator_default, 1024 * 1024);
	osp_buf_add_str(&json, OSP_STR("{\"messages\": "));
	web_add_lines(&json, messages);
	osp_buf_add_char(&json, '}');
	osp_buf_add_str(body,
					OSP_STR("</script>\n<script type=\"application/json\" "
							"id=\"served\">"));
	web_add_inert(body, osp_buf_str(&json));
	osp_buf_term(&json);
}

static void
answer_page(web_answer *answer, osp_report *report, osp_str messages)
{
	cli_page page = cli_trace_page();
	osp_status status;

	answer->type = "text/html; charset=utf-8";
	answer->policy = page.policy;
	osp_buf_add_str(&answer->body, page.head);
	status = cli_page_write_data(report, web_answer_write, answer);
	add_served(&answer->body, messages);
	osp_buf_add_str(&answer->body, page.tail);
	if (status != OSP_OK)
		web_answer_problem(answer,
						   MHD_HTTP_INTERNAL_SERVER_ERROR,
						   osp_str_of(osp_status_text(status)));
}

void
web_answer_trace(const web_request *request, web_answer *answer)
{
	osp_report *report = NULL;
	unsigned status = MHD_HTTP_SERVICE_UNAVAILABLE;
	web_reader reader;

	if (web_held_is_full())
	{
		web_answer_busy(answer);
		return;
	}
	if (web_reader_begin(&reader, request) &&
		web_reader_load(&reader, request, "id", &report, &status))
		answer_page(answer, report, osp_buf_str(&reader.messages));
	else
		web_answer_problem(answer, status, osp_buf_str(&reader.messages));
	osp_report_free(report);
	web_reader_end(&reader);
}
