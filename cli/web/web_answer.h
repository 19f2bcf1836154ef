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
	char cookie[160]; /* the header Set-Cookie; empty: none */
	char refresh[80]; /* the header Refresh; empty: none */
} web_answer;

/* Initialises an answer with an empty text. */
void web_answer_init(web_answer *answer);
void web_answer_term(web_answer *answer);

/* Sets the body of the answer to a plain text. */
void web_answer_text(web_answer *answer, unsigned status, const char *text);

/* Appends a piece to the body; an osp_write_fn whose ctx is a web_answer. */
osp_status web_answer_write(void *ctx, osp_str piece);

/*
 * Sets the body of the answer to the page in cli/html/list with these data, a
 * JSON object. The page shows failures, too.
 */
void web_answer_page(web_answer *answer, unsigned status, osp_str json);

/*
 * Sets the body of the answer to a page that reports a problem, one message a
 * line. If the collector cannot be reached, the page reloads itself.
 */
void web_answer_problem(web_answer *answer, unsigned status, osp_str messages);

/*
 * Sets the body of the answer to a page that says: there is no memory until
 * other pages have been sent.
 */
void web_answer_busy(web_answer *answer);

/* Appends JSON in such a way that it cannot end the script element around it. */
void web_add_inert(osp_buf *body, osp_str json);

/* Appends each line of messages as a string of a JSON array. */
void web_add_lines(osp_buf *json, osp_str messages);

/*
 * Sends the answer with the headers that every answer has, or the one of
 * web_answer_busy() if there is no memory for it.
 */
enum MHD_Result web_answer_send(web_answer *answer,
								struct MHD_Connection *connection);

#endif /* OSPROFILER_CLI_WEB_ANSWER_H */
