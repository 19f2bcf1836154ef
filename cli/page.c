/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c
 *	  The page that shows a trace in a browser.
 *
 * html/join.sh makes two files of what is in html/: all that stands before the
 * trace, and all behind it. html/page_embed.S takes them into the program.
 */
#include "page.h"

extern const char cli_page_head[];
extern const char cli_page_tail[];
extern const uint32_t cli_page_head_size;
extern const uint32_t cli_page_tail_size;

osp_status
cli_page_write(osp_report *report, osp_write_fn write, void *ctx)
{
	osp_status status =
		write(ctx, osp_str_n(cli_page_head, cli_page_head_size));

	if (status == OSP_OK)
		status = osp_report_page_write(report, write, ctx);
	if (status == OSP_OK)
		status = write(ctx, osp_str_n(cli_page_tail, cli_page_tail_size));
	return status;
}
