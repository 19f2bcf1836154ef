/* SPDX-License-Identifier: Apache-2.0
 *
 * redact.c
 *	  Keeps secrets in utility statements out of traces.
 *
 * In statements that may hold a secret every string constant is shown as '***':
 * no list of the places where PostgreSQL's grammar allows a password has to be
 * kept, and none can be forgotten. These are the statements on roles, user
 * mappings, servers, subscriptions and the server's settings, and any other
 * utility statement in whose text one of the words below occurs (a DO block
 * that changes a role; its whole body is one string constant).
 *
 * The text of a statement that did not parse need not be made of tokens at all,
 * and its keywords may be misspelt. It is told only up to its first quote, but
 * for a single query that has none of the words in it.
 */
#include "pgosp.h"

#include "parser/parser.h"

static const char *const words[] = {
	"password", "passwd", "passphrase", "secret", "connection", "hmac_keys"};

static bool
holds_word(osp_str text, const char *word)
{
	size_t len = strlen(word);
	size_t i;

	for (i = 0; i + len <= text.len; i++)
		if (pg_strncasecmp(text.ptr + i, word, len) == 0)
			return true;
	return false;
}

static bool
holds_any_word(osp_str text)
{
	size_t i;

	for (i = 0; i < lengthof(words); i++)
		if (holds_word(text, words[i]))
			return true;
	return false;
}

static bool
is_sensitive(const Node *utility)
{
	switch (nodeTag(utility))
	{
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_AlterRoleSetStmt:
		case T_CreateUserMappingStmt:
		case T_AlterUserMappingStmt:
		case T_CreateForeignServerStmt:
		case T_AlterForeignServerStmt:
		case T_CreateFdwStmt:
		case T_AlterFdwStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
		case T_AlterSystemStmt:
			return true;
		default:
			return false;
	}
}

/* Statements that come often and hold no constants. */
static bool
is_harmless(const Node *utility)
{
	return IsA(utility, TransactionStmt) || IsA(utility, FetchStmt) ||
		   IsA(utility, ClosePortalStmt);
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* Behind the string in quotes that begins at p; escapes: backslashes count. */
static const char *
skip_quoted(const char *p, const char *end, bool escapes)
{
	char quote = *p++;

	for (; p < end; p++)
	{
		if (escapes && *p == '\\' && p + 1 < end)
			p++;
		else if (*p == quote)
		{
			if (p + 1 == end || p[1] != quote)
				return p + 1;
			p++;
		}
	}
	return end;
}

/* Behind the dollar-quoted string that begins at p; p itself if none does. */
static const char *
skip_dollar_quoted(const char *p, const char *end)
{
	const char *tag = p + 1;
	const char *close;
	size_t len;

	while (tag < end && is_word(*tag) && *tag != '$')
		tag++;
	if (tag == end || *tag != '$' || (p[1] >= '0' && p[1] <= '9'))
		return p;
	len = (size_t) (tag + 1 - p);
	close = memmem(p + len, (size_t) (end - p) - len, p, len);
	return close != NULL ? close + len : end;
}

static const char *
skip_comment(const char *p, const char *end)
{
	int depth = 0;

	if (p[0] == '-')
	{
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		return p;
	}
	for (; p + 1 < end; p++)
	{
		if (p[0] == '/' && p[1] == '*')
			depth++, p++;
		else if (p[0] == '*' && p[1] == '/')
		{
			p++;
			if (--depth == 0)
				return p + 1;
		}
	}
	return end;
}

/* Is the constant whose quote is at p one with escapes, as E'...'? */
static bool
has_escapes(const char *begin, const char *p)
{
	if (!standard_conforming_strings)
		return true;
	return p > begin && (p[-1] == 'e' || p[-1] == 'E') &&
		   (p - 1 == begin || !is_word(p[-2]));
}

/* The end of the token at p, and whether it is a string constant. */
static const char *
next_token(const char *begin, const char *p, const char *end, bool *constant)
{
	const char *word = p;

	*constant = false;
	if (p + 1 < end &&
		((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*')))
		return skip_comment(p, end);
	if (*p == '"')
		return skip_quoted(p, end, false);
	if (*p == '\'')
	{
		*constant = true;
		return skip_quoted(p, end, has_escapes(begin, p));
	}
	if (*p == '$')
	{
		const char *behind = skip_dollar_quoted(p, end);

		*constant = behind != p;
		return *constant ? behind : p + 1;
	}
	while (p < end && is_word(*p))
		p++;
	return p > word ? p : p + 1;
}

#define MASK "'***'"

/* The text with its constants masked; at most max bytes go to out. */
static size_t
mask_constants(osp_str text, char *out, size_t max)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;
	size_t len = 0;

	while (p < end)
	{
		bool constant;
		const char *behind = next_token(text.ptr, p, end, &constant);
		osp_str token =
			constant ? OSP_STR(MASK) : osp_str_n(p, (size_t) (behind - p));
		size_t room = Min(token.len, max - len);

		memcpy(out + len, token.ptr, room);
		len += room;
		p = behind;
	}
	return len;
}

/* What a statement that did not parse tells before its first quote. */
static osp_str
before_first_quote(osp_str text)
{
	size_t len = 0;

	while (len < text.len && text.ptr[len] != '\'' && text.ptr[len] != '"' &&
		   text.ptr[len] != '$')
		len++;
	return osp_str_n(text.ptr, len);
}

/* One SELECT, INSERT and so on, and nothing behind it? */
static bool
is_single_query(osp_str text)
{
	static const char *const verbs[] = {"select",
										"insert",
										"update",
										"delete",
										"merge",
										"with",
										"values",
										"table",
										"execute",
										"fetch",
										"explain",
										"("};
	const char *end = text.ptr + text.len;
	const char *p = text.ptr;
	size_t i;

	if (memchr(text.ptr, ';', text.len) != NULL)
		return false;
	while (p < end && (pgosp_is_space(*p) || *p == '/' || *p == '-'))
		p = pgosp_is_space(*p) ? p + 1 : skip_comment(p, end);
	for (i = 0; i < lengthof(verbs); i++)
		if ((size_t) (end - p) >= strlen(verbs[i]) &&
			pg_strncasecmp(p, verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

/*
 * Masked text is at most as long as the constants' quotes allow: '' becomes
 * MASK. So twice the length, and a bit, is enough.
 */
static osp_str
masked(osp_str text)
{
	static char *space = NULL;
	size_t size = text.len * 5 / 2 + sizeof(MASK);
	char *grown = osp_realloc(&osp_allocator_default, space, size);

	if (grown == NULL)
		return before_first_quote(text);
	space = grown;
	return osp_str_n(space, mask_constants(text, space, size));
}

void
pgosp_redact(const Node *utility, osp_str *text)
{
	if (utility == NULL)
	{
		if (!is_single_query(*text) || holds_any_word(*text))
			*text = before_first_quote(*text);
	}
	else if (is_sensitive(utility) ||
			 (!is_harmless(utility) && holds_any_word(*text)))
		*text = masked(*text);
}

/*
 * Beyond its first quote a message may hold what stands between quotes in the
 * text, or a secret without any. Translations have quotes of other kinds, all
 * outside ASCII.
 */
void
pgosp_redact_message(osp_str statement, bool parsed, osp_str *message)
{
	osp_str text = statement;
	size_t len = 0;

	if (!parsed)
		pgosp_redact(NULL, &text);
	if (text.len == statement.len && !holds_any_word(statement))
		return;
	message->len = before_first_quote(*message).len;
	while (len < message->len && !IS_HIGHBIT_SET(message->ptr[len]))
		len++;
	while (len > 0 && pgosp_is_space(message->ptr[len - 1]))
		len--;
	message->len = len;
}
