/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_secret.c
 *	  Which statements may hold a secret.
 *
 * Two looks are taken. The first finds words such as "password" anywhere in the
 * text: in a name, a string, a comment. The second finds statements that set
 * secrets under whatever name (roles, user mappings, settings of the user's own,
 * keys of encrypted databases). It reads the text as a row of words and pays no
 * attention to quotes, so it sees into the bodies of functions and DO blocks and
 * into strings that are executed, and cannot be misled by a quote. Both err on
 * the side of secrecy. The second look is not taken at a single query, in which
 * no such statement can stand but in a string.
 */
#include "sql/sql_text.h"

#include <strings.h>

/* Of what is no secret, but may be a context. */
#define TRACE "trace"

/* ---- words ---- */

/* The first four characters of each are letters or a separator of its own. '?'
 * stands for one of "_", "-", " " or for nothing. */
static const char *const words[] = {
	"passw",       "passphrase",    "passcode",      "secret",
	"token",       "credential",    "bearer",        "hmac",
	"apikey",      "api_key",       "api-key",       "api key",
	"private?key", "access?key",    "signing?key",   "encryption?key",
	"crypt",       "set_config",    "set_context",   "dblink",
	"pgpass",      "hexkey",        "textkey",       "rekey",
	TRACE,         "profiler.init", "profiler?init",
};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

/*
 * Pairs of characters as bits of rows: the first two of a word or the two from its
 * second one on; the two from its third one on; its first one and its fourth one.
 * Every second pair of the text is looked up, so each word is seen as one of the
 * first two, and the other tables leave few that have to be compared.
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
		const char *w = words[i];

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
begins_with(const char *p, const char *end, const char *word)
{
	for (; *word != '\0'; word++)
	{
		if (*word == '?')
		{
			if (p < end && (*p == '_' || *p == '-' || *p == ' '))
				p++;
		}
		else if (p == end || lower(*p++) != *word)
			return false;
	}
	return true;
}

/* Which kind of word begins at p? 0: none. */
static unsigned
word_at(const char *p, const char *end)
{
	size_t i;

	for (i = 0; i < WORD_COUNT; i++)
		if (lower(*p) == words[i][0] && begins_with(p, end, words[i]))
			return strcmp(words[i], TRACE) == 0 ? OSP_SQL_HAS_TRACE
												: OSP_SQL_HAS_SECRET;
	return 0;
}

/* "pwd" is too short for the tables. */
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
	unsigned found = has_pwd(text) ? OSP_SQL_HAS_SECRET : 0;
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

/* Is there a URI with a password in it, scheme://user:password@host? */
static bool
has_password_in_uri(osp_str text)
{
	const char *end = text.ptr + text.len;
	const char *p = text.ptr;

	while ((p = memchr(p, ':', (size_t) (end - p))) != NULL)
	{
		bool colon = false;

		if (end - ++p < 2 || p[0] != '/' || p[1] != '/')
			continue;
		for (p += 2; p < end && !osp_sql_is_space(*p) && *p != '/' &&
					 *p != '\'' && *p != '"';
			 p++)
		{
			if (*p == '@' && colon)
				return true;
			colon |= *p == ':';
		}
	}
	return false;
}

/* ---- statements ---- */

/* How many words behind CREATE or ALTER may name what is created or altered. */
#define OBJECT_WORDS 5

/* The words of a text one after the other, and dots, which are words here. */
typedef struct flat
{
	osp_sql_lexer lexer; /* what comes behind end; comments are passed over */
	const char *pos;
	const char *end;
	osp_str word;
} flat;

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || (unsigned char) c >= 0x80;
}

/* The next part of the text that is no comment. */
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

static bool
next_flat(flat *f)
{
	const char *p;

	for (;;)
	{
		while (f->pos < f->end && !is_word_char(*f->pos) && *f->pos != '.')
			f->pos++;
		if (f->pos < f->end)
			break;
		if (!next_part(f))
			return false;
	}
	p = f->pos++;
	if (*p != '.')
		while (f->pos < f->end && is_word_char(*f->pos))
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

/* Behind CREATE or ALTER: is it about something that has secrets? */
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

/* Is the next word a dot that belongs to the one before, be that in quotes? */
static bool
goes_on(flat *f)
{
	const char *p = f->word.ptr + f->word.len;

	if (!next_flat(f) || !is(f->word, "."))
		return false;
	while (p < f->word.ptr && (osp_sql_is_space(*p) || *p == '"'))
		p++;
	return p == f->word.ptr || *p == '/' || *p == '-';
}

/* Behind SET: is it a setting of somebody's own, a name with a dot? */
static bool
sets_own_setting(flat f)
{
	if (!next_flat(&f))
		return false;
	if (is(f.word, "local") || is(f.word, "session"))
		if (!next_flat(&f))
			return false;
	return goes_on(&f);
}

/* Behind PRAGMA: is it one that sets a key? */
static bool
names_a_key(flat f)
{
	osp_str name;

	if (!next_flat(&f))
		return false;
	name = f.word;
	if (goes_on(&f) && next_flat(&f))
		name = f.word;
	return osp_sql_holds(name, "key") && !osp_sql_holds(name, "foreign_");
}

/* Does what begins with the word that was read set a secret? */
static bool
sets_secret(const flat *f, osp_str before, bool attaches)
{
	static const char *const always[] = {
		"wrapper", "subscription", "mapping", "options", "conninfo", NULL};

	if (is(f->word, "create") || is(f->word, "alter"))
		return names_an_object(*f);
	if (is(f->word, "set"))
		return sets_own_setting(*f);
	if (is(f->word, "pragma"))
		return names_a_key(*f);
	if (is(f->word, "program"))
		return is(before, "to") || is(before, "from");
	if (attaches && osp_sql_holds(f->word, "key"))
		return true;
	return is_one_of(f->word, always);
}

/*
 * Is there such a statement in the text? With comments: those that are comments by
 * the rules of the dialect are passed over. Without: there is no such thing.
 */
static bool
is_sensitive(osp_str text, osp_sql_dialect dialect, bool comments)
{
	osp_str before = OSP_STR("");
	bool attaches = false;
	flat f;

	osp_sql_lexer_init(&f.lexer, text, dialect);
	f.pos = f.end = text.ptr;
	if (!comments)
		f.end = f.lexer.pos = f.lexer.end;
	while (next_flat(&f))
	{
		if (sets_secret(&f, before, attaches))
			return true;
		attaches |= is(f.word, "attach") || is(f.word, "vacuum");
		before = f.word;
	}
	return false;
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

	while (*verb != NULL &&
		   (word.len == 0 || lower(word.ptr[0]) != **verb || !is(word, *verb)))
		verb++;
	return *verb != NULL;
}

static osp_str
first_word(osp_str text, osp_sql_dialect dialect)
{
	size_t len = 0;

	while (len < text.len && is_word_char(text.ptr[len]))
		len++;
	return len > 1 ? osp_str_n(text.ptr, len)
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

/* Is the word that was read EXECUTE, and the name of a prepared statement behind
 * it? Else it is a trigger's function, or a string that is executed. */
static bool
executes_prepared(flat f)
{
	static const char *const others[] = {
		"function", "procedure", "format", "on", NULL};
	const char *p = f.pos;

	while (p < f.lexer.end && osp_sql_is_space(*p))
		p++;
	return is(f.word, "execute") && p < f.lexer.end &&
		   (is_word_char(*p) || *p == '"' || *p == '/' || *p == '-') &&
		   next_flat(&f) && !is_one_of(f.word, others);
}

/* Does it execute a prepared statement? The constants there are the values of
 * parameters, of a statement that is not known here. */
static bool
executes(osp_str text, osp_sql_dialect dialect)
{
	flat f;

	osp_sql_lexer_init(&f.lexer, text, dialect);
	f.pos = f.end = text.ptr;
	while (next_flat(&f))
		if (executes_prepared(f))
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

	if (!query && (is_sensitive(text, dialect, false) ||
				   is_sensitive(text, dialect, true)))
		return OSP_SQL_SENSITIVE;
	if ((found & OSP_SQL_HAS_SECRET) != 0 || has_password_in_uri(text))
		return OSP_SQL_SECRET;
	return !query && executes(text, dialect) ? OSP_SQL_VALUES
											 : OSP_SQL_HARMLESS;
}
