/* SPDX-License-Identifier: Apache-2.0
 *
 * web_compare.c
 *	  Two traces side by side.
 */
#include "web/web_trace.h"

#include "web/web_reader.h"

#define COMPARISON_MAX ((size_t) 64 * 1024 * 1024)

/* Adds the data of the page, see cli/html/list/comparison.js. */
static osp_status
add_comparison(osp_buf *json, osp_report *before, osp_report *after,
			   osp_str messages)
{
	osp_status status;

	osp_buf_add_str(json, OSP_STR("{\"view\": \"compare\", \"messages\": "));
	web_add_lines(json, messages);
	osp_buf_add_str(json, OSP_STR(", \"diff\": "));
	status = osp_report_diff_json(before, after, json);
	osp_buf_add_char(json, '}');
	return status;
}

static void
answer_both(web_answer *answer, osp_report *before, osp_report *after,
			osp_str messages)
{
	osp_status status;
	osp_buf json;

	osp_buf_init(&json, &osp_allocator_default, COMPARISON_MAX);
	status = add_comparison(&json, before, after, messages);
	if (status == OSP_OK)
		status = osp_buf_status(&json);
	if (status == OSP_OK)
		web_answer_page(answer, MHD_HTTP_OK, osp_buf_str(&json));
	else
		web_answer_problem(answer,
						   MHD_HTTP_INTERNAL_SERVER_ERROR,
						   osp_str_of(osp_status_text(status)));
	osp_buf_term(&json);
}

void
web_answer_compare(const web_request *request, web_answer *answer)
{
	unsigned status = MHD_HTTP_SERVICE_UNAVAILABLE;
	osp_report *before = NULL;
	osp_report *after = NULL;
	web_reader reader;

	if (web_reader_begin(&reader, request) &&
		web_reader_load(&reader, request, "a", &before, &status) &&
		web_reader_load(&reader, request, "b", &after, &status))
		answer_both(answer, before, after, osp_buf_str(&reader.messages));
	else
		web_answer_problem(answer, status, osp_buf_str(&reader.messages));
	osp_report_free(before);
	osp_report_free(after);
	web_reader_end(&reader);
}
