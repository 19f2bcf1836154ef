/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_scan.c
 *	  Where comments begin and end in SQL text.
 */
#include "context/sql_scan.h"

/* May c be inside a name, so that a dollar or quote behind it belongs to it? */
static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || (unsigned char) c >= 0x80;
}

/*
 * What opens and what closes a comment have a slash, so that is what is searched
 * for. A star belongs to one of them only: one before done, or at done behind
 * it, is taken.
 */
const char *
osp__sql_skip_block(const char *p, const char *end)
{
	const char *done = p;
	unsigned depth = 0;

	while ((p = memchr(p, '/', (size_t) (end - p))) != NULL)
	{
		if (p > done && p[-1] == '*')
		{
			done = ++p;
			if (--depth == 0)
				return p;
		}
		else if (end - p >= 2 && p[1] == '*')
		{
			done = p += 2;
			depth++;
		}
		else
			p++;
	}
	return NULL;
}

const char *
osp__sql_skip_line(const char *p, const char *end)
{
	while (p < end && *p != '\n' && *p != '\r')
		p++;
	return p;
}

const char *
osp__sql_block_start(const char *begin, const char *end)
{
	const char *done = end - 2;
	const char *p = done;
	unsigned depth = 1;

	while ((p = memrchr(begin, '/', (size_t) (p - begin))) != NULL)
	{
		if (done - p >= 2 && p[1] == '*')
		{
			done = p;
			if (--depth == 0)
				return p;
		}
		else if (p > begin && p[-1] == '*')
		{
			done = --p;
			depth++;
		}
	}
	return NULL;
}

/* The end of a quoted text that opens at p; end if it is not closed. */
static const char *
skip_quoted(const char *p, const char *end, bool backslash)
{
	char quote = *p++;

	for (; p < end; p++)
	{
		if (*p == quote)
			return p + 1; /* a doubled one opens the rest again */
		if (*p == '\\' && backslash && end - p > 1)
			p++;
	}
	return end;
}

/* The end of a dollar-quoted text that opens at p; p + 1 if none does. */
static const char *
skip_dollar_quoted(const char *p, const char *end)
{
	const char *tag_end = p + 1;
	size_t len;
	const char *close;

	if (tag_end < end && *tag_end >= '0' && *tag_end <= '9')
		return p + 1; /* a parameter */
	while (tag_end < end && is_name_char(*tag_end))
		tag_end++;
	if (tag_end == end || *tag_end != '$')
		return p + 1;
	len = (size_t) (tag_end + 1 - p);
	close = memmem(tag_end + 1, (size_t) (end - tag_end - 1), p, len);
	return close != NULL ? close + len : end;
}

/* Is the quote at p the one of E'...', where a backslash escapes? */
static bool
is_escape_string(const char *begin, const char *p)
{
	return p > begin && (p[-1] == 'e' || p[-1] == 'E') &&
		   (p - begin == 1 || !is_name_char(p[-2]));
}

bool
osp__sql_is_token(const char *begin, const char *place, const char *end)
{
	const char *p = begin;

	while (p < place)
	{
		if (*p == '\'')
			p = skip_quoted(p, end, is_escape_string(begin, p));
		else if (*p == '"' || *p == '`')
			p = skip_quoted(p, end, false);
		else if (*p == '$' && (p == begin || !is_name_char(p[-1])))
			p = skip_dollar_quoted(p, end);
		else if (end - p >= 2 && p[0] == '-' && p[1] == '-')
			p = osp__sql_skip_line(p, end);
		else if (end - p >= 2 && p[0] == '/' && p[1] == '*')
		{
			p = osp__sql_skip_block(p, end);
			if (p == NULL)
				return false;
		}
		else
			p++;
	}
	return p == place;
}
