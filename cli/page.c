/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c
 *	  The pages for a browser that are part of the program.
 *
 * html/join.sh makes three files of what is in html/ for each: all that stands before
 * the data, all behind it, and the policy. html/page_embed.S takes them into the
 * program.
 */
#include "page.h"

#define EMBEDDED(name)        \
	extern const char name[]; \
	extern const uint32_t name##_size

#define BYTES_OF(name) osp_str_n(name, name##_size)

EMBEDDED(cli_page_head);
EMBEDDED(cli_page_tail);
EMBEDDED(cli_page_policy);
EMBEDDED(cli_list_head);
EMBEDDED(cli_list_tail);
EMBEDDED(cli_list_policy);

cli_page
cli_trace_page(void)
{
	cli_page page = {BYTES_OF(cli_page_head),
					 BYTES_OF(cli_page_tail),
					 BYTES_OF(cli_page_policy)};

	return page;
}

cli_page
cli_list_page(void)
{
	cli_page page = {BYTES_OF(cli_list_head),
					 BYTES_OF(cli_list_tail),
					 BYTES_OF(cli_list_policy)};

	return page;
}

osp_status
cli_page_write(osp_report *report, osp_write_fn write, void *ctx)
{
	cli_page page = cli_trace_page();
	osp_status status = write(ctx, page.head);

	if (status == OSP_OK)
		status = osp_report_page_write(report, write, ctx);
	if (status == OSP_OK)
		status = write(ctx, page.tail);
	return status;
}
