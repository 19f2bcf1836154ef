/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h
 *	  The page that shows a trace in a browser.
 */
#ifndef OSPROFILER_CLI_PAGE_H
#define OSPROFILER_CLI_PAGE_H

#include "osprofiler/report.h"

/* Hands over the page of a report, in pieces: one HTML file that needs no other
 * file and no network. What write returns other than OSP_OK ends it. */
osp_status cli_page_write(osp_report *report, osp_write_fn write,
						  void *ctx) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_PAGE_H */
