/* SPDX-License-Identifier: Apache-2.0
 *
 * web_answer.h
 *	  An answer to a request.
 */
#ifndef OSPROFILER_CLI_WEB_ANSWER_H
#define OSPROFILER_CLI_WEB_ANSWER_H

#include "osprofiler/buf.h"
#include "osprofiler/report.h"
#include "web/web_library.h"

typedef struct web_answer
{
	unsigned status;
	const char *type;
	osp_str policy; /* without frame-ancestors, which every answer has */
	osp_buf body;
	char cookie[160]; /* Set-Cookie; empty: none */
	char refresh[80]; /* Refresh; empty: none */
} web_answer;

/* An empty text. */
void web_answer_init(web_answer *answer);
void web_answer_term(web_answer *answer);

/* Makes it a plain text. */
void web_answer_text(web_answer *answer, unsigned status, const char *text);

/* An osp_write_fn; ctx is a web_answer. Appends to its body. */
osp_status web_answer_write(void *ctx, osp_str piece);

/* The page of cli/html/list with these data, a JSON object; also as an answer to what
 * failed. */
void web_answer_page(web_answer *answer, unsigned status, osp_str json);

/* The same, that says what went wrong: lines of messages. It tries again by itself if the
 * collector is away. */
void web_answer_problem(web_answer *answer, unsigned status, osp_str messages);

/* The same, of a page for which there is no memory until others are sent. */
void web_answer_busy(web_answer *answer);

/* Appends JSON so that it cannot end the script element that it stands in. */
void web_add_inert(osp_buf *body, osp_str json);

/* Appends each line of messages as a string of a JSON array. */
void web_add_lines(osp_buf *json, osp_str messages);

/* Sends it, with the headers that every answer has, or what web_answer_busy() makes. */
enum MHD_Result web_answer_send(web_answer *answer,
								struct MHD_Connection *connection);

#endif /* OSPROFILER_CLI_WEB_ANSWER_H */
