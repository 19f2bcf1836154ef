/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_message.c
 *	  Messages of errors without values of parameters and without secrets.
 *
 * PostgreSQL's messages quote the things that they name, except for most numbers.
 * Whether a quoted part is a name of the schema, a part of the statement or a value
 * depends on where the error was raised. SQLite names values behind a colon or in
 * quotes.
 */
#include "sql/sql_text.h"

#include <strings.h>

#define HIDDEN OSP_STR("\"?\"")
#define MASKED OSP_STR("***")

/* Quotation marks of the languages that PostgreSQL's messages use, besides ' and ". */
static const char *const marks[] = {
	"\xc2\xab",
	"\xc2\xbb", /* guillemets */
	"\xe2\x80\x98",
	"\xe2\x80\x99",
	"\xe2\x80\x9a", /* single */
	"\xe2\x80\x9c",
	"\xe2\x80\x9d",
	"\xe2\x80\x9e", /* double */
	"\xe2\x80\xb9",
	"\xe2\x80\xba", /* single guillemets */
	"\xe3\x80\x8c",
	"\xe3\x80\x8d",
	"\xe3\x80\x8e",
	"\xe3\x80\x8f", /* corners */
};

/* The length of the quotation mark at p, 0 if there is none. */
static size_t
mark_at(const char *p, const char *end)
{
	size_t i;

	if (*p == '"' || *p == '\'' || *p == '`')
		return 1;
	if ((unsigned char) *p < 0x80)
		return 0;
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
	{
		size_t len = strlen(marks[i]);

		if ((size_t) (end - p) >= len && memcmp(p, marks[i], len) == 0)
			return len;
	}
	return 0;
}

/* Is it the apostrophe of a word, as in "can't"? */
static bool
is_apostrophe(osp_str message, const char *p)
{
	return *p == '\'' && p > message.ptr && p + 1 < message.ptr + message.len &&
		   osp_sql_is_letter(p[-1]) && osp_sql_is_letter(p[1]);
}

/* Is the text behind the last quotation mark free of values? */
static bool
is_harmless(osp_str tail)
{
	size_t i;

	for (i = 0; i < tail.len; i++)
		if (tail.ptr[i] == ':' || osp_sql_is_digit(tail.ptr[i]))
			return false;
	return true;
}

static size_t
append(char *space, size_t len, size_t size, osp_str text)
{
	size_t room = size - len;

	if (text.len > room)
		text.len = osp_utf8_prefix(text, room);
	memmove(space + len, text.ptr, text.len);
	return len + text.len;
}

/*
 * Replaces everything from the first quotation mark to the last by one "?". If there is
 * only one mark, its partner was cut off, and the rest is left out.
 */
static osp_str
without_quoted(osp_str message, char *space, size_t size)
{
	const char *end = message.ptr + message.len;
	const char *first = NULL;
	const char *last = NULL;
	const char *behind = NULL;
	const char *p;
	size_t len;
	osp_str tail;

	for (p = message.ptr; p < end; p++)
	{
		size_t mark = mark_at(p, end);

		if (mark == 0 || is_apostrophe(message, p))
			continue;
		if (first == NULL)
			first = p;
		last = p;
		behind = p + mark;
	}
	if (first == NULL)
		return message;
	tail = osp_str_n(behind, (size_t) (end - behind));
	len = append(
		space, 0, size, osp_str_n(message.ptr, (size_t) (first - message.ptr)));
	len = append(space, len, size, HIDDEN);
	if (last != first && is_harmless(tail))
		len = append(space, len, size, tail);
	return osp_str_n(space, len);
}

/* Is everything behind the colon in quotation marks? */
static bool
is_quoted_behind(osp_str message, const char *colon)
{
	const char *end = message.ptr + message.len;
	const char *p = colon + 1;

	while (p < end && *p == ' ')
		p++;
	return p < end && mark_at(p, end) > 0 && strchr("\"'", end[-1]) != NULL;
}

/* The first quotation mark of a message, or its end. */
static const char *
first_mark(osp_str message)
{
	const char *end = message.ptr + message.len;
	const char *p = message.ptr;

	while (p < end && (mark_at(p, end) == 0 || is_apostrophe(message, p)))
		p++;
	return p;
}

/*
 * Cuts a message before a colon behind which a name without quotation marks stands, as
 * in "operator does not exist: x". Returns the message itself if there is none.
 */
static osp_str
before_colon(osp_str message)
{
	const char *colon = memchr(message.ptr, ':', message.len);

	return colon != NULL && colon < first_mark(message) &&
				   !is_quoted_behind(message, colon)
			   ? osp_str_n(message.ptr, (size_t) (colon - message.ptr))
			   : message;
}

/*
 * Removes the looked-up name from a message if it has no quotation marks. The name may
 * stand behind a colon, or anywhere, as in "function x(integer) does not exist". In the
 * second case the message has no quotation marks, or only one inside a word.
 */
static osp_str
without_unquoted(osp_str message)
{
	const char *colon = memchr(message.ptr, ':', message.len);
	const char *p = first_mark(message);

	if (colon != NULL && colon < p)
		return before_colon(message);
	return p < message.ptr + message.len && (p == message.ptr || p[-1] == ' ')
			   ? message
			   : MASKED;
}

/* Replaces each number by a question mark, but not digits in a word such as "int4". The
 * message may lie in space, because the result is not longer. */
static osp_str
without_numbers(osp_str message, char *space, size_t size)
{
	const char *p = message.ptr;
	const char *end = p + message.len;
	bool in_word = false;
	size_t len = 0;

	while (p < end && len < size)
	{
		if (in_word || !osp_sql_is_digit(*p))
		{
			in_word = osp_sql_is_word_char(*p);
			space[len++] = *p++;
			continue;
		}
		while (p < end &&
			   (osp_sql_is_word_char(*p) ||
				(*p == '.' && p + 1 < end && osp_sql_is_digit(p[1]))))
			p++;
		space[len++] = '?';
	}
	return osp_str_n(space, osp_utf8_prefix(osp_str_n(space, len), len));
}

/*
 * Cuts SQLite's message before its first colon or quotation mark, because
 * values follow these. A message of the full-text search begins with its name
 * and a colon; one of load_extension() begins with the name of a file.
 */
static osp_str
without_values_of_sqlite(osp_str message, char *space, size_t size)
{
	static const char fts5[] = "fts5: ";
	size_t name = sizeof(fts5) - 1;
	osp_str head = message;
	const char *colon;

	if (message.len < name || memcmp(message.ptr, fts5, name) != 0)
		name = 0;
	colon = memchr(message.ptr + name, ':', message.len - name);
	if (colon != NULL)
		head.len = (size_t) (colon - message.ptr);
	if (memchr(head.ptr, '/', head.len) != NULL ||
		memchr(head.ptr, '.', head.len) != NULL ||
		memmem(message.ptr, message.len, ".so:", 4) != NULL)
		return MASKED;
	return without_numbers(without_quoted(head, space, size), space, size);
}

/*
 * Cuts SQLite's message about a constraint before its colon, unless names of columns
 * follow. For a CHECK constraint without a name, SQLite's message has the expression
 * with its constants.
 */
static osp_str
without_expression(osp_str message)
{
	const char *end = message.ptr + message.len;
	const char *colon = memchr(message.ptr, ':', message.len);
	const char *p;

	if (colon == NULL)
		return message;
	for (p = colon + 1; p < end; p++)
		if ((!osp_sql_is_word_char(*p) && strchr(" .,", *p) == NULL) ||
			(osp_sql_is_digit(*p) && !osp_sql_is_word_char(p[-1])))
			return osp_str_n(message.ptr, (size_t) (colon - message.ptr));
	return message;
}

/* Is it a class of errors that functions or other servers raise with their own
 * texts? */
static bool
is_class_of_programs(const char *sqlstate)
{
	static const char *const classes[] = {"P0", "38", "39", "2F", "HV"};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (memcmp(sqlstate, classes[i], 2) == 0)
			return true;
	return false;
}

/* Is it a server function that raises the errors of a procedural language's
 * programs, or those of another server, whose functions may have chosen them? */
static bool
raises_for_programs(const char *function)
{
	static const char *const functions[] = {"exec_stmt_raise",
											"PLy_output",
											"PLy_elog_impl",
											"PLy_elog",
											"pgfdw_report_error",
											"dblink_res_error"};
	size_t i;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(function, functions[i]) == 0)
			return true;
	return false;
}

/* Is it the text with which a client gives up a COPY: often that of an exception, which
 * quotes the row? */
static bool
is_given_up(const char *sqlstate, const char *function)
{
	return strcmp(sqlstate, "57014") == 0 && function != NULL &&
		   strcmp(function, "CopyGetData") == 0;
}

/* Do messages of this class quote only names? These are names of constraints and their
 * tables, and of prepared statements. */
static bool
is_class_of_names(const char *sqlstate)
{
	return memcmp(sqlstate, "23", 2) == 0 || memcmp(sqlstate, "08", 2) == 0 ||
		   memcmp(sqlstate, "26", 2) == 0;
}

osp_sql_origin
osp_sql_error_origin(const char *sqlstate, const char *function, bool position,
					 bool internal_position)
{
	if (sqlstate == NULL || strlen(sqlstate) < 2)
		return OSP_SQL_FROM_ELSEWHERE;
	if (is_class_of_programs(sqlstate) || is_given_up(sqlstate, function) ||
		(function != NULL && raises_for_programs(function)))
		return OSP_SQL_FROM_PROGRAM;
	if (memcmp(sqlstate, "22", 2) == 0)
		return OSP_SQL_FROM_DATA;
	if (is_class_of_names(sqlstate))
		return OSP_SQL_FROM_SCHEMA;

	/* A syntax error may be about a value, as in '1.2'::regtype. */
	if (position || internal_position)
		return strcmp(sqlstate, "42601") != 0 ? OSP_SQL_FROM_TEXT
											  : OSP_SQL_FROM_ELSEWHERE;
	return (memcmp(sqlstate, "42", 2) == 0 && strcmp(sqlstate, "42501") != 0) ||
				   strcmp(sqlstate, "0A000") == 0
			   ? OSP_SQL_FROM_LOOKUP
			   : OSP_SQL_FROM_ELSEWHERE;
}

static bool
hides(osp_sql_origin origin, const osp_sql_message_rules *rules)
{
	if (rules->hide_text && origin != OSP_SQL_FROM_SCHEMA)
		return true;
	switch (origin)
	{
		case OSP_SQL_FROM_DATA:
			return rules->hide_values;
		case OSP_SQL_FROM_PROGRAM:
			return rules->hide_values &&
				   (rules->dialect != OSP_SQL_SQLITE || rules->values);
		case OSP_SQL_FROM_ELSEWHERE:
		case OSP_SQL_FROM_LOOKUP:
			return rules->hide_values && rules->values;
		case OSP_SQL_FROM_TEXT:
		case OSP_SQL_FROM_SCHEMA:
			break;
	}
	return false;
}

/* The value of a string without its prefix and quotation marks, as it is written. */
static osp_str
value_of(osp_str string)
{
	const char *open = memchr(string.ptr, '\'', string.len);
	const char *close = memrchr(string.ptr, '\'', string.len);

	if (string.ptr[0] == '$')
	{
		size_t tag;

		open = memchr(string.ptr + 1, '$', string.len - 1);
		tag = open != NULL ? (size_t) (open - string.ptr) : string.len;
		close = tag < string.len ? string.ptr + string.len - 1 - tag : NULL;
	}
	if (open == NULL || close == NULL || close <= open)
		return OSP_STR("");
	return osp_str_n(open + 1, (size_t) (close - open - 1));
}

/* How many characters of a message are compared with the strings of a statement, one
 * more at each place. Beyond that the message counts as one that quotes a string: it is
 * not worth seconds. */
#define COMPARED_MAX 20000000

/* A message that strings are looked for in. */
typedef struct searched
{
	osp_str message;
	uint32_t
		pairs[32]; /* which pairs of characters it has, whatever their case */
	size_t left;   /* so many characters may still be compared */
} searched;

static unsigned
fold(char c)
{
	return (unsigned char) c & 31;
}

static void
find_pairs(searched *in)
{
	size_t i;

	memset(in->pairs, 0, sizeof(in->pairs));
	for (i = 0; i + 1 < in->message.len; i++)
		in->pairs[fold(in->message.ptr[i])] |= UINT32_C(1)
											   << fold(in->message.ptr[i + 1]);
}

/* How many characters at the beginning of a and b are the same, in small or large
 * letters? Both have len characters. */
static size_t
same_length(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	while (i < len && (a[i] == b[i] || strncasecmp(a + i, b + i, 1) == 0))
		i++;
	return i;
}

/* Is this text, of two characters or more, in the message, in small or large letters?
 * PostgreSQL folds names. */
static bool
quotes(searched *in, osp_str value)
{
	size_t i;

	for (i = 0; i + 1 < value.len; i++)
		if ((in->pairs[fold(value.ptr[i])] >> fold(value.ptr[i + 1]) & 1) == 0)
			return false;
	for (i = 0; i + value.len <= in->message.len; i++)
	{
		size_t same = same_length(in->message.ptr + i, value.ptr, value.len);

		if (same == value.len || in->left <= same)
			return true;
		in->left -= same + 1;
	}
	return false;
}

/* The longest part of a string's value that has no quotes or backslashes, which are
 * escapes or join the parts of a continued string. */
static osp_str
longest_part(osp_str value)
{
	osp_str longest = OSP_STR("");
	size_t begin = 0;
	size_t i;

	for (i = 0; i <= value.len; i++)
	{
		if (i < value.len && value.ptr[i] != '\'' && value.ptr[i] != '\\')
			continue;
		if (i - begin > longest.len)
			longest = osp_str_n(value.ptr + begin, i - begin);
		begin = i + 1;
	}
	return longest;
}

static bool
quotes_string(osp_str message, osp_str statement, osp_sql_dialect dialect)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	searched in = {.message = message, .left = COMPARED_MAX};

	find_pairs(&in);
	osp_sql_lexer_init(&lexer, statement, dialect);
	while (osp_sql_next(&lexer, &token))
	{
		osp_str value;

		if (token.kind != OSP_SQL_STRING || token.open)
			continue;
		value = longest_part(value_of(token.text));
		if (value.len > 1 && quotes(&in, value))
			return true;
	}
	return false;
}

bool
osp_sql_quotes_string(osp_str message, osp_str statement,
					  osp_sql_dialect dialect)
{
	/* In this dialect it is unknown whether a backslash escapes a quote, so both
	 * readings are checked. If the wrong one were used, a string would not end, and
	 * would not be checked. */
	if (dialect == OSP_SQL_POSTGRES_ANY &&
		quotes_string(message, statement, OSP_SQL_POSTGRES_BACKSLASH))
		return true;
	return quotes_string(message,
						 statement,
						 dialect == OSP_SQL_POSTGRES_ANY ? OSP_SQL_POSTGRES
														 : dialect);
}

/* Does the message quote an unclosed comment, which holds a context? */
static bool
has_context(osp_str message)
{
	return memmem(message.ptr, message.len, "/*", 2) != NULL &&
		   (osp_sql_words(message) & OSP_SQL_HAS_TRACE) != 0;
}

/*
 * Replaces the value of a secret in the text, and everything after the value, by
 * "***": "bad password=***".
 */
static osp_str
without_secret(osp_str text, bool of_program, char *space, size_t size)
{
	unsigned found = osp_sql_words(text);
	osp_str head = text;
	size_t len;

	if (OSP_UNLIKELY((found & OSP_SQL_HAS_NAMED) != 0))
		head = osp_sql_before_value(text, of_program);
	if (osp_sql_has_secret_uri(head))
		return MASKED;
	if (head.len == text.len)
		return text;
	len = append(space, 0, size, head);
	return osp_str_n(space, append(space, len, size, MASKED));
}

/*
 * If names have to be hidden, removes the texts that the message has without
 * quotation marks: a looked-up name, or a string of the statement. If the message
 * was not checked for strings of the statement, such a string may be anywhere in it.
 */
static osp_str
without_name(osp_str message, osp_sql_origin origin,
			 const osp_sql_message_rules *rules)
{
	if (origin == OSP_SQL_FROM_LOOKUP ||
		(origin == OSP_SQL_FROM_TEXT && rules->hide_text && rules->unchecked))
		return without_unquoted(message);
	return rules->hide_text && (origin == OSP_SQL_FROM_TEXT ||
								origin == OSP_SQL_FROM_ELSEWHERE)
			   ? before_colon(message)
			   : message;
}

/* The message without values of parameters and of a masked statement. */
static osp_str
without_hidden(osp_str message, osp_sql_origin origin,
			   const osp_sql_message_rules *rules, char *space, size_t size)
{
	bool hidden;

	if ((rules->masked || rules->hide_text) && origin == OSP_SQL_FROM_PROGRAM)
		return MASKED;
	if (rules->hide_text && origin == OSP_SQL_FROM_SCHEMA &&
		rules->dialect == OSP_SQL_SQLITE)
		message = without_expression(message);
	if (!rules->masked && !hides(origin, rules) &&
		!osp_sql_has_secret_uri(message) && !has_context(message))
		return message;
	if (rules->dialect == OSP_SQL_SQLITE)
		return without_values_of_sqlite(message, space, size);
	hidden = rules->masked || rules->values || rules->hide_text;
	if (hidden)
		message = without_name(message, origin, rules);
	message = without_quoted(message, space, size);
	if (hidden && origin != OSP_SQL_FROM_TEXT && origin != OSP_SQL_FROM_SCHEMA)
		return without_numbers(message, space, size);
	return message;
}

osp_str
osp_sql_message(osp_str message, osp_sql_origin origin,
				const osp_sql_message_rules *rules, char *space, size_t size)
{
	bool of_program =
		origin == OSP_SQL_FROM_PROGRAM ||
		(rules->dialect == OSP_SQL_SQLITE && origin == OSP_SQL_FROM_ELSEWHERE);

	message = without_hidden(message, origin, rules, space, size);

	/* SQLite's "unrecognized token: x" quotes the statement, which is not masked. */
	if (rules->dialect == OSP_SQL_SQLITE && origin == OSP_SQL_FROM_TEXT)
		return message;
	return without_secret(message, of_program, space, size);
}
