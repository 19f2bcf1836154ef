/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h
 *	  The pages for a browser that are part of the program.
 */
#ifndef OSPROFILER_CLI_PAGE_H
#define OSPROFILER_CLI_PAGE_H

#include "osprofiler/report.h"

/* A page without its data: what stands before and behind them, and the policy
 * (Content-Security-Policy) that stands in the head. */
typedef struct cli_page
{
	osp_str head;
	osp_str tail;
	osp_str policy;
} cli_page;

/* The page of a trace; its data are what cli_page_write_data() writes. */
cli_page cli_trace_page(void);

/* The page of a list of traces, of which cli/html/list/given.js says what its data
 * are. It works only where `osprofiler web` serves it. */
cli_page cli_list_page(void);

/* Hands over the data of the page of a report, in pieces: what osp_report_page_write()
 * writes, packed if it is long (page_pack.c). What write returns other than OSP_OK ends it. */
osp_status cli_page_write_data(osp_report *report, osp_write_fn write,
							   void *ctx) OSP_MUST_CHECK;

/* Hands over the page of a report, in pieces: one HTML file that needs no other
 * file and no network. What write returns other than OSP_OK ends it. */
osp_status cli_page_write(osp_report *report, osp_write_fn write,
						  void *ctx) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_PAGE_H */
