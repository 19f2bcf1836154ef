/* SPDX-License-Identifier: Apache-2.0
 *
 * comment.c
 *	  Signed contexts in the comments of SQL statements (sqlcommenter).
 *
 * Nearly every statement has no such comment, and is let go after a look at its
 * first and last bytes. A statement that runs and ends with the two bytes that
 * close a comment ends with a comment, for a literal would end with a quote;
 * unless all that is in a line comment. So the statement is read from its start
 * only if there are two dashes before the context that could begin one.
 */
#include "osprofiler/context.h"

#include "base/hex.h"
#include "context/sql_scan.h"

#define OPEN_INFO  "/*trace_hmac='"
#define INFO_VALUE "',trace_info='"
#define CLOSE_INFO "'*/"

/* What stands between the quotes, as it is in the statement. */
typedef struct comment_values
{
	bool want_traceparent; /* else a signed context is looked for */
	osp_str info;
	osp_str hmac;
	osp_str traceparent;
} comment_values;

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && osp__sql_is_space(*p))
		p++;
	return p;
}

/* The end of the text without white space and semicolons. */
static const char *
trim_end(const char *begin, const char *end)
{
	while (end > begin && (osp__sql_is_space(end[-1]) || end[-1] == ';'))
		end--;
	return end;
}

static bool
opens_block(const char *p, const char *end)
{
	return end - p >= 2 && p[0] == '/' && p[1] == '*';
}

static bool
closes_block(const char *begin, const char *end)
{
	/* The shortest comment has four bytes. */
	return end - begin >= 4 && end[-1] == '/' && end[-2] == '*';
}

/*
 * Decodes a value into space, which takes one byte more than the limit max, so
 * that what is too long shows as such.
 */
static osp_str
decode_value(osp_str value, char *space, size_t max)
{
	const char *p = value.ptr;
	const char *end = p + value.len;
	size_t len = 0;

	if (memchr(p, '%', value.len) == NULL && memchr(p, '\\', value.len) == NULL)
	{
		len = value.len <= max ? value.len : max + 1;
		memcpy(space, p, len);
		return osp_str_n(space, len);
	}
	while (p < end && len <= max)
	{
		int byte = osp__percent_byte(p, end);

		if (byte >= 0)
		{
			space[len++] = (char) byte;
			p += 3;
			continue;
		}
		if (*p == '\\' && end - p > 1)
			p++;
		space[len++] = *p++;
	}
	return osp_str_n(space, len);
}

static bool
is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' ||
		   c == '%';
}

/* The quote that ends the value at p, a backslash hides one; NULL: none. */
static const char *
find_value_end(const char *p, const char *end)
{
	const char *quote = memchr(p, '\'', (size_t) (end - p));

	if (quote == NULL || memchr(p, '\\', (size_t) (quote - p)) == NULL)
		return quote;
	while (p < end && *p != '\'')
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	return p < end ? p : NULL;
}

/*
 * Reads one key='value' at p; NULL if there is none, else where it ends. Keys
 * that are not ours are passed over.
 */
static const char *
read_pair(const char *p, const char *end, comment_values *values)
{
	osp_str key;
	osp_str value;
	const char *value_end;

	key.ptr = p;
	while (p < end && is_key_char(*p))
		p++;
	key.len = (size_t) (p - key.ptr);
	p = skip_space(p, end);
	if (key.len == 0 || p == end || *p != '=')
		return NULL;
	p = skip_space(p + 1, end);
	if (p == end || *p != '\'')
		return NULL;
	value_end = find_value_end(++p, end);
	if (value_end == NULL)
		return NULL;
	value = osp_str_n(p, (size_t) (value_end - p));
	if (osp_str_eq(key, OSP_STR("trace_info")))
		values->info = value;
	else if (osp_str_eq(key, OSP_STR("trace_hmac")))
		values->hmac = value;
	else if (osp_str_eq(key, OSP_STR("traceparent")))
		values->traceparent = value;
	return value_end + 1;
}

static bool
has_what_is_wanted(const comment_values *values)
{
	return values->want_traceparent
			   ? values->traceparent.len > 0
			   : values->info.len > 0 || values->hmac.len > 0;
}

/* Is this the inside of a comment that holds a context? It is then in *values. */
static bool
read_comment(const char *p, const char *end, comment_values *values)
{
	values->info = OSP_STR("");
	values->hmac = OSP_STR("");
	values->traceparent = OSP_STR("");
	for (;;)
	{
		p = read_pair(skip_space(p, end), end, values);
		if (p == NULL)
			return false;
		p = skip_space(p, end);
		if (p == end)
			return has_what_is_wanted(values);
		if (*p++ != ',')
			return false;
	}
}

/* Could a line comment hide the block comment from start to end? */
static bool
has_dashes(const char *begin, const char *start, const char *end)
{
	const char *p = memrchr(begin, '\n', (size_t) (start - begin));

	if (p == NULL)
		p = begin;
	while ((p = memchr(p, '-', (size_t) (end - p))) != NULL)
	{
		p++;
		if (p < end && *p == '-')
			return true;
	}
	return false;
}

static bool
find_at_end(osp_str statement, const char *end, comment_values *values)
{
	const char *begin = statement.ptr;

	while (closes_block(begin, end))
	{
		const char *start = osp__sql_block_start(begin, end);

		if (start == NULL)
			return false;
		if (read_comment(start + 2, end - 2, values))
			return !has_dashes(begin, start, end) ||
				   osp__sql_is_token(begin, start, end);
		end = trim_end(begin, start);
	}
	return false;
}

/* The last context among the comments before the statement. */
static bool
find_at_start(const char *p, const char *end, comment_values *values)
{
	comment_values read;
	bool found = false;

	read.want_traceparent = values->want_traceparent;
	for (;;)
	{
		while (p < end && (osp__sql_is_space(*p) || *p == ';'))
			p++;
		if (opens_block(p, end))
		{
			const char *next = osp__sql_skip_block(p, end);

			if (next == NULL)
				return found;
			if (read_comment(p + 2, next - 2, &read))
			{
				*values = read;
				found = true;
			}
			p = next;
		}
		else if (end - p >= 2 && p[0] == '-' && p[1] == '-')
			p = osp__sql_skip_line(p, end);
		else
			return found;
	}
}

static void
decode_values(const comment_values *values, char *out, osp_str *trace_info,
			  osp_str *trace_hmac)
{
	*trace_info = decode_value(values->info, out, OSP_TRACE_INFO_MAX);
	*trace_hmac = decode_value(
		values->hmac, out + OSP_TRACE_INFO_MAX + 1, OSP_TRACE_HMAC_MAX);
}

/* Apart, so that what has no comment does not pay for this one's registers. */
static __attribute__((noinline)) bool
find_context(osp_str statement, const char *first, const char *last, char *out,
			 osp_str *trace_info, osp_str *trace_hmac)
{
	comment_values values;

	values.want_traceparent = false;
	if (!find_at_end(statement, last, &values) &&
		!find_at_start(first, last, &values))
		return false;
	decode_values(&values, out, trace_info, trace_hmac);
	return true;
}

/* Cuts what is round the statement; false: it neither begins nor ends as one
 * with a comment does. */
static inline bool
may_have_comment(osp_str statement, const char **first, const char **last)
{
	*last = trim_end(statement.ptr, statement.ptr + statement.len);
	*first = skip_space(statement.ptr, *last);
	return *first != *last &&
		   OSP_UNLIKELY(**first == '/' || **first == '-' || **first == ';' ||
						(*last)[-1] == '/');
}

bool
osp_comment_context(osp_str statement, char out[OSP_COMMENT_SPACE],
					osp_str *trace_info, osp_str *trace_hmac)
{
	const char *first;
	const char *last;

	*trace_info = OSP_STR("");
	*trace_hmac = OSP_STR("");
	if (!may_have_comment(statement, &first, &last))
		return false;
	return find_context(statement, first, last, out, trace_info, trace_hmac);
}

/* Reads a text that is nothing but a comment, with its marks or without. */
static bool
read_whole(osp_str text, comment_values *values)
{
	const char *end = trim_end(text.ptr, text.ptr + text.len);
	const char *begin = skip_space(text.ptr, end);

	if (opens_block(begin, end) && closes_block(begin, end))
	{
		begin += 2;
		end -= 2;
	}
	return read_comment(begin, end, values);
}

bool
osp_comment_pairs(osp_str text, char out[OSP_COMMENT_SPACE],
				  osp_str *trace_info, osp_str *trace_hmac)
{
	comment_values values;

	*trace_info = OSP_STR("");
	*trace_hmac = OSP_STR("");
	values.want_traceparent = false;
	if (!read_whole(text, &values))
		return false;
	decode_values(&values, out, trace_info, trace_hmac);
	return true;
}

bool
osp_comment_traceparent(osp_str text, bool whole,
						char out[OSP_TRACEPARENT_SPACE], osp_str *traceparent)
{
	comment_values values;
	const char *first;
	const char *last;

	*traceparent = OSP_STR("");
	values.want_traceparent = true;
	if (whole)
	{
		if (!read_whole(text, &values))
			return false;
	}
	else if (!may_have_comment(text, &first, &last) ||
			 (!find_at_end(text, last, &values) &&
			  !find_at_start(first, last, &values)))
		return false;
	*traceparent = decode_value(values.traceparent, out, OSP_TRACEPARENT_MAX);
	return true;
}

/*
 * Both values are made of characters that need no percent-encoding; "=" is
 * allowed in a value too, and a percent sign would be taken for a placeholder by
 * clients that format statements.
 */
size_t
osp_comment_write(const osp_headers *headers, char *out, size_t size)
{
	size_t len = sizeof(OPEN_INFO INFO_VALUE CLOSE_INFO) - 1 +
				 OSP_HMAC_HEX_LEN + headers->info_len;
	char *p = out;

	if (size <= len)
		return 0;
	p = mempcpy(p, OPEN_INFO, sizeof(OPEN_INFO) - 1);
	p = mempcpy(p, headers->trace_hmac, OSP_HMAC_HEX_LEN);
	p = mempcpy(p, INFO_VALUE, sizeof(INFO_VALUE) - 1);
	p = mempcpy(p, headers->trace_info, headers->info_len);
	p = mempcpy(p, CLOSE_INFO, sizeof(CLOSE_INFO) - 1);
	*p = '\0';
	return len;
}
