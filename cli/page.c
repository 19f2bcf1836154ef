/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c
 *	  The pages for a browser that are part of the program.
 *
 * For each page html/join.sh makes three files from those in html/: everything
 * before the data, everything after them, and the policy. html/page_embed.S
 * puts them into the program.
 */
#include "page.h"
#include "page_pack.h"

extern const char cli_page_head[];
extern const char cli_page_tail[];
extern const char cli_page_policy[];
extern const char cli_list_head[];
extern const char cli_list_tail[];
extern const char cli_list_policy[];
extern const uint32_t cli_page_head_size;
extern const uint32_t cli_page_tail_size;
extern const uint32_t cli_page_policy_size;
extern const uint32_t cli_list_head_size;
extern const uint32_t cli_list_tail_size;
extern const uint32_t cli_list_policy_size;

cli_page
cli_trace_page(void)
{
	cli_page page = {osp_str_n(cli_page_head, cli_page_head_size),
					 osp_str_n(cli_page_tail, cli_page_tail_size),
					 osp_str_n(cli_page_policy, cli_page_policy_size)};

	return page;
}

cli_page
cli_list_page(void)
{
	cli_page page = {osp_str_n(cli_list_head, cli_list_head_size),
					 osp_str_n(cli_list_tail, cli_list_tail_size),
					 osp_str_n(cli_list_policy, cli_list_policy_size)};

	return page;
}

osp_status
cli_page_write_data(osp_report *report, osp_write_fn write, void *ctx)
{
	cli_packer *packer = cli_packer_new(write, ctx);
	osp_status status = OSP_ENOMEM;

	if (packer != NULL)
		status = osp_report_page_write(report, cli_packer_write, packer);
	if (status == OSP_OK)
		status = cli_packer_end(packer);
	cli_packer_free(packer);
	return status;
}

osp_status
cli_page_write(osp_report *report, osp_write_fn write, void *ctx)
{
	cli_page page = cli_trace_page();
	osp_status status = write(ctx, page.head);

	if (status == OSP_OK)
		status = cli_page_write_data(report, write, ctx);
	if (status == OSP_OK)
		status = write(ctx, page.tail);
	return status;
}
