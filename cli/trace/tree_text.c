/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_text.c
 *	  The text of `osprofiler trace show`: the tree, and the causes below it.
 */
#include "trace/tree_text.h"
#include "noted/outside_note.h"
#include "report/terminal_text.h"
#include "trace/missing_server.h"

#define OUTSIDE_MAX 4096

/* Adds the note of `osprofiler run` on this host about the time outside the trace. */
static void
add_outside(const osp_report *report, bool unicode, osp_buf *text)
{
	osp_config config;
	osp_buf outside;

	if (osp_config_load(&config, &osp_allocator_default, NULL, NULL) != OSP_OK)
		return;
	osp_buf_init(&outside, &osp_allocator_default, OUTSIDE_MAX);
	if (cli_outside_read(&config, osp_report_base_id(report), &outside))
	{
		osp_buf_add_str(text, OSP_STR("Outside of the trace: "));
		(void) osp__terminal_text(text, osp_buf_str(&outside), unicode, 0);
		osp_buf_add_str(text, OSP_STR(".\n"));
	}
	osp_buf_term(&outside);
	osp_config_term(&config);
}

/* The causes are found first, since the head of the tree says how the time divides. */
osp_status
cli_tree_text(osp_report *report, const osp_draw_options *drawing,
			  osp_buf *text)
{
	osp_status status;
	osp_buf findings;
	size_t count;

	osp_buf_init(&findings, &osp_allocator_default, CLI_TREE_MAX);
	status = osp_report_explain(report, drawing, &findings, &count);
	if (status == OSP_OK)
		status = osp_report_draw(report, drawing, text);
	if (status == OSP_OK)
		status = cli_add_missing_server(report, text);
	if (status == OSP_OK)
		add_outside(report, drawing->unicode, text);
	if (status == OSP_OK && findings.len > 0)
	{
		osp_buf_add_char(text, '\n');
		osp_buf_add_str(text, osp_buf_str(&findings));
	}
	osp_buf_term(&findings);
	return status == OSP_OK ? osp_buf_status(text) : status;
}

osp_status
cli_tree_write(osp_report *report, const osp_draw_options *drawing,
			   cli_out *out)
{
	osp_status status;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, CLI_TREE_MAX);
	status = cli_tree_text(report, drawing, &text);
	if (status == OSP_OK)
		status = cli_out_write(out, osp_buf_str(&text));
	osp_buf_term(&text);
	return status;
}
