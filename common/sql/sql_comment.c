/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_comment.c
 *	  Contexts in the comments of SQL statements (sqlcommenter).
 *
 * A signed context grants access, so its comment is read strictly. A
 * traceparent grants nothing, and many programs write it in many ways: in a
 * comment that is not a list of key='value' pairs, it is searched for by its
 * name.
 */
#include "sql/sql_text.h"

#include <strings.h>

static const osp_sql_context nothing = {{"", 0}, {"", 0}, {"", 0}, false};

bool
osp_sql_tail_has_comment(const char *begin, const char *end)
{
	const char *p = end - begin > OSP_SQL_TAIL ? end - OSP_SQL_TAIL : begin;

	while ((p = memchr(p, '/', (size_t) (end - p))) != NULL)
		if (end - ++p > 0 && *p == '*')
			return true;
	return false;
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && osp_sql_is_space(*p))
		p++;
	return p;
}

static bool
is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' ||
		   c == '%';
}

/* Finds the quote that ends the value at p; a backslash escapes a quote. NULL: there is
 * none. */
static const char *
find_value_end(const char *p, const char *end)
{
	for (; p < end && *p != '\''; p++)
		if (*p == '\\' && end - p > 1)
			p++;
	return p < end ? p : NULL;
}

/* Reads one key='value' at p, and returns its end; NULL if there is none. */
static const char *
read_pair(const char *p, const char *end, osp_sql_context *context)
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
		context->info = value;
	else if (osp_str_eq(key, OSP_STR("trace_hmac")))
		context->hmac = value;
	else if (osp_str_eq(key, OSP_STR("traceparent")))
		context->traceparent = value;
	return value_end + 1;
}

/* Reads a list of key='value'; false if the text is not one. */
static bool
read_pairs(const char *p, const char *end, osp_sql_context *context)
{
	for (;;)
	{
		p = read_pair(skip_space(p, end), end, context);
		if (p == NULL)
			return false;
		p = skip_space(p, end);
		if (p == end)
			return true;
		if (*p++ != ',')
			return false;
	}
}

/* Skips the closing quote of a key at p, white space, and "=" or ":". NULL: no value
 * follows the key. */
static const char *
skip_assignment(const char *p, const char *end)
{
	if (p < end && (*p == '"' || *p == '\''))
		p++;
	p = skip_space(p, end);
	if (p == end || (*p != '=' && *p != ':'))
		return NULL;
	return skip_space(p + 1, end);
}

/*
 * Finds the key in a text of any form, and returns the beginning of its value, or NULL.
 * The key may be in quotes, but must not be the end of a longer one.
 */
static const char *
find_key(const char *p, const char *end, osp_str key)
{
	const char *begin = p;

	while ((p = memmem(p, (size_t) (end - p), key.ptr, key.len)) != NULL)
	{
		const char *value = skip_assignment(p + key.len, end);

		if (value != NULL && (p == begin || !is_key_char(p[-1])))
			return value;
		p += key.len;
	}
	return NULL;
}

/* Reads the value at p, in quotes of either kind or without. */
static osp_str
read_loose_value(const char *p, const char *end)
{
	char quote = p < end && (*p == '\'' || *p == '"') ? *p++ : '\0';
	const char *begin = p;

	while (p < end && *p != '\'' && *p != '"' &&
		   (quote != '\0' || (*p != ',' && *p != ';' && *p != '*' &&
							  *p != '}' && !osp_sql_is_space(*p))))
		p++;
	return osp_str_n(begin, (size_t) (p - begin));
}

/* Reads the inside of a comment. False: it holds no context. */
static bool
read_inside(const char *p, const char *end, osp_sql_context *context)
{
	const char *value;

	*context = nothing;
	if (memmem(p, (size_t) (end - p), "trace", 5) == NULL)
		return false;
	if (read_pairs(p, end, context))
		return context->info.len > 0 || context->hmac.len > 0 ||
			   context->traceparent.len > 0;
	*context = nothing;
	context->malformed = find_key(p, end, OSP_STR("trace_info")) != NULL ||
						 find_key(p, end, OSP_STR("trace_hmac")) != NULL;
	value = find_key(p, end, OSP_STR("traceparent"));
	if (value != NULL)
		context->traceparent = read_loose_value(value, end);
	return context->malformed || context->traceparent.len > 0;
}

/* Merges two results; the one that was found later has precedence. */
static void
merge(osp_sql_context *into, const osp_sql_context *found)
{
	bool is_signed = found->info.len > 0 || found->hmac.len > 0;

	if (is_signed)
	{
		into->info = found->info;
		into->hmac = found->hmac;
	}
	if (found->traceparent.len > 0)
		into->traceparent = found->traceparent;
	if (is_signed || into->info.len > 0 || into->hmac.len > 0)
		into->malformed = false;
	else
		into->malformed |= found->malformed;
}

static bool
is_block(const osp_sql_token *token)
{
	return token->kind == OSP_SQL_COMMENT && !token->open &&
		   token->text.ptr[0] == '/';
}

bool
osp_sql_comment_find(osp_str text, osp_sql_dialect dialect,
					 osp_sql_context *out)
{
	osp_sql_context before = nothing;
	osp_sql_context behind = nothing;
	osp_sql_context *where = &before;
	osp_sql_context found;
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
	{
		if (is_block(&token))
		{
			const char *p = token.text.ptr;

			if (read_inside(p + 2, p + token.text.len - 2, &found))
				merge(where, &found);
		}
		else if (token.kind != OSP_SQL_COMMENT && token.kind != OSP_SQL_SPACE &&
				 token.kind != OSP_SQL_SEMICOLON)
		{
			behind = nothing;
			where = &behind;
		}
	}
	*out = before;
	merge(out, &behind);
	return out->info.len > 0 || out->hmac.len > 0 || out->traceparent.len > 0 ||
		   out->malformed;
}

bool
osp_sql_comment_whole(osp_str text, osp_sql_context *out)
{
	const char *begin = text.ptr;
	const char *end = begin + text.len;

	while (end > begin && (osp_sql_is_space(end[-1]) || end[-1] == ';'))
		end--;
	begin = skip_space(begin, end);
	if (end - begin >= 4 && memcmp(begin, "/*", 2) == 0 &&
		memcmp(end - 2, "*/", 2) == 0)
	{
		begin += 2;
		end -= 2;
	}
	if (memmem(begin, (size_t) (end - begin), "/*", 2) != NULL)
	{
		*out = nothing;
		return false;
	}
	return read_inside(begin, end, out);
}

static bool
is_to_be_cut(const osp_sql_token *token, bool traceparents)
{
	return token->kind == OSP_SQL_COMMENT &&
		   (osp_sql_holds(token->text, "trace_hmac") ||
			osp_sql_holds(token->text, "trace_info") ||
			(traceparents && osp_sql_holds(token->text, "traceparent")));
}

static bool
is_filler(const osp_sql_token *token)
{
	return token->kind == OSP_SQL_SPACE || token->kind == OSP_SQL_SEMICOLON;
}

osp_str
osp_sql_comment_trim(osp_str text, osp_sql_dialect dialect, bool traceparents,
					 bool *inside)
{
	const char *begin = text.ptr;
	const char *end = NULL; /* end of the result, if no other token follows */
	bool begun = false;
	osp_sql_lexer lexer;
	osp_sql_token token;

	*inside = false;
	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
	{
		if (is_to_be_cut(&token, traceparents))
		{
			if (!begun)
				begin = lexer.pos;
			else if (end == NULL)
				end = token.text.ptr;
		}
		else if (!is_filler(&token))
		{
			*inside |= end != NULL;
			end = NULL;
			begun = true;
		}
	}
	if (end == NULL)
		end = lexer.end;
	while (end > begin && osp_sql_is_space(end[-1]))
		end--;
	while (begin < end && osp_sql_is_space(*begin))
		begin++;
	return osp_str_n(begin, (size_t) (end - begin));
}

/* Copies the text without its contexts. Where one was cut, a single space separates its
 * neighbours. */
size_t
osp_sql_comment_cut(osp_str text, osp_sql_dialect dialect, bool traceparents,
					char *out)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	bool was_cut = false;
	size_t len = 0;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
	{
		bool after_space = len == 0 || osp_sql_is_space(out[len - 1]);

		if (is_to_be_cut(&token, traceparents))
		{
			was_cut = true;
			continue;
		}
		if (was_cut && after_space && token.kind == OSP_SQL_SPACE)
			continue;
		if (was_cut && !after_space && token.kind != OSP_SQL_SPACE)
			out[len++] = ' ';
		was_cut = false;
		memmove(out + len, token.text.ptr, token.text.len);
		len += token.text.len;
	}
	while (was_cut && len > 0 && osp_sql_is_space(out[len - 1]))
		len--;
	return len;
}
