/* SPDX-License-Identifier: Apache-2.0
 *
 * shell_text.c
 *	  Words for a command line that somebody will type or copy.
 */
#include "shell_text.h"

static const char harmless[] = "abcdefghijklmnopqrstuvwxyz"
							   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";

void
cli_add_quoted(osp_buf *out, osp_str word)
{
	size_t i = 0;

	while (i < word.len && strchr(harmless, word.ptr[i]) != NULL &&
		   word.ptr[i] != '\0')
		i++;
	if (i == word.len && i > 0)
	{
		osp_buf_add_str(out, word);
		return;
	}
	osp_buf_add_char(out, '\'');
	for (i = 0; i < word.len; i++)
		if (word.ptr[i] == '\'')
			osp_buf_add_str(out, OSP_STR("'\\''"));
		else
			osp_buf_add_char(out, word.ptr[i]);
	osp_buf_add_char(out, '\'');
}

const char *
cli_quoted(osp_buf *text, const char *word)
{
	osp_buf_init(text, &osp_allocator_default, 64 * 1024);
	cli_add_quoted(text, osp_str_of(word));
	return osp_buf_status(text) == OSP_OK ? text->ptr : "''";
}
