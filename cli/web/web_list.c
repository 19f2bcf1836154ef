/* SPDX-License-Identifier: Apache-2.0
 *
 * web_list.c
 *	  A page of the list of traces, as JSON for cli/html/list.
 */
#include "web/web_trace.h"

#include "cli.h"
#include "list/listing.h"
#include "list/trace_json.h"
#include "time_argument.h"
#include "web/web_reader.h"

#include "osprofiler/json.h"

#define PAGE_TRACES 100

/* The size of a buffer for an argument that is a time. */
#define TIME_CHARS 64

#define NS_PER_S       1000000000
#define DURATION_MAX_S 1e9

/*
 * How many traces may come before the requested page, if the list is not
 * ordered by time: all of them are then kept in memory.
 */
#define SKIP_MAX 100000

static bool
read_text(const web_request *request, const char *name, osp_str *text)
{
	const char *fault = web_argument(request, name, text);

	if (fault == NULL)
		return true;
	(void) cli_error("%s %s", name, fault);
	return false;
}

/* Reads an argument that is a time, as text; empty: it is not given. */
static bool
read_time(const web_request *request, const char *name, char text[TIME_CHARS])
{
	osp_str value;

	if (!read_text(request, name, &value))
		return false;
	if (value.len >= TIME_CHARS)
	{
		(void) cli_error("%s is too long", name);
		return false;
	}
	memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	return true;
}

static bool
read_moment(const web_request *request, const char *name, int64_t *ns)
{
	char text[TIME_CHARS];

	return read_time(request, name, text) &&
		   (text[0] == '\0' || cli_moment(name, text, ns));
}

static bool
read_duration(const web_request *request, const char *name, int64_t *ns)
{
	char text[TIME_CHARS];
	double seconds = 0;

	if (!read_time(request, name, text) ||
		(text[0] != '\0' &&
		 !cli_duration(name, text, DURATION_MAX_S, &seconds)))
		return false;
	*ns = (int64_t) (seconds * NS_PER_S);
	return true;
}

static bool
read_order(const web_request *request, cli_list_order *order)
{
	osp_str name;

	if (!read_text(request, "order", &name))
		return false;
	if (name.len == 0 || cli_list_order_of(name, order))
		return true;
	(void) cli_error("order must be time, duration, operations or errors");
	return false;
}

static bool
read_query(const web_request *request, cli_list_query *query)
{
	osp_trace_filter *filter = &query->filter;
	osp_str errors;

	memset(query, 0, sizeof(*query));
	filter->struct_size = sizeof(*filter);
	query->limit = PAGE_TRACES;
	if (!read_text(request, "errors", &errors) ||
		!read_text(request, "service", &filter->service) ||
		!read_text(request, "text", &filter->text) ||
		!read_text(request, "page", &filter->page) ||
		!read_order(request, &query->order) ||
		!read_duration(request, "min", &filter->min_duration_ns) ||
		!read_moment(request, "since", &filter->since_ns) ||
		!read_moment(request, "until", &filter->until_ns))
		return false;
	filter->errors_only = errors.len > 0;
	return true;
}

static void
put_list(osp_buf *json, const cli_listing *list)
{
	size_t i;

	osp_buf_add_str(json, OSP_STR("{\"traces\": ["));
	for (i = 0; i < list->rows.count; i++)
	{
		osp_buf_add_str(json, i > 0 ? OSP_STR(",\n") : OSP_STR("\n"));
		cli_trace_json_row(json, &list->rows.rows[i].entry);
	}
	osp_buf_add_str(json, OSP_STR("], \"next\": "));
	if (list->next[0] != '\0' && list->skip < SKIP_MAX)
		osp_json_string(json, osp_str_of(list->next));
	else
		osp_buf_add_str(json, OSP_STR("null"));
	osp_buf_addf(json,
				 ", \"stored\": %s, \"collector\": ",
				 list->status != OSP_ENOENT ? "true" : "false");
	osp_json_string(json, osp_str_of(list->collector->shown));
	osp_buf_add_char(json, '}');
}

/*
 * Answers with a page of the list. Returns the status of the answer; if that is
 * a failure, messages have the reason.
 */
static unsigned
answer_query(web_answer *answer, cli_collector *collector,
			 const cli_list_query *query)
{
	unsigned status = MHD_HTTP_BAD_GATEWAY;
	cli_listing list;

	if (cli_collector_open(collector) != CLI_OK)
		return status;

	/* An empty list is the right answer if nothing was stored yet. */
	if (cli_listing_make(&list, collector, query) == CLI_OK ||
		list.status == OSP_ENOENT)
	{
		put_list(&answer->body, &list);
		status = MHD_HTTP_OK;
	}
	else if (list.status == OSP_OK || list.status == OSP_EINVAL)
		status = MHD_HTTP_BAD_REQUEST;
	cli_listing_term(&list);
	return status;
}

void
web_answer_list(const web_request *request, web_answer *answer)
{
	unsigned status = MHD_HTTP_SERVICE_UNAVAILABLE;
	cli_list_query query;
	web_reader reader;

	if (web_reader_begin(&reader, request))
		status = read_query(request, &query)
					 ? answer_query(answer, &reader.source.collector, &query)
					 : MHD_HTTP_BAD_REQUEST;
	if (status != MHD_HTTP_OK)
	{
		osp_buf_add_str(&answer->body, OSP_STR("{\"messages\": "));
		web_add_lines(&answer->body, osp_buf_str(&reader.messages));
		osp_buf_add_char(&answer->body, '}');
	}
	answer->status = status;
	answer->type = "application/json";
	web_reader_end(&reader);
}
