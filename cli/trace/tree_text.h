/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_text.h
 *	  The text of `osprofiler trace show`: the tree, and the causes below it.
 */
#ifndef OSPROFILER_CLI_TREE_TEXT_H
#define OSPROFILER_CLI_TREE_TEXT_H

#include "osprofiler/report.h"
#include "out.h"

/* Appends the text. OSP_ENOMEM, OSP_EFULL. */
osp_status cli_tree_text(osp_report *report, const osp_draw_options *drawing,
						 osp_buf *text) OSP_MUST_CHECK;

/* Writes the text. OSP_EIO: out has the error. */
osp_status cli_tree_write(osp_report *report, const osp_draw_options *drawing,
						  cli_out *out) OSP_MUST_CHECK;

/* The longest tree. Nobody would read a longer one; --json has no limit. */
#define CLI_TREE_MAX ((size_t) 1024 * 1024 * 1024)

#endif /* OSPROFILER_CLI_TREE_TEXT_H */
