/* SPDX-License-Identifier: Apache-2.0
 *
 * conninfo_text.c
 *	  Connection strings of libpq, as lists of key=value.
 */
#include "server/conninfo_text.h"

void
cli_conninfo_add(osp_buf *out, const char *key, const char *value)
{
	bool quoted;

	if (value == NULL || value[0] == '\0')
		return;
	quoted = value[strcspn(value, " '\\\t")] != '\0';
	osp_buf_addf(
		out, "%s%s=%s", out->len > 0 ? " " : "", key, quoted ? "'" : "");
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			osp_buf_add_char(out, '\\');
		osp_buf_add_char(out, *value);
	}
	if (quoted)
		osp_buf_add_char(out, '\'');
}
