/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_secret.c
 *	  Finds out which statements may hold a secret.
 *
 * There are two searches. The first finds words such as "password" anywhere in the
 * text: in a name, a string, a comment. The second finds statements that set secrets
 * under any name (roles, user mappings, a user's own settings, keys of encrypted
 * databases). It reads the text as a sequence of words and ignores quotes, so it also
 * searches the bodies of functions and DO blocks and strings that are executed, and
 * cannot be misled by a quote. Both err on the side of secrecy. The second search
 * leaves out single queries, which can hold such a statement only in a string.
 */
#include "sql/sql_text.h"

#include <strings.h>

#include "base/hex.h"

/* Where the last name or string of the form U&"..." or U&'...' begins, whose escapes may
 * spell any word. NULL: there is none. */
static const char *
last_unicode_escapes(osp_str text)
{
	const char *end = text.ptr + text.len;
	const char *p = end;

	while ((p = memrchr(text.ptr, '&', (size_t) (p - text.ptr))) != NULL)
		if (p > text.ptr && (p[-1] | 0x20) == 'u' && end - p >= 2 &&
			(p[1] == '"' || p[1] == '\''))
			return p;
	return NULL;
}

static bool
is_between(char c, char first, char last)
{
	return c >= first && c <= last;
}

/* Does an escape of a printable ASCII character stand at p, behind its backslash: x2d,
 * u002d, U0000002d, 055, 55? No honest program writes those. */
static bool
spells_ascii(const char *p, const char *end)
{
	size_t zeroes = end == p ? 0 : *p == 'u' ? 2 : *p == 'U' ? 6 : 0;

	if (end - p >= 3 && is_between(p[0], '0', '1') &&
		is_between(p[1], '0', '7') && is_between(p[2], '0', '7'))
		return p[0] == '1' || p[1] >= '4';
	if (end - p >= 2 && is_between(p[0], '4', '7') &&
		is_between(p[1], '0', '7'))
		return true;
	if (end == p || (zeroes == 0 && *p != 'x'))
		return false;
	for (p++; zeroes > 0; p++, zeroes--)
		if (p == end || *p != '0')
			return false;
	return end - p >= 2 && is_between(p[0], '2', '7') &&
		   osp_sql_is_word_char(p[1]);
}

/* Where the first string with backslash escapes begins, or the end of the text. */
static const char *
first_escapes(osp_str text, osp_sql_dialect dialect)
{
	const char *end = text.ptr + text.len;
	const char *p = text.ptr;

	if (dialect == OSP_SQL_POSTGRES_BACKSLASH)
		return p;
	if (dialect == OSP_SQL_SQLITE)
		return end;
	while ((p = memchr(p, '\'', (size_t) (end - p))) != NULL)
	{
		if (p > text.ptr && (p[-1] | 0x20) == 'e' &&
			(p - 1 == text.ptr || !osp_sql_is_word_char(p[-2])))
			return p;
		p++;
	}
	return end;
}

/*
 * Does an escape of JSON at p, behind its backslash, spell a character that no writer of
 * JSON needs to escape, and that names and URIs are made of: u0070, u002f? Writers that
 * are careful for the sake of HTML escape quotes and "=", which sql_words.c knows.
 */
static bool
spells_in_json(const char *p, const char *end)
{
	int high;
	int low;
	int c;

	if (end - p < 5 || memcmp(p, "u00", 3) != 0)
		return false;
	high = osp__hex_value(p[3]);
	low = osp__hex_value(p[4]);
	if (high < 0 || high > 7 || low < 0)
		return false;
	c = high << 4 | low;
	return osp_sql_is_word_char((char) c) || c == ':' || c == '/' || c == '@';
}

/*
 * Does a string spell ASCII characters by escapes, as in E'p\x61ssword', or in JSON? It
 * may hide any word. Because quotes are not trusted, a string with backslash escapes only
 * needs to begin before the escape, wherever it ends.
 */
static bool
has_escaped_ascii(osp_str text, osp_sql_dialect dialect)
{
	const char *end = text.ptr + text.len;
	const char *p = text.ptr;
	const char *first = NULL;

	while ((p = memchr(p, '\\', (size_t) (end - p))) != NULL)
	{
		if (first == NULL)
			first = first_escapes(text, dialect);
		if (spells_in_json(p + 1, end) ||
			(p > first && spells_ascii(p + 1, end)))
			return true;
		p++;
		if (p < end && *p == '\\' && spells_in_json(++p, end))
			return true;
	}
	return false;
}

/* Does a backslash stand in the string before a letter that it does not change? */
static bool
has_idle_backslash(osp_str string)
{
	const char *end = string.ptr + string.len;
	const char *p = string.ptr;

	while ((p = memchr(p, '\\', (size_t) (end - p))) != NULL && ++p < end)
	{
		if (is_between((char) (*p | 0x20), 'a', 'z') &&
			strchr("bfnrtxuU", *p) == NULL)
			return true;
		p++;
	}
	return false;
}

/* Does a string spell a word with backslashes that mean nothing, as in E'p\assword'? In
 * ordinary strings they are frequent, so here the quotes have to be right. */
static bool
has_idle_backslashes(osp_str text, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	if (dialect == OSP_SQL_SQLITE || memchr(text.ptr, '\\', text.len) == NULL)
		return false;
	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next_word(&lexer, &token))
		if (token.kind == OSP_SQL_STRING && token.text.len > 2 &&
			((token.text.ptr[0] | 0x20) == 'e' ||
			 (token.text.ptr[0] == '\'' &&
			  dialect == OSP_SQL_POSTGRES_BACKSLASH)) &&
			has_idle_backslash(token.text))
			return true;
	return false;
}

/* How many words behind CREATE or ALTER are searched for the kind of object. */
#define OBJECT_WORDS 5

/* A name in quotes has at most so many bytes; what is longer only lacks its quote. The
 * search for it ends there, so that it costs no more where many names do. */
#define NAME_LENGTH_MAX 128

/* A comment between two words of a statement in a string is passed over if it has at most
 * so many bytes, so that many that are not closed cost no more. */
#define INNER_COMMENT_MAX 1024

/* Where comments are passed over, the next word stands at most so many bytes further, so
 * that many words in comments, from each of which this search begins, cost no more. */
#define INNER_GAP_MAX 4096

/* A name without quotes that was read, so that it is not read again from each of its
 * dollar signs. */
typedef struct long_name
{
	const char *begin;
	const char *end;
} long_name;

/* Reads the words of a text one after the other; a dot counts as a word. */
typedef struct flat
{
	osp_sql_lexer lexer; /* what comes behind end; comments are passed over */
	const char *pos;
	const char *end;
	osp_str word;
	bool inner;          /* pass over comments within strings, too */
	const char *unicode; /* last_unicode_escapes() of the text */
	long_name *known;
} flat;

static void
begin_flat(flat *f, osp_str text, osp_sql_dialect dialect, long_name *known)
{
	memset(f, 0, sizeof(*f));
	osp_sql_lexer_init(&f->lexer, text, dialect);
	f->pos = f->end = text.ptr;
	f->unicode = last_unicode_escapes(text);
	f->known = known;
}

/* The next part of the text that is not a comment. */
static bool
next_part(flat *f)
{
	osp_sql_token token;

	if (!osp_sql_next_word(&f->lexer, &token))
		return false;
	f->pos = token.text.ptr;
	f->end = token.text.ptr + token.text.len;
	return true;
}

/* Passes over what an escape in a string has behind its backslash, if that is a letter or
 * digit, as in E'\nSET'. */
static const char *
pass_escape(const char *p, const char *end)
{
	const char *stop = p + 1;
	size_t max = *p == 'x' ? 3 : *p == 'u' ? 5 : *p == 'U' ? 9 : 1;

	if (is_between(*p, '0', '7'))
	{
		while (stop < end && stop < p + 3 && is_between(*stop, '0', '7'))
			stop++;
		return stop;
	}
	if (max == 1)
		return strchr("bfnrtv", *p) != NULL ? stop : p;
	while (stop < end && stop < p + max && osp__hex_value(*stop) >= 0)
		stop++;
	return stop;
}

/* May an escape at p, behind its backslash, be one that ends a line: n, r, 012, x0a,
 * u000a? It may also be that of a path, as in C:\new. */
static bool
may_end_line(const char *p, const char *end)
{
	return p < end && (osp_sql_is_digit(*p) || strchr("nrxuU", *p) != NULL);
}

/* Passes over the comment that begins at the present position, if one does that is not
 * too long. A line may end with an escaped newline. */
static bool
pass_inner_comment(flat *f)
{
	const char *p = f->pos;
	const char *limit = f->end;

	if (limit - p > INNER_COMMENT_MAX)
		limit = p + INNER_COMMENT_MAX;
	if (limit - p < 2 || (memcmp(p, "/*", 2) != 0 && memcmp(p, "--", 2) != 0))
		return false;
	if (p[0] == '/')
		p = memmem(p + 2, (size_t) (limit - p) - 2, "*/", 2);
	else
		while (p < limit && *p != '\n' && *p != '\r' &&
			   (*p != '\\' || !may_end_line(p + 1, f->end)))
			p++;
	if (p == NULL || p == limit)
		return false;
	f->pos = *p == '*' ? p + 2 : p;
	return true;
}

static bool
next_flat(flat *f)
{
	const char *begin = f->pos;
	const char *p;

	for (;;)
	{
		while (f->pos < f->end && !osp_sql_is_word_char(*f->pos) &&
			   *f->pos != '.')
		{
			if (f->inner && f->pos - begin > INNER_GAP_MAX)
				return false;
			if (f->inner && pass_inner_comment(f))
				continue;
			if (*f->pos++ == '\\' && f->pos < f->end &&
				f->lexer.dialect != OSP_SQL_SQLITE)
				f->pos = pass_escape(f->pos, f->end);
		}
		if (f->pos < f->end)
			break;
		if (!next_part(f))
			return false;
	}
	p = f->pos++;
	if (*p != '.')
		while (f->pos < f->end && osp_sql_is_word_char(*f->pos))
			f->pos++;
	f->word = osp_str_n(p, (size_t) (f->pos - p));
	return true;
}

static bool
is(osp_str word, const char *expected)
{
	return word.len == strlen(expected) &&
		   strncasecmp(word.ptr, expected, word.len) == 0;
}

static bool
is_one_of(osp_str word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (is(word, *list))
			return true;
	return false;
}

/* Called behind CREATE or ALTER: is the object of a kind that has secrets? */
static bool
names_an_object(flat f)
{
	static const char *const objects[] = {"role",
										  "user",
										  "group",
										  "server",
										  "database",
										  "system",
										  "subscription",
										  NULL};
	int i;

	for (i = 0; i < OBJECT_WORDS && next_flat(&f); i++)
		if (is_one_of(f.word, objects))
			return true;
	return false;
}

/* May this character end a name in quotes? SQLite has four kinds of quotes. */
static bool
ends_name(char c)
{
	return c == '"' || c == '\'' || c == '`' || c == ']';
}

/* What may begin a name in quotes: that of a setting, and that of a PRAGMA. */
#define SETTING_QUOTES "\""
#define PRAGMA_QUOTES  "\"'`["

/*
 * The end of the name that begins with the present word. Without quotes it may have
 * dollar signs in it, within one of these quotes any character: my$app, "my app".
 * Behind a name without its closing quote stands nothing that belongs to it.
 */
static const char *
end_of_name(const flat *f, const char *quotes)
{
	const char *p = f->word.ptr;
	char quote = p[-1] != '\0' && strchr(quotes, p[-1]) != NULL ? p[-1] : '\0';
	const char *limit = f->lexer.end;
	const char *close;

	if (quote != '\0')
	{
		quote = quote == '[' ? ']' : quote;
		if (limit - p > NAME_LENGTH_MAX + 1)
			limit = p + NAME_LENGTH_MAX + 1;
		close = memchr(p, quote, (size_t) (limit - p));
		while (close != NULL && close + 1 < limit && close[1] == quote)
			close = memchr(close + 2, quote, (size_t) (limit - close - 2));
		if (close != NULL)
			return close;
	}
	if (p >= f->known->begin && p < f->known->end)
		return f->known->end;
	f->known->begin = p;
	while (p < f->lexer.end && (osp_sql_is_word_char(*p) || *p == '$'))
		p++;
	f->known->end = p;
	return p;
}

/* Reads the word behind a name. Called at the first word of the name. */
static bool
pass_name(flat *f, const char *end)
{
	f->pos = end < f->end ? end : f->end;
	return next_flat(f);
}

/* Is there a dot in this name, or directly behind it, perhaps after its quote? Called
 * at the first word of the name, behind another word. With dot_inside, one in quotes
 * counts, too. */
static bool
goes_on(flat *f, const char *quotes, bool dot_inside)
{
	const char *begin = f->word.ptr;
	const char *end = end_of_name(f, quotes);
	const char *p = end;

	/* A longer name has no quotes, and so no dot. */
	if (dot_inside && end - begin <= NAME_LENGTH_MAX + 1 &&
		memchr(begin, '.', (size_t) (end - begin)) != NULL)
		return true;
	if (!pass_name(f, end) || !is(f->word, "."))
		return false;
	while (p < f->word.ptr && (osp_sql_is_space(*p) || ends_name(*p)))
		p++;
	return p >= f->word.ptr || *p == '/' || *p == '-' || *p == '\\' ||
		   *p == '\xef';
}

/* Called behind SET: is it a custom setting, whose name has a dot? LOCAL and SESSION
 * may be the first part of such a name. */
static bool
sets_own_setting(flat f)
{
	flat name;

	if (!next_flat(&f))
		return false;
	name = f;
	if ((is(f.word, "local") || is(f.word, "session")) &&
		!goes_on(&name, SETTING_QUOTES, true))
		if (!next_flat(&f))
			return false;
	return (f.unicode != NULL && f.unicode >= f.word.ptr) ||
		   goes_on(&f, SETTING_QUOTES, true);
}

/*
 * Called behind PRAGMA: does it set a key or a licence? SQLCipher, SEE and SQLite
 * Multiple Ciphers have key, rekey, hexkey, textkey, hexrekey, textrekey, several that
 * begin with cipher (cipher_salt, cipher_license), and activate_extensions.
 */
static bool
names_a_key(flat f)
{
	osp_str name;

	if (!next_flat(&f))
		return false;
	name = f.word;
	if (goes_on(&f, PRAGMA_QUOTES, false) && next_flat(&f))
		name = f.word;
	return (osp_sql_holds(name, "key") && !osp_sql_holds(name, "foreign_")) ||
		   osp_sql_holds(name, "cipher") || is(name, "activate_extensions");
}

/* Called behind COMMENT or SECURITY LABEL: does ON ROLE or the like follow? */
static bool
describes_an_object(flat f)
{
	int i;

	for (i = 0; i < OBJECT_WORDS && next_flat(&f); i++)
		if (is(f.word, "on"))
			return names_an_object(f);
	return false;
}

static bool
precedes(flat f, const char *word)
{
	return next_flat(&f) && is(f.word, word);
}

/* Does the present word begin something that sets a secret? */
static bool
sets_secret(const flat *f, osp_str before, bool attaches)
{
	static const char *const always[] = {
		"wrapper", "subscription", "mapping", "options", "conninfo", NULL};

	if (is(f->word, "create") || is(f->word, "alter"))
		return names_an_object(*f);
	if (is(f->word, "comment") || is(f->word, "label"))
		return describes_an_object(*f);
	if (is(f->word, "set"))
		return sets_own_setting(*f);
	if (is(f->word, "pragma"))
		return names_a_key(*f);
	if (is(f->word, "program"))
		return is(before, "to") || is(before, "from");
	if (f->inner && (is(f->word, "to") || is(f->word, "from")))
		return precedes(*f, "program");
	if (attaches && osp_sql_holds(f->word, "key"))
		return true;
	return is_one_of(f->word, always);
}

/* How the search for statements that set a secret treats comments. */
typedef enum comment_use
{
	COMMENTS_READ,    /* no part is a comment */
	COMMENTS_SKIPPED, /* those that are comments by the rules of the dialect */
	COMMENTS_INNER /* also those within strings, such as the body of a function,
					   * between the words of a statement */
} comment_use;

/* Does the text have a statement that sets a secret? */
static bool
is_sensitive(osp_str text, osp_sql_dialect dialect, comment_use comments)
{
	osp_str before = OSP_STR("");
	long_name known = {NULL, NULL};
	bool attaches = false;
	flat f;

	begin_flat(&f, text, dialect, &known);
	if (comments != COMMENTS_SKIPPED)
		f.end = f.lexer.pos = f.lexer.end;
	while (next_flat(&f))
	{
		flat ahead = f;

		ahead.inner = comments == COMMENTS_INNER;
		if (sets_secret(&ahead, before, attaches))
			return true;
		attaches |= is(f.word, "attach") || is(f.word, "vacuum");
		before = f.word;
	}
	return false;
}

static bool
may_have_comment(osp_str text)
{
	return memmem(text.ptr, text.len, "/*", 2) != NULL ||
		   memmem(text.ptr, text.len, "--", 2) != NULL;
}

/* Is it the first word of a query, or of a statement that only begins or ends a
 * transaction? */
static bool
is_verb(osp_str word)
{
	static const char *const verbs[] = {"select",
										"insert",
										"update",
										"delete",
										"merge",
										"with",
										"values",
										"table",
										"replace",
										"fetch",
										"begin",
										"start",
										"commit",
										"rollback",
										"end",
										NULL};
	const char *const *verb = verbs;

	while (*verb != NULL && (word.len == 0 || (word.ptr[0] | 0x20) != **verb ||
							 !is(word, *verb)))
		verb++;
	return *verb != NULL;
}

static osp_str
first_word(osp_str text, osp_sql_dialect dialect)
{
	size_t len = 0;

	while (len < text.len && osp_sql_is_word_char(text.ptr[len]))
		len++;
	return len > 1 && (unsigned char) text.ptr[0] < 0x80
			   ? osp_str_n(text.ptr, len)
			   : osp_sql_first_word(text, dialect);
}

bool
osp_sql_is_query(osp_str text, osp_sql_dialect dialect)
{
	const char *end = text.ptr + text.len;

	while (end > text.ptr && (osp_sql_is_space(end[-1]) || end[-1] == ';'))
		end--;
	text.len = (size_t) (end - text.ptr);
	return is_verb(first_word(text, dialect)) &&
		   memchr(text.ptr, ';', text.len) == NULL;
}

/* Called behind SET: does the name of a setting follow, and TO or "="? */
static bool
sets_plainly(osp_sql_lexer lexer)
{
	osp_sql_token token;

	if (!osp_sql_next_word(&lexer, &token))
		return false;
	if (osp_sql_is(&token, "local") || osp_sql_is(&token, "session"))
		if (!osp_sql_next_word(&lexer, &token))
			return false;
	if (osp_sql_is(&token, "transaction") ||
		osp_sql_is(&token, "constraints") ||
		osp_sql_is(&token, "characteristics") || osp_sql_is(&token, "role") ||
		osp_sql_is(&token, "authorization") || osp_sql_is(&token, "time"))
		return true;
	return osp_sql_next_word(&lexer, &token) &&
		   (token.text.ptr[0] == '=' || osp_sql_is(&token, "to"));
}

static bool
makes_known_object(osp_sql_lexer lexer)
{
	static const char *const objects[] = {
		"table",       "index",      "unique",     "view",    "materialized",
		"sequence",    "function",   "procedure",  "routine", "aggregate",
		"operator",    "trigger",    "constraint", "event",   "rule",
		"policy",      "type",       "domain",     "schema",  "extension",
		"cast",        "collation",  "conversion", "default", "language",
		"publication", "statistics", "tablespace", "text",    "transform",
		"temp",        "temporary",  "unlogged",   "or",      "virtual",
		"if",          NULL};
	osp_sql_token token;

	return osp_sql_next_word(&lexer, &token) && token.kind == OSP_SQL_WORD &&
		   is_one_of(token.text, objects);
}

/* Called behind the first word of a statement: does it begin like a known statement? */
static bool
begins_known(osp_str word, const osp_sql_lexer *lexer)
{
	static const char *const others_known[] = {
		"abort",     "analyze", "call",     "checkpoint", "close",
		"cluster",   "comment", "copy",     "deallocate", "declare",
		"discard",   "do",      "drop",     "end",        "explain",
		"fetch",     "grant",   "listen",   "load",       "lock",
		"move",      "notify",  "prepare",  "reassign",   "refresh",
		"reindex",   "release", "reset",    "return",     "revoke",
		"savepoint", "show",    "truncate", "unlisten",   "vacuum",
		"attach",    "detach",  "pragma",   NULL};

	if (is(word, "create") || is(word, "alter"))
		return makes_known_object(*lexer);
	if (is(word, "set"))
		return sets_plainly(*lexer);
	return is_verb(word) || is_one_of(word, others_known);
}

/* Does the text leave a string or name open? Where the setting of
 * standard_conforming_strings is not known, it must do so with either. */
static bool
leaves_open(osp_str text, osp_sql_dialect dialect)
{
	if (dialect != OSP_SQL_POSTGRES_ANY)
		return !osp_sql_ends_plain(text, dialect);
	return !osp_sql_ends_plain(text, OSP_SQL_POSTGRES) &&
		   !osp_sql_ends_plain(text, OSP_SQL_POSTGRES_BACKSLASH);
}

bool
osp_sql_is_known(osp_str text, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	bool begins = true;

	if (osp_sql_is_query(text, dialect))
		return true;
	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (OSP_UNLIKELY(token.open) && leaves_open(text, dialect))
			return false;
		if (token.kind == OSP_SQL_SEMICOLON)
			begins = true;
		else if (begins && token.text.ptr[0] != '(')
		{
			if (token.kind != OSP_SQL_WORD || !begins_known(token.text, &lexer))
				return false;
			begins = false;
		}
	}
	return true;
}

/* Words that may follow EXECUTE and are not a prepared statement: the function
 * of a trigger, a string to execute, a privilege. */
static const char *const others[] = {
	"function", "procedure", "format", "on", NULL};

/* Is the present word PREPARE, and is the statement named like one of these words? */
static bool
prepares_as_other(flat f)
{
	return is(f.word, "prepare") && next_flat(&f) && is_one_of(f.word, others);
}

/* Is the present word EXECUTE, followed by the name of a prepared statement? */
static bool
executes_prepared(flat f)
{
	const char *p = f.pos;

	while (p < f.lexer.end && osp_sql_is_space(*p))
		p++;
	if (!is(f.word, "execute") || p == f.lexer.end)
		return false;
	return *p == '"' || ((osp_sql_is_word_char(*p) || *p == '/' || *p == '-') &&
						 next_flat(&f) && !is_one_of(f.word, others));
}

/*
 * Like executes_prepared, for a word outside of all strings. There even one of the
 * words above names a prepared statement if arguments or nothing follow it.
 */
static bool
executes_outside(osp_sql_lexer lexer, const osp_sql_token *word)
{
	osp_sql_token token;

	return osp_sql_is(word, "execute") && osp_sql_next_word(&lexer, &token) &&
		   token.kind == OSP_SQL_WORD &&
		   (!osp_sql_next_word(&lexer, &token) ||
			token.kind == OSP_SQL_SEMICOLON || token.text.ptr[0] == '(');
}

/* Does the text execute a prepared statement? Its constants are then values of
 * parameters, of a statement that is not known here. */
static bool
executes(osp_str text, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	long_name known = {NULL, NULL};
	flat f;

	osp_sql_lexer_init(&lexer, text, dialect);
	while (osp_sql_next_word(&lexer, &token))
		if (executes_outside(lexer, &token))
			return true;
	begin_flat(&f, text, dialect, &known);
	while (next_flat(&f))
		if (executes_prepared(f) || prepares_as_other(f))
			return true;
	return false;
}

/* Does the text begin with these two words? */
static bool
begins_with_words(osp_str text, osp_sql_dialect dialect, const char *first,
				  const char *second)
{
	osp_str word = first_word(text, dialect);
	const char *rest = word.ptr + word.len;
	osp_sql_lexer lexer;
	osp_sql_token token;

	if (!is(word, first))
		return false;
	osp_sql_lexer_init(&lexer,
					   osp_str_n(rest, (size_t) (text.ptr + text.len - rest)),
					   dialect);
	return osp_sql_next_word(&lexer, &token) && osp_sql_is(&token, second);
}

bool
osp_sql_runs_deferred(osp_str text, osp_sql_dialect dialect)
{
	osp_str verb = first_word(text, dialect);

	return is(verb, "commit") || is(verb, "end") ||
		   begins_with_words(text, dialect, "prepare", "transaction") ||
		   begins_with_words(text, dialect, "set", "constraints");
}

bool
osp_sql_reads_rows(osp_str text, osp_sql_dialect dialect)
{
	osp_str verb = first_word(text, dialect);

	return is(verb, "fetch") || is(verb, "move") || is(verb, "copy");
}

bool
osp_sql_is_secret_name(osp_str name)
{
	size_t i;

	if (osp_sql_has_secret_uri(name))
		return true;
	if ((osp_sql_words(name) & OSP_SQL_HAS_SECRET) == 0)
		return false;
	for (i = 0; i < name.len; i++)
		if (name.ptr[i] == '=' || name.ptr[i] == ':' ||
			osp_sql_is_space(name.ptr[i]))
			return true;
	return false;
}

osp_sql_secrecy
osp_sql_secret(osp_str text, osp_sql_dialect dialect)
{
	return osp_sql_secret_with(text, dialect, osp_sql_words(text));
}

osp_sql_secrecy
osp_sql_secret_with(osp_str text, osp_sql_dialect dialect, unsigned found)
{
	bool query = osp_sql_is_query(text, dialect);

	if (!query && (is_sensitive(text, dialect, COMMENTS_READ) ||
				   is_sensitive(text, dialect, COMMENTS_SKIPPED) ||
				   (may_have_comment(text) &&
					is_sensitive(text, dialect, COMMENTS_INNER))))
		return OSP_SQL_SENSITIVE;
	if ((found & OSP_SQL_HAS_PARAMS) != 0)
		return OSP_SQL_SENSITIVE;
	if ((found & OSP_SQL_HAS_SECRET) != 0 ||
		last_unicode_escapes(text) != NULL ||
		has_escaped_ascii(text, dialect) ||
		has_idle_backslashes(text, dialect) || osp_sql_has_secret_uri(text) ||
		((found & OSP_SQL_HAS_CONFIG) != 0 && osp_sql_holds(text, "update")))
		return OSP_SQL_SECRET;
	return !query && executes(text, dialect) ? OSP_SQL_VALUES
											 : OSP_SQL_HARMLESS;
}
