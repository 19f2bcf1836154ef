/* SPDX-License-Identifier: Apache-2.0
 *
 * control_text.c
 *	  Text from outside on its way to a terminal.
 */
#include "control_text.h"

/*
 * Is there a control character at text[at]? A C1 control is two bytes in UTF-8,
 * 0xC2 and 0x80..0x9F; only its second byte counts as one here.
 */
static bool
is_control(osp_str text, size_t at)
{
	unsigned char c = (unsigned char) text.ptr[at];

	if (c < 0x20 || c == 0x7f)
		return true;
	return c >= 0x80 && c < 0xa0 && at > 0 &&
		   (unsigned char) text.ptr[at - 1] == 0xc2;
}

void
cli_add_visible(osp_buf *buf, osp_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		if (!is_control(text, i))
		{
			osp_buf_add_char(buf, text.ptr[i]);
			continue;
		}

		/* The 0xC2 before a C1 control is already in the buffer, and is taken back. */
		if ((unsigned char) text.ptr[i] >= 0x80 && buf->len > 0)
			buf->len--;
		osp_buf_addf(buf, "\\x%02x", (unsigned char) text.ptr[i]);
	}
}
