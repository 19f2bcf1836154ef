/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_words.c
 *	  Finds words such as "password" anywhere in a text.
 */
#include "sql/sql_text.h"

typedef struct text_word
{
	const char *text;
	unsigned kind;
} text_word;

/* The word names a secret, so that its value may follow. */
#define NAMES (OSP_SQL_HAS_SECRET | OSP_SQL_HAS_NAMED)

/* The words. The first four characters of each are letters, or a separator that stands
 * for itself. '?' stands for "_", "-", " " or for nothing, '~' for any white space,
 * quotation marks (also SQLite's ` and ]) and backslashes, as behind a name in JSON, '"'
 * for one of the latter, but not ` and ], '^' for "=" or a single ":", as "::" is a cast.
 * "=" may be escaped, as in JSON for HTML. PHP's own form of an array has "pass";s:4:"word". */
static const text_word words[] = {
	{"passw", NAMES},
	{"pass?phrase", NAMES},
	{"pass~=", NAMES},
	{"pass~:=", NAMES},
	{"pass\"~^", NAMES},
	{"pass\"~;s:", NAMES},
	{"authorization~^", NAMES},
	{"authorization\"~;s:", NAMES},
	{"passcode", NAMES},
	{"secret", NAMES},
	{"token", NAMES},
	{"credential", NAMES},
	{"bearer", NAMES},
	{"hmac", NAMES},
	{"apikey", NAMES},
	{"api_key", NAMES},
	{"api-key", NAMES},
	{"api key", NAMES},
	{"private?key", NAMES},
	{"access?key", NAMES},
	{"signing?key", NAMES},
	{"encryption?key", NAMES},
	{"crypt", OSP_SQL_HAS_SECRET},
	{"set_config", OSP_SQL_HAS_SECRET},
	{"set_context", OSP_SQL_HAS_SECRET},
	{"dblink", OSP_SQL_HAS_SECRET},
	{"pgpass", NAMES},
	{"hexkey", NAMES},
	{"textkey", NAMES},
	{"rekey", NAMES},
	{"profiler.init", OSP_SQL_HAS_SECRET},
	{"profiler?init", OSP_SQL_HAS_SECRET},
	{"trace", OSP_SQL_HAS_TRACE},
	{"pg_settings", OSP_SQL_HAS_CONFIG},
	{"sqlite_parameters", OSP_SQL_HAS_PARAMS},
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

/*
 * Sets of pairs of characters, as bits, that speed up the search. begins has the first
 * pair (1st and 2nd character) of each word and the second pair (2nd and 3rd). Every
 * second pair of the text is looked up there, which finds every word by one of the two.
 * behind (3rd and 4th) and around (1st and 4th) then sort out most places without a
 * comparison.
 */
static uint32_t begins[32];
static uint32_t behind[32];
static uint32_t around[32];

static inline unsigned
fold(char c)
{
	return (unsigned char) c & 31;
}

static inline bool
has_pair(const uint32_t *table, char a, char b)
{
	return (table[fold(a)] >> fold(b) & 1) != 0;
}

static void
add_pair(uint32_t *table, char a, char b)
{
	table[fold(a)] |= UINT32_C(1) << fold(b);
}

__attribute__((constructor)) static void
make_pairs(void)
{
	size_t i;

	for (i = 0; i < WORD_COUNT; i++)
	{
		const char *w = words[i].text;

		add_pair(begins, w[0], w[1]);
		add_pair(begins, w[1], w[2]);
		add_pair(behind, w[2], w[3]);
		add_pair(around, w[0], w[3]);
	}
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

static bool
is_quote(char c)
{
	return c == '"' || c == '\'' || c == '\\';
}

bool
osp_sql_is_escaped_quote(const char *p, const char *end)
{
	return end - p >= 5 && p[-1] == '\\' &&
		   (memcmp(p, "u0022", 5) == 0 || memcmp(p, "u0027", 5) == 0);
}

static const char *
pass_around_sign(const char *p, const char *end)
{
	for (;;)
	{
		if (p < end &&
			(osp_sql_is_space(*p) || is_quote(*p) || *p == '`' || *p == ']'))
			p++;
		else if (osp_sql_is_escaped_quote(p, end))
			p += 5;
		else
			return p;
	}
}

size_t
osp_sql_equals_at(const char *p, const char *end)
{
	if (p < end && *p == '=')
		return 1;
	return end - p >= 5 && p[-1] == '\\' &&
				   (memcmp(p, "u003d", 5) == 0 || memcmp(p, "u003D", 5) == 0)
			   ? 5
			   : 0;
}

/* Passes over what one of the marks stands for; NULL: it is not at p. */
static const char *
pass_mark(const char *p, const char *end, char mark)
{
	switch (mark)
	{
		case '?':
			return p < end && (*p == '_' || *p == '-' || *p == ' ') ? p + 1 : p;
		case '~':
			return pass_around_sign(p, end);
		case '"':
			return p < end && is_quote(*p) ? p + 1 : NULL;
		case '=':
			return osp_sql_equals_at(p, end) > 0 ? p + osp_sql_equals_at(p, end)
												 : NULL;
		case '^':
			if (osp_sql_equals_at(p, end) > 0)
				return p + osp_sql_equals_at(p, end);
			if (p == end || *p != ':')
				return NULL;
			return end - p >= 2 && p[1] == ':' ? NULL : p + 1;
		default:
			return NULL;
	}
}

/* Returns the end of the word that begins at p, NULL: it does not begin there. */
static const char *
end_of_word(const char *p, const char *end, const char *word)
{
	for (; *word != '\0'; word++)
	{
		if (p < end && lower(*p) == *word)
			p++;
		else if ((p = pass_mark(p, end, *word)) == NULL)
			return NULL;
	}
	return p;
}

static bool
begins_with(const char *p, const char *end, const char *word)
{
	return end_of_word(p, end, word) != NULL;
}

/* Returns the kind of the word that begins at p; 0: no word begins there. */
static unsigned
word_at(const char *p, const char *end)
{
	size_t i;

	for (i = 0; i < WORD_COUNT; i++)
		if (lower(*p) == words[i].text[0] && begins_with(p, end, words[i].text))
			return words[i].kind;
	return 0;
}

/* Is "pwd" in the text? It is too short for the tables. */
static bool
has_pwd(osp_str text)
{
	static const char letters[] = "wW";
	const char *end = text.ptr + text.len;
	int i;

	for (i = 0; i < 2; i++)
	{
		const char *p = text.ptr;

		while ((p = memchr(p, letters[i], (size_t) (end - p))) != NULL)
			if (++p < end && lower(*p) == 'd' && p - text.ptr >= 2 &&
				lower(p[-2]) == 'p')
				return true;
	}
	return false;
}

unsigned
osp_sql_words(osp_str text)
{
	unsigned found = has_pwd(text) ? NAMES : 0;
	const char *end = text.ptr + text.len;
	const char *p;

	if (text.len < 4)
		return found;
	for (p = text.ptr + 1; p + 2 < end; p += 2)
	{
		if (OSP_LIKELY(!has_pair(begins, p[0], p[1])))
			continue;
		if (has_pair(around, p[-1], p[2]))
			found |= word_at(p - 1, end);
		if (p + 3 < end && has_pair(behind, p[2], p[3]))
			found |= word_at(p, end);
	}
	return found;
}

const char *
osp_sql_named_secret(const char *p, const char *end)
{
	for (; p < end; p++)
	{
		const char *stop = end_of_word(p, end, "pwd");
		size_t i;

		for (i = 0; i < WORD_COUNT && stop == NULL; i++)
			if ((words[i].kind & OSP_SQL_HAS_NAMED) != 0 &&
				lower(*p) == words[i].text[0])
				stop = end_of_word(p, end, words[i].text);
		if (stop != NULL)
			return stop;
	}
	return NULL;
}

bool
osp_sql_holds(osp_str text, const char *word)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	for (; p < end; p++)
		if (lower(*p) == *word && begins_with(p, end, word))
			return true;
	return false;
}
