/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_kind.c
 *	  What can be seen from the text of a statement.
 */
#include "statement_kind.h"

#include <strings.h>

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where the comment that begins at p ends; NULL: no comment begins there. */
static const char *
skip_comment(const char *p, const char *end)
{
	if (end - p >= 2 && p[0] == '-' && p[1] == '-')
	{
		const char *line = memchr(p, '\n', (size_t) (end - p));

		return line != NULL ? line + 1 : end;
	}
	if (end - p >= 2 && p[0] == '/' && p[1] == '*')
	{
		for (p += 2; end - p >= 2; p++)
		{
			if (p[0] == '*' && p[1] == '/')
				return p + 2;
		}
		return end;
	}
	return NULL;
}

/* Drops what SQLite skips: white space, comments, semicolons. */
static osp_str
skip_filler(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	while (p < end)
	{
		const char *after;

		if (is_space(*p) || *p == ';')
		{
			p++;
			continue;
		}
		after = skip_comment(p, end);
		if (after == NULL)
			break;
		p = after;
	}
	return osp_str_n(p, (size_t) (end - p));
}

static bool
begins_with(osp_str text, osp_str word)
{
	return text.len >= word.len &&
		   strncasecmp(text.ptr, word.ptr, word.len) == 0;
}

bool
osp_sqlite__may_have_context(osp_str text)
{
	const char *end = text.ptr + text.len;

	if (text.len < 4)
		return false;
	if (text.ptr[0] == '/' || is_space(text.ptr[0]) || text.ptr[0] == '-' ||
		text.ptr[0] == ';')
		return true;
	while (end > text.ptr && (is_space(end[-1]) || end[-1] == ';'))
		end--;
	return end - text.ptr >= 2 && end[-1] == '/' && end[-2] == '*';
}

/* What no statement of this kind looks like; every statement comes by here. */
static inline bool
is_not_control(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	if (text.len < 8 || *p == '/' || *p == '-' || *p == ';' || is_space(*p))
		return text.len < 8;
	if ((p[0] | 0x20) != 's' || (p[1] | 0x20) != 'e' || (p[2] | 0x20) != 'l')
		return true;
	for (p += 6; p < end && is_space(*p); p++)
		;
	return p < end && (*p | 0x20) != 'o' && *p != '/' && *p != '-';
}

bool
osp_sqlite__is_control(osp_str text)
{
	if (OSP_LIKELY(is_not_control(text)))
		return false;
	text = skip_filler(text);
	if (!begins_with(text, OSP_STR("select")))
		return false;
	text = skip_filler(osp_str_n(text.ptr + 6, text.len - 6));
	return begins_with(text, OSP_STR("osprofiler_init")) ||
		   begins_with(text, OSP_STR("osprofiler_start")) ||
		   begins_with(text, OSP_STR("osprofiler_stop")) ||
		   begins_with(text, OSP_STR("osprofiler_context"));
}

bool
osp_sqlite__is_vacuum(osp_str text)
{
	return begins_with(skip_filler(text), OSP_STR("vacuum"));
}

bool
osp_sqlite__changes_rows(osp_str text)
{
	text = skip_filler(text);
	return begins_with(text, OSP_STR("insert")) ||
		   begins_with(text, OSP_STR("update")) ||
		   begins_with(text, OSP_STR("delete")) ||
		   begins_with(text, OSP_STR("replace")) ||
		   begins_with(text, OSP_STR("with"));
}
