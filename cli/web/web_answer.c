/* SPDX-License-Identifier: Apache-2.0
 *
 * web_answer.c
 *	  An answer to a request.
 */
#include "web/web_answer.h"

#include "page.h"
#include "web/web_held.h"

#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/json.h"

/* The largest body. Nobody looks at a page of several million operations. */
#define BODY_MAX ((size_t) 1024 * 1024 * 1024)

/*
 * After how many seconds a browser may ask again for a page for which there was
 * no memory.
 */
#define RETRY_S "5"

#define NO_POLICY "default-src 'none'"

static const char *const headers[][2] = {
	{"Cache-Control", "no-store"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Referrer-Policy", "no-referrer"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
};

void
web_answer_init(web_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->status = MHD_HTTP_OK;
	answer->type = "text/plain; charset=utf-8";
	answer->policy = OSP_STR(NO_POLICY);
	osp_buf_init(&answer->body, &osp_allocator_default, BODY_MAX);
}

void
web_answer_term(web_answer *answer)
{
	osp_buf_term(&answer->body);
}

void
web_answer_text(web_answer *answer, unsigned status, const char *text)
{
	answer->status = status;
	answer->type = "text/plain; charset=utf-8";
	answer->policy = OSP_STR(NO_POLICY);
	osp_buf_reset(&answer->body);
	osp_buf_addf(&answer->body, "%s\n", text);
}

osp_status
web_answer_write(void *ctx, osp_str piece)
{
	web_answer *answer = (web_answer *) ctx;

	osp_buf_add_str(&answer->body, piece);
	return osp_buf_status(&answer->body);
}

/* In JSON a "<" is always in a string, where it may be escaped. */
void
web_add_inert(osp_buf *body, osp_str json)
{
	const char *p = json.ptr;
	const char *end = p + json.len;

	while (p < end)
	{
		const char *next = memchr(p, '<', (size_t) (end - p));
		const char *stop = next != NULL ? next : end;

		osp_buf_add(body, p, (size_t) (stop - p));
		if (next != NULL)
			osp_buf_add_str(body, OSP_STR("\\u003c"));
		p = next != NULL ? next + 1 : end;
	}
}

void
web_answer_page(web_answer *answer, unsigned status, osp_str json)
{
	cli_page page = cli_list_page();

	answer->status = status;
	answer->type = "text/html; charset=utf-8";
	answer->policy = page.policy;
	osp_buf_reset(&answer->body);
	osp_buf_add_str(&answer->body, page.head);
	web_add_inert(&answer->body, json);
	osp_buf_add_str(&answer->body, page.tail);
}

void
web_add_lines(osp_buf *json, osp_str messages)
{
	const char *p = messages.ptr;
	const char *end = p + messages.len;
	const char *comma = "";

	osp_buf_add_char(json, '[');
	while (p < end)
	{
		const char *stop = memchr(p, '\n', (size_t) (end - p));

		if (stop == NULL)
			stop = end;
		osp_buf_add_str(json, osp_str_of(comma));
		osp_json_string(json, osp_str_n(p, (size_t) (stop - p)));
		comma = ", ";
		p = stop + 1;
	}
	osp_buf_add_char(json, ']');
}

void
web_answer_problem(web_answer *answer, unsigned status, osp_str messages)
{
	bool again = status == MHD_HTTP_BAD_GATEWAY ||
				 status == MHD_HTTP_SERVICE_UNAVAILABLE;
	osp_buf json;

	osp_buf_init(&json, &osp_allocator_default, 1024 * 1024);
	osp_buf_addf(&json,
				 "{\"view\": \"problem\", \"again\": %s, \"messages\": ",
				 again ? "true" : "false");
	web_add_lines(&json, messages);
	osp_buf_add_char(&json, '}');
	web_answer_page(answer, status, osp_buf_str(&json));
	osp_buf_term(&json);
}

void
web_answer_busy(web_answer *answer)
{
	web_answer_problem(
		answer,
		MHD_HTTP_SERVICE_UNAVAILABLE,
		OSP_STR("the server is sending other large pages; try again"));
}

static void
free_body(void *body)
{
	web_held_release(body);
	osp_free(&osp_allocator_default, body);
}

static bool
add_headers(const web_answer *answer, struct MHD_Response *response)
{
	char policy[1024];
	bool added;
	size_t i;

	(void) snprintf(policy,
					sizeof(policy),
					"%.*s; frame-ancestors 'none'",
					(int) answer->policy.len,
					answer->policy.ptr);
	added = web_mhd.add_response_header(
				response, "Content-Type", answer->type) == MHD_YES &&
			web_mhd.add_response_header(
				response, "Content-Security-Policy", policy) == MHD_YES;
	for (i = 0; added && i < sizeof(headers) / sizeof(headers[0]); i++)
		added = web_mhd.add_response_header(
					response, headers[i][0], headers[i][1]) == MHD_YES;
	if (answer->cookie[0] != '\0')
		added = added && web_mhd.add_response_header(
							 response, "Set-Cookie", answer->cookie) == MHD_YES;
	if (answer->refresh[0] != '\0')
		added = added && web_mhd.add_response_header(
							 response, "Refresh", answer->refresh) == MHD_YES;
	if (answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		added = added && web_mhd.add_response_header(
							 response, "Retry-After", RETRY_S) == MHD_YES;
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		added = added && web_mhd.add_response_header(
							 response, "Allow", "GET, HEAD") == MHD_YES;
	return added;
}

/*
 * Takes the body out of the answer, owned, in no more memory than it needs;
 * NULL: there is none.
 */
static char *
take_body(web_answer *answer, size_t *len)
{
	char *body;
	char *fitting;

	*len = answer->body.len;
	body = osp_buf_take(&answer->body);
	if (body == NULL)
		return NULL;
	fitting = osp_realloc(&osp_allocator_default, body, *len + 1);
	return fitting != NULL ? fitting : body;
}

/*
 * Takes the body out of the answer if there is enough memory to hold it until
 * it is sent. Otherwise takes the body of the answer that the server is busy.
 */
static char *
hold_body(web_answer *answer, size_t *len)
{
	char *body = take_body(answer, len);

	if (body == NULL || web_held_take(body, *len))
		return body;
	osp_free(&osp_allocator_default, body);
	web_answer_busy(answer);
	return take_body(answer, len);
}

enum MHD_Result
web_answer_send(web_answer *answer, struct MHD_Connection *connection)
{
	struct MHD_Response *response;
	enum MHD_Result sent = MHD_NO;
	size_t len;
	char *body;

	if (osp_buf_status(&answer->body) != OSP_OK)
		web_answer_text(answer,
						MHD_HTTP_INTERNAL_SERVER_ERROR,
						"There is not enough memory for this.");
	body = hold_body(answer, &len);
	if (body == NULL)
		return MHD_NO;
	response = web_mhd.create_response_from_buffer_with_free_callback(
		len, body, free_body);
	if (response == NULL)
	{
		free_body(body);
		return MHD_NO;
	}
	if (add_headers(answer, response))
		sent = web_mhd.queue_response(connection, answer->status, response);
	web_mhd.destroy_response(response);
	return sent;
}
