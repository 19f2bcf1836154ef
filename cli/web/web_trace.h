/* SPDX-License-Identifier: Apache-2.0
 *
 * web_trace.h
 *	  The requests for traces.
 */
#ifndef OSPROFILER_CLI_WEB_TRACE_H
#define OSPROFILER_CLI_WEB_TRACE_H

#include "web/web_answer.h"
#include "web/web_site.h"

/*
 * Answer with a page of the list of traces, as JSON; with the page of a trace;
 * with two traces side by side.
 */
void web_answer_list(const web_request *request, web_answer *answer);
void web_answer_trace(const web_request *request, web_answer *answer);
void web_answer_compare(const web_request *request, web_answer *answer);

#endif /* OSPROFILER_CLI_WEB_TRACE_H */
