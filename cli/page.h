/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h
 *	  The pages for a browser that are part of the program.
 */
#ifndef OSPROFILER_CLI_PAGE_H
#define OSPROFILER_CLI_PAGE_H

#include "osprofiler/report.h"

/*
 * A page without its data: its HTML before the data (head) and behind them
 * (tail), and its Content-Security-Policy for the header of that name. The head
 * contains the policy, too.
 */
typedef struct cli_page
{
	osp_str head;
	osp_str tail;
	osp_str policy;
} cli_page;

/* The page of a trace. Its data are written by cli_page_write_data(). */
cli_page cli_trace_page(void);

/*
 * The page of a list of traces. cli/html/list/given.js describes its data. The
 * page works only where `osprofiler web` serves it.
 */
cli_page cli_list_page(void);

/*
 * Hands over the data of a report's page in pieces: the output of
 * osp_report_page_write(), packed if it is long (page_pack.c). A result of
 * write other than OSP_OK ends it.
 */
osp_status cli_page_write_data(osp_report *report, osp_write_fn write,
							   void *ctx) OSP_MUST_CHECK;

/*
 * Hands over the page of a report in pieces, as one HTML file that needs no
 * other file and no network. A result of write other than OSP_OK ends it.
 */
osp_status cli_page_write(osp_report *report, osp_write_fn write,
						  void *ctx) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_PAGE_H */
