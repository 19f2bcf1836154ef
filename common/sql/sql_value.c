/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_value.c
 *	  Finds the value of a secret in a message: "bad password=x", "token x".
 *
 * Messages contain words such as "password" far more often than they contain a secret:
 * "password authentication failed", "column "token" does not exist". So such a word
 * counts only if a value follows it: after a sign, or after white space if the text
 * there does not look like the next word of a sentence.
 */
#include "sql/sql_text.h"

#include <strings.h>

/* Longer words are taken for values. */
#define PROSE_MAX 20

static bool
is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* The length of the text at p if it is there. */
static size_t
at(const char *p, const char *end, const char *text)
{
	size_t len = strlen(text);

	return (size_t) (end - p) >= len && memcmp(p, text, len) == 0 ? len : 0;
}

/* The length of the white space at p: also one that does not break a line, and that of
 * Chinese and Japanese. */
static size_t
space_at(const char *p, const char *end)
{
	if (p < end && osp_sql_is_space(*p))
		return 1;
	return at(p, end, "\xc2\xa0") + at(p, end, "\xe3\x80\x80");
}

/* The length of the sign at p after which a value may follow. 0: there is none. The
 * signs are "=", ":" and ">", which also end "=>" and XML tags, "->", the full-width
 * forms of "=" and ":", escaped ones, and ";s:" in arrays of PHP. The "::" of a cast is
 * no such sign. */
static size_t
sign_at(const char *p, const char *end)
{
	if (p == end || at(p, end, "::") > 0)
		return 0;
	if (*p == ':' || *p == '>')
		return 1;
	if (end - p >= 3 &&
		(strncasecmp(p, "%3d", 3) == 0 || strncasecmp(p, "%3a", 3) == 0))
		return 3;
	return osp_sql_equals_at(p, end) + at(p, end, "->") + at(p, end, ";s:") +
		   at(p, end, "\xef\xbc\x9a") + at(p, end, "\xef\xbc\x9d");
}

/*
 * A search from one name to the next one. What was found out about the rest of the
 * message is kept, so that no part of it is read again for each name, however often
 * names stand in it.
 */
typedef struct search
{
	osp_str message;
	const char *end;
	bool of_program;
	const char *word_end; /* of the word that was passed over last, */
	const char *closed;   /* and of what closes it */
	const char *tried;    /* no value follows here, behind another name */
	bool no_signs;        /* no sign with a value stands further behind */
} search;

/* Passes over the rest of the word, and what closes it: quotes and brackets. */
static const char *
pass_word(search *s, const char *p)
{
	const char *end = s->end;

	if (s->word_end != NULL && p <= s->word_end)
		return s->closed;
	while (p < end && (osp_sql_is_word_char(*p) || *p == '-') &&
		   space_at(p, end) == 0 && sign_at(p, end) == 0)
		p++;
	s->word_end = p;
	for (;;)
	{
		if (p < end && (is_quote(*p) || *p == '\\' || *p == ')' || *p == ']'))
			p++;
		else if (osp_sql_is_escaped_quote(p, end))
			p += 5;
		else
			break;
	}
	s->closed = p;
	return p;
}

static const char *
pass_space(const char *p, const char *end)
{
	size_t len;

	while ((len = space_at(p, end)) > 0)
		p += len;
	return p;
}

static const char *
pass_sign(const char *p, const char *end)
{
	size_t len;

	while ((len = sign_at(p, end)) > 0)
		p += len;
	return p;
}

/* Is what follows already hidden? */
static bool
is_hidden(const char *p, const char *end)
{
	static const char *const masks[] = {"***", "(***", "'***", "\"?\"", "?"};
	size_t i;

	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (at(p, end, masks[i]) > 0)
			return true;
	return false;
}

/* The word at p, up to white space, without the marks that end a sentence. */
static osp_str
word_of(const char *p, const char *end)
{
	const char *stop = p;

	while (stop < end && space_at(stop, end) == 0)
		stop++;
	while (stop > p && strchr(".,;:!?)", stop[-1]) != NULL)
		stop--;
	return osp_str_n(p, (size_t) (stop - p));
}

/* Does the word look like one of a sentence, or like a name? It does if it has only
 * letters, and they are all large, or small except perhaps the first one. */
static bool
is_prose(osp_str word)
{
	bool small = false;
	bool large = false;
	size_t i;

	if (word.len > PROSE_MAX)
		return false;
	for (i = 0; i < word.len; i++)
	{
		char c = word.ptr[i];

		if (!osp_sql_is_letter(c) && strchr("-/._", c) == NULL &&
			(!is_quote(c) || i == 0))
			return false;
		small |= c >= 'a' && c <= 'z';
		large |= i > 0 && c >= 'A' && c <= 'Z';
	}
	return !(small && large);
}

/* Is this one of the words that usually follow "password" or "token" in a sentence? In
 * a message of a program, any other word may be the value of the secret. */
static bool
continues_sentence(osp_str word)
{
	static const char *const usual[] = {
		"is",       "are",      "was",       "were",      "be",
		"has",      "had",      "have",      "must",      "may",
		"can",      "cannot",   "can't",     "could",     "should",
		"will",     "would",    "shall",     "does",      "doesn't",
		"do",       "did",      "didn't",    "isn't",     "wasn't",
		"not",      "too",      "for",       "of",        "in",
		"on",       "at",       "to",        "from",      "with",
		"without",  "and",      "or",        "by",        "as",
		"than",     "that",     "which",     "if",        "when",
		"because",  "needs",    "required",  "missing",   "expired",
		"invalid",  "unknown",  "incorrect", "wrong",     "failed",
		"failure",  "mismatch", "rejected",  "revoked",   "denied",
		"empty",    "found",    "given",     "supplied",  "provided",
		"expected", "already",  "used",      "reused",    "authentication",
		"check",    "policy",   "reset",     "change",    "changed",
		"file",     "field",    "column",    "table",     "value",
		"length",   "error",    "hash",      "type",      "name",
		"service",  "server",   "request",   "lookup",    "validation",
		"manager",  "store",    "exists",    "retrieved", NULL};
	const char *const *word_of_list;

	for (word_of_list = usual; *word_of_list != NULL; word_of_list++)
		if (word.len == strlen(*word_of_list) &&
			strncasecmp(word.ptr, *word_of_list, word.len) == 0)
			return true;
	return word.len == 0;
}

/* Is it a value, although there is no sign before it? PostgreSQL itself has "Token "x" is
 * invalid", about JSON. */
static bool
is_value(osp_str word, bool of_program)
{
	if (of_program)
		return !is_prose(word) || !continues_sentence(word);
	return word.len > 0 && !is_prose(word) && !is_quote(word.ptr[0]);
}

/* How many words behind the first are looked at: "the secret is x". */
#define WORDS_BETWEEN 3

/* Is it a number that sentences have: "password must have 12 characters"? */
static bool
is_small_number(osp_str word)
{
	return word.len <= 2 && osp_sql_is_digit(word.ptr[0]) &&
		   osp_sql_is_digit(word.ptr[word.len - 1]);
}

/*
 * Finds a value further behind in a message of a program: behind any sign, or a word
 * that sentences do not have within the next ones. NULL: there is none.
 */
static const char *
value_behind(search *s, const char *p)
{
	const char *end = s->end;
	int i;

	for (i = 0; p < end && (i <= WORDS_BETWEEN || !s->no_signs); i++)
	{
		osp_str word = word_of(p, end);
		const char *stop = p + word.len;
		const char *sign = stop;
		const char *value;

		while (sign > p && sign_at(sign - 1, end) > 0)
			sign--;
		value = pass_space(pass_sign(sign, end), end);
		if (pass_sign(sign, end) > sign && value < end &&
			!is_hidden(value, end))
			return value;
		if (i > 0 && i <= WORDS_BETWEEN && word.len > 0 && !is_prose(word) &&
			!is_small_number(word) && !is_quote(*p) && !is_hidden(p, end))
			return p;
		while (stop < end && space_at(stop, end) == 0)
			stop++;
		p = pass_space(stop, end);
	}
	s->no_signs = true;
	return NULL;
}

/* Finds the value of a secret whose name ends at p. NULL: there is none. */
static const char *
value_of_name(search *s, const char *p)
{
	const char *end = s->end;

	/* Some words have their sign in them. */
	bool with_sign =
		p[-1] == '=' || p[-1] == ':' ||
		(p - s->message.ptr > 5 && osp_sql_equals_at(p - 5, p) > 0);
	const char *behind = with_sign ? p : pass_word(s, p);
	const char *sign;
	const char *value;
	bool has_sign;

	/* Several names in one word have the same end, as in "tokentoken". */
	if (!with_sign && behind == s->tried)
		return NULL;
	s->tried = with_sign ? NULL : behind;
	sign = pass_space(behind, end);
	value = pass_sign(sign, end);
	has_sign = with_sign || value > sign;
	value = pass_space(value, end);
	if (value == end || is_hidden(value, end))
		return NULL;
	if (has_sign ||
		(value > behind && is_value(word_of(value, end), s->of_program)))
		return value;
	return s->of_program && value > behind ? value_behind(s, value) : NULL;
}

osp_str
osp_sql_before_value(osp_str message, bool of_program)
{
	search s = {.message = message,
				.end = message.ptr + message.len,
				.of_program = of_program};
	const char *p = message.ptr;

	while ((p = osp_sql_named_secret(p, s.end)) != NULL)
	{
		const char *value = value_of_name(&s, p);

		if (value != NULL)
			return osp_str_n(message.ptr, (size_t) (value - message.ptr));
	}
	return message;
}
