/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_record.c
 *	  Makes the recorded texts of statements: without contexts, with secrets
 *	  masked, on demand without constants.
 */
#include "sql/sql_text.h"

#define MASK OSP_STR("'***'")

/* How many words are kept of a sensitive statement that did not parse. */
#define BROKEN_WORDS 3

typedef struct writer
{
	char *out;
	size_t len;
	size_t size;
	osp_str constant;  /* the text that replaces a constant */
	osp_str space;     /* to write before the next token; may be empty */
	bool after_string; /* the last token was a string, replaced by constant */
	bool after_number; /* the last token was a number, replaced by it */
} writer;

/* The rules by which a text is rewritten. */
typedef struct rewriting
{
	osp_sql_dialect dialect;
	osp_sql_secrecy secrecy;
	bool normalize; /* numbers and SQLite's doubtful names are constants, too */
	bool broken;    /* drop everything behind the first quote */
} rewriting;

/* How far the name of a setting or of a pragma was read. */
typedef enum name_progress
{
	NAME_NONE, /* no name is expected */
	NAME_EXPECTED,
	NAME_READ, /* a dot, or the sign before a value, may follow */
	NAME_FROM  /* SET x FROM; CURRENT follows */
} name_progress;

/* The position of the present token within its statement. */
typedef struct place
{
	const rewriting *rules;
	const char *end;       /* end of the text */
	bool sets;             /* there was SET */
	bool pragma;           /* there was PRAGMA */
	name_progress setting; /* the name behind SET or PRAGMA */
	bool attaches;         /* there was ATTACH */
	bool account;          /* there was ROLE, USER or GROUP */
	bool subscription;     /* there was SUBSCRIPTION */
	bool parameters;       /* there was sqlite_parameters */
	const char *instead; /* a value is expected, or this word; NULL: no value */
	bool options;        /* there was OPTIONS */
	bool option;         /* an option's name is just before */
	bool name;           /* a token in double quotes is a name here */
	bool names;          /* a list of column names in parentheses may follow */
	unsigned depth;      /* open parentheses of that list */
	bool distinct;       /* DISTINCT is the word just before */
	bool hides_rest; /* one mask replaces all tokens up to the next semicolon */
	unsigned words;  /* number of copied words */
} place;

static void
append(writer *w, osp_str text)
{
	size_t room = w->size - w->len;

	if (text.len > room)
	{
		text.len = osp_utf8_prefix(text, room);
		w->size = w->len + text.len;
	}
	memcpy(w->out + w->len, text.ptr, text.len);
	w->len += text.len;
}

static void
put(writer *w, osp_str text)
{
	if (w->len > 0)
		append(w, w->space);
	w->space.len = 0;
	w->after_string = w->after_number = false;
	append(w, text);
}

/* Notes the white space or comment between two tokens; the first of several is kept. */
static void
put_space(writer *w, osp_str space)
{
	if (w->space.len == 0)
		w->space = space;
}

static void
begin_statement(place *at, const rewriting *rules, const char *end)
{
	memset(at, 0, sizeof(*at));
	at->rules = rules;
	at->end = end;
}

/*
 * Does something follow the name of a setting or pragma that is not a sign
 * before a value? It may be a value in a statement that lacks the sign. A
 * string is masked in any case.
 */
static bool
lacks_sign(const place *at, const osp_sql_token *token)
{
	char c = token->text.ptr[0];

	if (at->setting == NAME_FROM)
		return !osp_sql_is(token, "current");
	if (at->setting != NAME_READ || token->kind == OSP_SQL_STRING || c == '.' ||
		c == '=')
		return false;
	return at->pragma
			   ? c != '('
			   : !osp_sql_is(token, "to") && !osp_sql_is(token, "from") &&
					 !osp_sql_is(token, "uescape");
}

/* Is the rest of the statement a value, perhaps without quotes? */
static bool
begins_value(place *at, const osp_sql_token *token)
{
	char c = token->text.ptr[0];

	if (at->rules->secrecy != OSP_SQL_SENSITIVE)
		return false;
	if (at->rules->broken && at->words >= BROKEN_WORDS)
		return true;
	if (lacks_sign(at, token))
		return true;
	if (at->instead != NULL)
		return token->kind != OSP_SQL_STRING && token->kind != OSP_SQL_PARAM &&
			   c != '=' && c != '?' && !osp_sql_is(token, at->instead);
	return at->option &&
		   (token->kind == OSP_SQL_WORD || token->kind == OSP_SQL_NUMBER);
}

/* Does a value begin behind this token, which was copied? */
static bool
is_before_value(const place *at, const osp_sql_token *token)
{
	char c = token->text.ptr[0];

	if (at->rules->secrecy != OSP_SQL_SENSITIVE)
		return false;
	if (at->sets && (c == '=' || osp_sql_is(token, "to")))
		return true;
	if (at->pragma && (c == '=' || c == '('))
		return true;
	if (at->parameters && osp_sql_is(token, "values"))
		return true;
	return at->attaches && osp_sql_is(token, "key");
}

/* Is a name in double quotes behind this word always a name for SQLite? */
static bool
is_before_name(const place *at, const osp_sql_token *word)
{
	static const char *const words[] = {"join",
										"into",
										"update",
										"table",
										"index",
										"view",
										"trigger",
										"exists",
										"column",
										"references",
										"set",
										"as"};
	size_t i;

	/* Yes, but no name in IS DISTINCT FROM "x". */
	if (osp_sql_is(word, "from"))
		return !at->distinct;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp_sql_is(word, words[i]))
			return true;
	return false;
}

/* Is the word behind SET no name of a setting that a value may follow? */
static bool
is_no_setting(const osp_sql_token *word)
{
	return osp_sql_is(word, "transaction") || osp_sql_is(word, "constraints") ||
		   osp_sql_is(word, "characteristics") || osp_sql_is(word, "role") ||
		   osp_sql_is(word, "authorization") || osp_sql_is(word, "time") ||
		   osp_sql_is(word, "null") || osp_sql_is(word, "default") ||
		   osp_sql_is(word, "not");
}

/* Notes a token that may be the name of a setting or pragma, or a part of it. */
static void
note_setting(place *at, const osp_sql_token *token)
{
	if (at->setting == NAME_READ && osp_sql_is(token, "from"))
		at->setting = NAME_FROM;
	else if (at->setting == NAME_FROM)
		at->setting = NAME_NONE;
	else if (at->setting == NAME_EXPECTED && !at->pragma &&
			 (osp_sql_is(token, "local") || osp_sql_is(token, "session")))
		return;
	else if (at->setting == NAME_EXPECTED && !at->pragma &&
			 is_no_setting(token))
		at->setting = NAME_NONE;
	else if (at->setting == NAME_EXPECTED)
		at->setting = NAME_READ;
	else if ((osp_sql_is(token, "set") && !at->options) ||
			 osp_sql_is(token, "pragma"))
		at->setting = NAME_EXPECTED;
}

/*
 * Returns the word that may follow this one instead of a secret value, "" if none
 * may; NULL: no secret value is expected behind this one.
 */
static const char *
word_instead_of_value(const place *at, const osp_sql_token *word)
{
	if (osp_sql_is(word, "password"))
		return "null";
	if (at->account && osp_sql_is(word, "identified"))
		return "by";
	if (at->account &&
		(osp_sql_is(word, "encrypted") || osp_sql_is(word, "unencrypted") ||
		 (at->instead != NULL && osp_sql_is(word, "by"))))
		return "password";
	return at->subscription && osp_sql_is(word, "connection") ? "" : NULL;
}

static void
note_word(place *at, const osp_sql_token *token)
{
	at->words++;
	at->sets |= osp_sql_is(token, "set");
	at->pragma |= osp_sql_is(token, "pragma");
	at->attaches |= osp_sql_is(token, "attach");
	at->account |= osp_sql_is(token, "role") || osp_sql_is(token, "user") ||
				   osp_sql_is(token, "group");
	at->subscription |= osp_sql_is(token, "subscription");
	at->option = at->options && !osp_sql_is(token, "add") &&
				 !osp_sql_is(token, "set") && !osp_sql_is(token, "drop");
	at->options |= osp_sql_is(token, "options");
	at->name = is_before_name(at, token);
	at->distinct = osp_sql_is(token, "distinct");
	if (osp_sql_is(token, "into") || osp_sql_is(token, "table"))
		at->names = true;
	else if (at->depth == 0 &&
			 (osp_sql_is(token, "values") || osp_sql_is(token, "select") ||
			  osp_sql_is(token, "with") || osp_sql_is(token, "as")))
		at->names = false;
}

/* Notes a sign. In a list of names, each item begins with a name. */
static void
note_sign(place *at, char c)
{
	if (at->names && c == '(')
		at->depth++;
	else if (at->depth > 0 && c == ')')
		at->names = --at->depth > 0;
	at->name = c == '.' || (at->depth == 1 && (c == '(' || c == ','));
	if (c != '=')
		at->instead = NULL;
	if (c == '.' && (at->setting == NAME_READ || (at->sets && !at->options)))
		at->setting = NAME_EXPECTED;
	else if (at->setting == NAME_READ)
		at->setting = NAME_NONE;
	at->option = false;
}

static void
note(place *at, const osp_sql_token *token)
{
	if (token->kind == OSP_SQL_OTHER)
	{
		note_sign(at, token->text.ptr[0]);
		return;
	}
	at->name = at->option = false;
	note_setting(at, token);
	if (token->kind == OSP_SQL_WORD)
		note_word(at, token);
	at->parameters |= token->kind != OSP_SQL_STRING &&
					  osp_sql_holds(token->text, "sqlite_parameters");
	at->instead = word_instead_of_value(at, token);
}

/*
 * May the token in double quotes be a string? SQLite takes a name in double quotes for
 * a string if nothing has that name. The names are not known here, so it may be a
 * string unless its position shows a name: qualified, behind FROM and the like, in a
 * list of columns.
 */
static bool
may_be_string(const place *at, const osp_sql_token *token)
{
	const char *next = token->text.ptr + token->text.len;

	if (token->kind != OSP_SQL_NAME)
		return false;
	if (osp_sql_holds(token->text, "trace_hmac"))
		return true;
	return at->rules->dialect == OSP_SQL_SQLITE && token->text.ptr[0] == '"' &&
		   !at->name && (next == at->end || *next != '.');
}

static bool
is_constant(const place *at, const osp_sql_token *token)
{
	switch (token->kind)
	{
		case OSP_SQL_STRING:
			return true;
		case OSP_SQL_NUMBER:
			return at->rules->normalize || at->rules->secrecy >= OSP_SQL_VALUES;
		default:
			return (at->rules->normalize ||
					at->rules->secrecy != OSP_SQL_HARMLESS) &&
				   may_be_string(at, token);
	}
}

/* Writes the replacement of a constant. A quote right behind a word would make the word
 * its prefix, and right behind another constant it would continue that one, so a space
 * is put between. */
static void
put_constant(writer *w)
{
	char last = w->len > 0 ? w->out[w->len - 1] : ' ';

	if (last == w->constant.ptr[0])
		w->space = OSP_STR(" ");
	else if (osp_sql_is_word_char(last) || last == '$' || last == '&')
		put_space(w, OSP_STR(" "));
	put(w, w->constant);
}

static void
copy_token(writer *w, place *at, const osp_sql_token *token)
{
	if (begins_value(at, token))
	{
		at->hides_rest = true;
		put_constant(w);
		return;
	}
	if (is_constant(at, token))
	{
		put_constant(w);
		w->after_string = token->kind != OSP_SQL_NUMBER;
		w->after_number = !w->after_string;
	}
	else
	{
		if (w->after_number && token->kind == OSP_SQL_WORD)
			put_space(w, OSP_STR(" "));
		put(w, token->text);
	}
	if (is_before_value(at, token))
	{
		at->hides_rest = true;
		put_space(w, OSP_STR(" "));
		put_constant(w);
		return;
	}
	note(at, token);
}

/*
 * Must the rest of the text from this token on be dropped? That is so if a word touches
 * the string before it, as in 'it's'. In a text that did not parse, any quote may be
 * the wrong one, and a word that touches a number may be part of a constant.
 */
static bool
ends_trust(const writer *w, const place *at, const osp_sql_token *token)
{
	bool touches =
		!at->hides_rest && w->space.len == 0 && token->kind == OSP_SQL_WORD;

	if (!at->rules->broken)
		return touches && w->after_string;
	return token->kind == OSP_SQL_STRING || token->kind == OSP_SQL_NAME ||
		   token->text.ptr[0] == '$' || (touches && w->after_number);
}

static size_t
rewrite(writer *w, const rewriting *rules, osp_str text)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	place at;

	begin_statement(&at, rules, text.ptr + text.len);
	osp_sql_lexer_init(&lexer, text, rules->dialect);
	while (w->len < w->size && osp_sql_next(&lexer, &token) &&
		   !ends_trust(w, &at, &token))
	{
		if (token.kind == OSP_SQL_SEMICOLON)
		{
			put(w, token.text);
			begin_statement(&at, rules, text.ptr + text.len);
		}
		else if (at.hides_rest)
			continue;
		else if (token.kind == OSP_SQL_COMMENT)
			put_space(w, OSP_STR(" "));
		else if (token.kind == OSP_SQL_SPACE)
			put_space(w, token.text);
		else
			copy_token(w, &at, &token);
	}
	return w->len;
}

static size_t
rewrite_with(osp_str text, const rewriting *rules, char *out, size_t size)
{
	writer w = {out,
				0,
				size,
				rules->normalize ? OSP_STR("?") : MASK,
				{"", 0},
				false,
				false};

	return rewrite(&w, rules, text);
}

size_t
osp_sql_mask(osp_str text, osp_sql_dialect dialect, osp_sql_secrecy secrecy,
			 char *out, size_t size)
{
	rewriting rules = {.dialect = dialect, .secrecy = secrecy};

	return rewrite_with(text, &rules, out, size);
}

size_t
osp_sql_normalize(osp_str text, osp_sql_dialect dialect,
				  osp_sql_secrecy secrecy, char *out, size_t size)
{
	rewriting rules = {
		.dialect = dialect, .secrecy = secrecy, .normalize = true};

	return rewrite_with(text, &rules, out, size);
}

void
osp_sql_space_free(osp_sql_space *space)
{
	osp_free(&osp_allocator_default, space->ptr);
	space->ptr = NULL;
	space->size = 0;
}

/* Reserves space for the rewritten form of a text of this length. Masks make it longer:
 * the two bytes "1," become six. */
static bool
have_space(osp_sql_space *space, size_t len)
{
	size_t size = len * 3 + sizeof(" '***'") * 2;
	char *grown;

	if (size <= space->size)
		return true;
	grown = osp_realloc(&osp_allocator_default, space->ptr, size);
	if (grown == NULL)
		return false;
	space->ptr = grown;
	space->size = size;
	return true;
}

/*
 * Returns the text without contexts. Contexts at its ends are trimmed. Those between
 * other comments are cut from a copy at the end of the space; the masked form is then
 * written from the start of the space, and never overtakes the reading of that copy. A
 * text that is longer than what is recorded keeps the latter contexts: they make it a
 * secret text, which is recorded without any comment.
 */
static osp_str
without_contexts(osp_str text, const osp_sql_recording *how, size_t max,
				 osp_sql_space *space)
{
	bool inside;
	char *copy;

	text = osp_sql_comment_trim(text, how->dialect, how->traceparents, &inside);
	if (!inside || text.len > max || !have_space(space, text.len))
		return text;
	copy = space->ptr + space->size - text.len;
	return osp_str_n(
		copy, osp_sql_comment_cut(text, how->dialect, how->traceparents, copy));
}

/*
 * Can the quotes in the text not be trusted? A text that leaves a quote open has one
 * too many or too few, and it may be the first.
 */
static bool
is_broken(const osp_sql_recording *how, const osp_sql_recorded *out)
{
	return (how->broken && (out->masked || how->built ||
							!osp_sql_is_query(out->text, how->dialect))) ||
		   !osp_sql_ends_plain(out->text, how->dialect);
}

/* Rewrites the text without the parts that must not be recorded. */
static void
record_changed(const osp_sql_recording *how, size_t max, osp_sql_space *space,
			   osp_sql_recorded *out)
{
	osp_str text = out->text;
	rewriting rules = {
		.dialect = how->dialect,
		.secrecy = out->secrecy,
		.normalize = how->built || how->detail == OSP_STATEMENT_NORMALIZED,
		.broken = is_broken(how, out),
	};

	if (text.len > max)
		text.len = osp_utf8_prefix(text, max);
	if (how->built && how->broken && !osp_sql_is_query(text, how->dialect))
		out->text = OSP_STR("?");
	else if (how->detail == OSP_STATEMENT_NONE || !have_space(space, text.len))
		out->text = osp_sql_first_word(text, how->dialect);
	else
		out->text = osp_str_n(
			space->ptr, rewrite_with(text, &rules, space->ptr, space->size));
}

void
osp_sql_record(osp_str text, const osp_sql_recording *how, size_t max,
			   osp_sql_space *space, osp_sql_recorded *out)
{
	unsigned words = osp_sql_words(text);

	if (OSP_UNLIKELY((words & OSP_SQL_HAS_TRACE) != 0))
	{
		text = without_contexts(text, how, max, space);
		words = osp_sql_words(text);
	}
	out->text = text;
	out->full_len = text.len;
	out->secrecy = osp_sql_secret_with(text, how->dialect, words);
	if (how->masked && out->secrecy < OSP_SQL_SECRET)
		out->secrecy = OSP_SQL_SECRET;
	if (out->secrecy == OSP_SQL_HARMLESS && !how->parsed && !how->broken &&
		!osp_sql_is_known(text, how->dialect))
		out->secrecy = OSP_SQL_UNKNOWN;
	out->masked = out->secrecy >= OSP_SQL_SECRET;
	if (OSP_UNLIKELY(out->secrecy != OSP_SQL_HARMLESS ||
					 how->detail != OSP_STATEMENT_FULL || how->built ||
					 (how->broken && !osp_sql_is_query(text, how->dialect))))
		record_changed(how, max, space, out);
}
