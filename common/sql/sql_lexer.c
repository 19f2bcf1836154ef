/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_lexer.c
 *	  Splits SQL text into tokens, by the rules of PostgreSQL's and SQLite's own
 *	  lexers.
 *
 * These rules differ between the two, or depend on settings:
 *	- block comments nest in PostgreSQL and do not in SQLite;
 *	- a line comment ends at a newline, in PostgreSQL also at a carriage return;
 *	- a byte-order mark before a token is white space in SQLite;
 *	- PostgreSQL has dollar quotes, strings with a prefix (E, B, X, N, U&) and
 *	  strings that continue behind a newline; SQLite has blobs (X), and names in
 *	  brackets and backquotes;
 *	- a backslash escapes in E'...', and in '...' if standard_conforming_strings
 *	  is off.
 */
#include "sql/sql_text.h"

#include <strings.h>

/* Classes of bytes. */
#define SPACE 1
#define ALPHA 2 /* may begin a word */
#define DIGIT 4
#define WORD  (ALPHA | DIGIT) /* may be inside a word, as may a dollar */

static const unsigned char classes[256] = {
	['\t' ... '\r'] = SPACE,
	[' '] = SPACE,
	['0' ... '9'] = DIGIT,
	['A' ... 'Z'] = ALPHA,
	['a' ... 'z'] = ALPHA,
	['_'] = ALPHA,
	[0x80 ... 0xff] = ALPHA,
};

/* How a string treats backslashes. */
typedef enum escapes
{
	ESCAPES_NONE,
	ESCAPES_BACKSLASH,
	ESCAPES_UNKNOWN
} escapes;

static inline bool
is_class(char c, unsigned char class)
{
	return (classes[(unsigned char) c] & class) != 0;
}

static const char *
skip_class(const char *p, const char *end, unsigned char class)
{
	while (p < end && is_class(*p, class))
		p++;
	return p;
}

static const char *
skip_word(const char *p, const char *end)
{
	while (p < end && (is_class(*p, WORD) || *p == '$'))
		p++;
	return p;
}

void
osp_sql_lexer_init(osp_sql_lexer *lexer, osp_str text, osp_sql_dialect dialect)
{
	lexer->pos = text.ptr;
	lexer->end = text.ptr + text.len;
	lexer->dialect = dialect;
}

static inline bool
is_sqlite(const osp_sql_lexer *lexer)
{
	return lexer->dialect == OSP_SQL_SQLITE;
}

/* Finds the end of the line comment at p: its newline, or the end of the text. Nothing
 * behind that end is read, because many lines may end with a carriage return. */
static const char *
skip_line_comment(const osp_sql_lexer *lexer, const char *p)
{
	while (p < lexer->end && *p != '\n' && (*p != '\r' || is_sqlite(lexer)))
		p++;
	return p;
}

/*
 * Returns the end of the block comment at p. The marks that open and close a
 * comment both have a slash, so slashes are searched for. A star belongs to one
 * mark only: done is the first byte that is not used by a mark.
 */
static const char *
skip_block_comment(const osp_sql_lexer *lexer, const char *p, bool *open)
{
	bool nests = !is_sqlite(lexer);
	const char *done = p + 2;
	unsigned depth = 1;

	p = done;
	while ((p = memchr(p, '/', (size_t) (lexer->end - p))) != NULL)
	{
		if (p > done && p[-1] == '*')
		{
			done = ++p;
			if (--depth == 0)
				return p;
		}
		else if (nests && lexer->end - p >= 2 && p[1] == '*')
		{
			done = p += 2;
			depth++;
		}
		else
			p++;
	}
	*open = true;
	return lexer->end;
}

/* Is there an odd number of backslashes between begin and p? */
static bool
is_escaped(const char *begin, const char *p)
{
	const char *first = p;

	while (first > begin && first[-1] == '\\')
		first--;
	return ((p - first) & 1) != 0;
}

/* Returns the end of the quoted text at p, in which a doubled quote stands for one. */
static const char *
skip_quoted(const char *p, const char *end, escapes how, bool *open)
{
	char quote = *p++;
	const char *part = p;

	while ((p = memchr(p, quote, (size_t) (end - p))) != NULL)
	{
		if (how != ESCAPES_NONE && is_escaped(part, p))
		{
			if (how == ESCAPES_UNKNOWN)
				break;
			part = ++p;
			continue;
		}
		if (end - p < 2 || p[1] != quote)
			return p + 1;
		part = p += 2;
	}
	*open = true;
	return end;
}

/*
 * Finds the quote with which PostgreSQL's string continues after its closing quote
 * before p: behind white space with a newline in it, and line comments. NULL: none.
 */
static const char *
find_continuation(const osp_sql_lexer *lexer, const char *p)
{
	bool newline = false;

	while (p < lexer->end)
	{
		if (*p == '\'')
			return newline ? p : NULL;
		if (*p == '\n' || *p == '\r')
			newline = true;
		if (is_class(*p, SPACE))
			p++;
		else if (lexer->end - p >= 2 && p[0] == '-' && p[1] == '-')
			p = skip_line_comment(lexer, p);
		else
			return NULL;
	}
	return NULL;
}

/* Returns the end of the string whose first quote is at p. */
static const char *
skip_string(const osp_sql_lexer *lexer, const char *p, escapes how, bool *open)
{
	for (;;)
	{
		const char *more;

		p = skip_quoted(p, lexer->end, how, open);
		if (*open || is_sqlite(lexer))
			return p;
		more = find_continuation(lexer, p);
		if (more == NULL)
			return p;
		p = more;
	}
}

/* How a string without a prefix treats backslashes. */
static escapes
plain_escapes(osp_sql_dialect dialect)
{
	switch (dialect)
	{
		case OSP_SQL_POSTGRES_BACKSLASH:
			return ESCAPES_BACKSLASH;
		case OSP_SQL_POSTGRES_ANY:
			return ESCAPES_UNKNOWN;
		case OSP_SQL_POSTGRES:
		case OSP_SQL_SQLITE:
			break;
	}
	return ESCAPES_NONE;
}

/* Returns the end of the dollar-quoted string at p; NULL if none begins there. */
static const char *
skip_dollar_quoted(const osp_sql_lexer *lexer, const char *p, bool *open)
{
	const char *tag = p + 1;
	const char *close;
	size_t len;

	if (tag < lexer->end && is_class(*tag, DIGIT))
		return NULL;
	tag = skip_class(tag, lexer->end, WORD);
	if (tag == lexer->end || *tag != '$')
		return NULL;
	len = (size_t) (tag + 1 - p);
	close = memmem(p + len, (size_t) (lexer->end - p) - len, p, len);
	if (close != NULL)
		return close + len;
	*open = true;
	return lexer->end;
}

/* Is the word one letter that is the prefix of the string behind it, as in E'...'? */
static bool
is_prefix(const osp_sql_lexer *lexer, const char *word)
{
	return lexer->end - word >= 2 && word[1] == '\'' &&
		   strchr(is_sqlite(lexer) ? "xX" : "eEbBxXnN", word[0]) != NULL &&
		   word[0] != '\0';
}

/* Skips digits, which underscores may divide. */
static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && (is_class(*p, DIGIT) ||
					   (*p == '_' && end - p >= 2 && is_class(p[1], DIGIT))))
		p++;
	return p;
}

static const char *
skip_exponent(const char *p, const char *end)
{
	const char *digits = p + 1;

	if (p == end || (*p | 0x20) != 'e')
		return p;
	if (digits < end && (*digits == '+' || *digits == '-'))
		digits++;
	return digits < end && is_class(*digits, DIGIT) ? skip_digits(digits, end)
													: p;
}

/* Is it a number in base 16, 8 or 2? */
static bool
has_base(const char *p, const char *end)
{
	if (end - p < 3 || p[0] != '0')
		return false;
	switch (p[1] | 0x20)
	{
		case 'x':
			return strchr("0123456789abcdefABCDEF_", p[2]) != NULL && p[2] != 0;
		case 'o':
		case 'b':
			return is_class(p[2], DIGIT) || p[2] == '_';
		default:
			return false;
	}
}

/*
 * Returns the end of the number at p. Letters and digits directly behind it belong to
 * it: perhaps it was mistyped. Letters alone are a word, as in "1AS x", which
 * PostgreSQL before release 15 reads so.
 */
static const char *
skip_number(const osp_sql_lexer *lexer, const char *p)
{
	const char *end = lexer->end;
	const char *word;

	if (has_base(p, end))
		return skip_class(p, end, WORD);
	p = skip_digits(p, end);
	if (p < end && *p == '.' && (end - p < 2 || p[1] != '.'))
		p = skip_digits(p + 1, end);
	p = skip_exponent(p, end);
	for (word = p; word < end && is_class(*word, WORD); word++)
		if (is_class(*word, DIGIT) || *word == '_')
			return skip_class(word, end, WORD);
	return p;
}

static void
read_word(osp_sql_lexer *lexer, osp_sql_token *token)
{
	const char *word = lexer->pos;
	const char *p = skip_word(word, lexer->end);
	escapes how = plain_escapes(lexer->dialect);

	token->kind = OSP_SQL_WORD;
	if (p - word == 1 && is_prefix(lexer, word))
	{
		token->kind = OSP_SQL_STRING;
		if ((*word | 0x20) == 'e')
			how = ESCAPES_BACKSLASH;
		else if ((*word | 0x20) != 'n')
			how = ESCAPES_NONE;
		p = skip_string(lexer, p, how, &token->open);
	}
	else if (p - word == 1 && (*word | 0x20) == 'u' && !is_sqlite(lexer) &&
			 lexer->end - p >= 2 && p[0] == '&' &&
			 (p[1] == '\'' || p[1] == '"'))
	{
		token->kind = p[1] == '"' ? OSP_SQL_NAME : OSP_SQL_STRING;
		p = p[1] == '"'
				? skip_quoted(p + 1, lexer->end, ESCAPES_NONE, &token->open)
				: skip_string(lexer, p + 1, how, &token->open);
	}
	lexer->pos = p;
}

static void
read_dollar(osp_sql_lexer *lexer, osp_sql_token *token)
{
	const char *p = lexer->pos;
	const char *behind =
		is_sqlite(lexer) ? NULL : skip_dollar_quoted(lexer, p, &token->open);

	if (behind != NULL)
	{
		token->kind = OSP_SQL_STRING;
		lexer->pos = behind;
		return;
	}
	behind = is_sqlite(lexer) ? skip_word(p + 1, lexer->end)
							  : skip_class(p + 1, lexer->end, DIGIT);
	if (behind > p + 1)
		token->kind = OSP_SQL_PARAM;
	lexer->pos = behind;
}

/* Reads tokens that only SQLite has: names in other quotes, and its parameters. */
static void
read_of_sqlite(osp_sql_lexer *lexer, osp_sql_token *token)
{
	const char *p = lexer->pos;
	const char *close;

	switch (*p)
	{
		case '`':
			token->kind = OSP_SQL_NAME;
			lexer->pos = skip_quoted(p, lexer->end, ESCAPES_NONE, &token->open);
			return;
		case '[':
			token->kind = OSP_SQL_NAME;
			close = memchr(p, ']', (size_t) (lexer->end - p));
			token->open = close == NULL;
			lexer->pos = close != NULL ? close + 1 : lexer->end;
			return;
		case '?':
			token->kind = OSP_SQL_PARAM;
			lexer->pos = skip_class(p + 1, lexer->end, DIGIT);
			return;
		default: /* ':', '@', '#' */
			lexer->pos = skip_word(p + 1, lexer->end);
			if (lexer->pos > p + 1)
				token->kind = OSP_SQL_PARAM;
			return;
	}
}

static void
read_other(osp_sql_lexer *lexer, osp_sql_token *token)
{
	const char *p = lexer->pos;
	const char *end = lexer->end;

	if (end - p >= 2 && p[0] == '-' && p[1] == '-')
	{
		token->kind = OSP_SQL_COMMENT;
		lexer->pos = skip_line_comment(lexer, p);
	}
	else if (end - p >= 2 && p[0] == '/' && p[1] == '*')
	{
		token->kind = OSP_SQL_COMMENT;
		lexer->pos = skip_block_comment(lexer, p, &token->open);
	}
	else if (end - p >= 2 && *p == '.' && is_class(p[1], DIGIT))
	{
		token->kind = OSP_SQL_NUMBER;
		lexer->pos = skip_number(lexer, p);
	}
	else if (is_sqlite(lexer) && memchr("`[?:@#", *p, 6) != NULL)
		read_of_sqlite(lexer, token);
	else
	{
		if (*p == ';')
			token->kind = OSP_SQL_SEMICOLON;
		lexer->pos = p + 1;
	}
}

/* Is there a byte-order mark where a token may begin? SQLite takes it for white
 * space. */
static bool
is_mark(const osp_sql_lexer *lexer)
{
	return is_sqlite(lexer) && lexer->end - lexer->pos >= 3 &&
		   memcmp(lexer->pos, "\xef\xbb\xbf", 3) == 0;
}

bool
osp_sql_next(osp_sql_lexer *lexer, osp_sql_token *token)
{
	const char *p = lexer->pos;

	if (p >= lexer->end)
		return false;
	token->kind = OSP_SQL_OTHER;
	token->open = false;
	if (OSP_UNLIKELY(*p == '\xef') && is_mark(lexer))
	{
		token->kind = OSP_SQL_SPACE;
		lexer->pos = p + 3;
	}
	else if (is_class(*p, ALPHA))
		read_word(lexer, token);
	else if (is_class(*p, SPACE))
	{
		token->kind = OSP_SQL_SPACE;
		lexer->pos = skip_class(p, lexer->end, SPACE);
	}
	else if (is_class(*p, DIGIT))
	{
		token->kind = OSP_SQL_NUMBER;
		lexer->pos = skip_number(lexer, p);
	}
	else if (*p == '\'')
	{
		token->kind = OSP_SQL_STRING;
		lexer->pos =
			skip_string(lexer, p, plain_escapes(lexer->dialect), &token->open);
	}
	else if (*p == '"')
	{
		token->kind = OSP_SQL_NAME;
		lexer->pos = skip_quoted(p, lexer->end, ESCAPES_NONE, &token->open);
	}
	else if (*p == '$')
		read_dollar(lexer, token);
	else
		read_other(lexer, token);
	token->text = osp_str_n(p, (size_t) (lexer->pos - p));
	return true;
}

bool
osp_sql_next_word(osp_sql_lexer *lexer, osp_sql_token *token)
{
	while (osp_sql_next(lexer, token))
		if (token->kind != OSP_SQL_SPACE && token->kind != OSP_SQL_COMMENT)
			return true;
	return false;
}

bool
osp_sql_is(const osp_sql_token *token, const char *word)
{
	size_t len = strlen(word);

	return token->kind == OSP_SQL_WORD && token->text.len == len &&
		   strncasecmp(token->text.ptr, word, len) == 0;
}

bool
osp_sql_ends_plain(osp_str text, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
		if (token.open)
			return false;
	return true;
}

const char *
osp_sql_last_statement(osp_str text, osp_sql_dialect dialect)
{
	const char *begin = text.ptr;
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next(&lexer, &token))
		if (token.kind == OSP_SQL_SEMICOLON)
			begin = lexer.pos;
	return begin;
}

osp_str
osp_sql_first_word(osp_str text, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (token.kind == OSP_SQL_WORD)
			return token.text;
		if (token.kind != OSP_SQL_SEMICOLON && token.text.ptr[0] != '(')
			break;
	}
	return osp_str_n(text.ptr, 0);
}
