/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_text.c
 *	  The text of a statement: its part of the query string, the comments round
 *	  it, its form in UTF-8.
 *
 * PostgreSQL converts between encodings with functions from the catalog, which
 * take locks and raise errors. So a text that is not UTF-8 is converted by iconv
 * here; what has no equivalent becomes a question mark.
 */
#include "pgosp.h"

#include <errno.h>
#include <iconv.h>

#include "mb/pg_wchar.h"

/* A record may take a quarter of the ring; text gets half of that. */
#define RING_SHARE 8

size_t
pgosp_text_limit(void)
{
	size_t share = (size_t) pgosp_ring_size_kb * 1024 / RING_SHARE;

	return Min((size_t) pgosp_max_statement_length, share);
}

static osp_str
trim(const char *begin, const char *end)
{
	while (begin < end && pgosp_is_space(*begin))
		begin++;
	while (end > begin && pgosp_is_space(end[-1]))
		end--;
	return osp_str_n(begin, (size_t) (end - begin));
}

osp_str
pgosp_text_of_statement(const char *string, int location, int length)
{
	const char *begin = string + Max(location, 0);
	const char *end = length > 0 ? begin + length : begin + strlen(begin);
	osp_str text = trim(begin, end);

	/* The semicolon is no part of it, whether the parser has seen it or not. */
	while (text.len > 0 && text.ptr[text.len - 1] == ';')
		text = trim(text.ptr, text.ptr + text.len - 1);
	return text;
}

/* Behind the comment that begins at p, nested ones included. */
static const char *
skip_block_comment(const char *p)
{
	int depth = 0;

	do
	{
		if (p[0] == '/' && p[1] == '*')
		{
			depth++;
			p += 2;
		}
		else if (p[0] == '*' && p[1] == '/')
		{
			depth--;
			p += 2;
		}
		else if (*p != '\0')
			p++;
	}
	while (depth > 0 && *p != '\0');
	return p;
}

/* Behind what is no statement: white space, semicolons, comments. */
static const char *
skip_between(const char *p)
{
	for (;;)
	{
		if (pgosp_is_space(*p) || *p == ';')
			p++;
		else if (p[0] == '/' && p[1] == '*')
			p = skip_block_comment(p);
		else if (p[0] == '-' && p[1] == '-')
			p += strcspn(p, "\r\n");
		else
			return p;
	}
}

/* Back over white space and block comments before p. */
static const char *
skip_comments_back(const char *string, const char *p)
{
	for (;;)
	{
		const char *q = p;

		while (q > string && pgosp_is_space(q[-1]))
			q--;
		if (q - string < 4 || q[-1] != '/' || q[-2] != '*')
			return p;
		for (q -= 3; q > string && (q[-1] != '/' || q[0] != '*'); q--)
			;
		if (q == string)
			return p;
		p = q - 1;
	}
}

osp_str
pgosp_text_region(const char *string, int location, int length)
{
	const char *begin = string + Max(location, 0);
	const char *end = begin + strlen(begin);

	if (length > 0 && length < end - begin)
	{
		/* What follows the last statement is its own, else the next one's. */
		const char *next = skip_between(begin + length);

		if (*next != '\0')
			end = begin + length;
	}
	if (PGOSP_LOCATION_SKIPS_COMMENTS)
		begin = skip_comments_back(string, begin);
	return trim(begin, end);
}

static bool
holds_context(const char *begin, const char *end)
{
	static const char hmac[] = "trace_hmac";
	static const char traceparent[] = "traceparent";
	size_t len = (size_t) (end - begin);

	return memmem(begin, len, hmac, sizeof(hmac) - 1) != NULL ||
		   (pgosp_accept_traceparent &&
			memmem(begin, len, traceparent, sizeof(traceparent) - 1) != NULL);
}

/* The signature is a credential: with it anybody could add to the trace. And a
 * traceparent makes a text of its own of each execution. */
osp_str
pgosp_text_without_context(osp_str text)
{
	const char *begin = text.ptr;
	const char *end = text.ptr + text.len;

	if (likely(text.len < 4 || (begin[0] != '/' && end[-1] != '/')))
		return text;
	while (end - begin >= 4 && begin[0] == '/' && begin[1] == '*')
	{
		const char *stop =
			memmem(begin + 2, (size_t) (end - begin - 2), "*/", 2);

		if (stop == NULL || !holds_context(begin, stop))
			break;
		begin = trim(stop + 2, end).ptr;
	}
	while (end - begin >= 4 && end[-1] == '/' && end[-2] == '*')
	{
		const char *start = end - 3;

		while (start > begin && (start[-1] != '/' || start[0] != '*'))
			start--;
		if (start == begin || !holds_context(start, end))
			break;
		text = trim(begin, start - 1);
		end = text.ptr + text.len;
	}
	return trim(begin, end);
}

/* The session's converter; (iconv_t) -1 if iconv does not know the encoding. */
static iconv_t
converter(void)
{
	static iconv_t handle = (iconv_t) -1;
	static bool tried = false;

	if (!tried)
	{
		const char *name = pgosp_iconv_name(GetDatabaseEncoding());

		tried = true;
		if (name != NULL)
			handle = iconv_open("UTF-8", name);
	}
	return handle;
}

/* Converts as much as fits into size bytes at out; returns the length. */
static size_t
convert(iconv_t handle, osp_str text, char *out, size_t size)
{
	char *from = unconstify(char *, text.ptr);
	size_t left = text.len;
	char *to = out;
	size_t room = size;

	(void) iconv(handle, NULL, NULL, NULL, NULL);
	while (left > 0 && iconv(handle, &from, &left, &to, &room) == (size_t) -1)
	{
		if (errno == E2BIG || room == 0)
			break;
		/* EILSEQ, or EINVAL at the end of a text that was cut. */
		*to++ = '?';
		room--;
		from++;
		left--;
	}
	return (size_t) (to - out);
}

/* A buffer that grows to what was asked for; NULL if there is no memory. */
static char *
conversion_space(size_t size)
{
	static char *space = NULL;
	static size_t have = 0;

	if (size > have)
	{
		char *grown = osp_realloc(&osp_allocator_default, space, size);

		if (grown == NULL)
			return NULL;
		space = grown;
		have = size;
	}
	return space;
}

osp_str
pgosp_text_utf8(osp_str text, size_t max)
{
	int encoding = GetDatabaseEncoding();
	char *space;
	size_t size;

	if (text.len == 0 || encoding == PG_UTF8 || encoding == PG_SQL_ASCII ||
		converter() == (iconv_t) -1)
		return osp_str_n(text.ptr, osp_utf8_prefix(text, max));

	/* No encoding of PostgreSQL's takes more than four bytes for one. */
	size = Min(max, text.len * 4);
	space = conversion_space(size + 1);
	if (space == NULL)
		return osp_str_n(text.ptr, 0);
	return osp_str_n(space, convert(converter(), text, space, size));
}
