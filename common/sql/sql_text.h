/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_text.h
 *	  Reading the text of SQL statements: tokens, comments that hold a context,
 *	  secrets, constants. Private to the project.
 *
 * PostgreSQL's extension, the hooks of libpq and SQLite's tracer use this, and
 * nothing else reads SQL. Nothing here allocates (except osp_sql_record), fails
 * or reads outside of the given text; text that is not SQL gives some tokens,
 * too. Text may have any encoding in which ASCII characters are single bytes
 * and no byte below '0' is part of a longer character; if the input is valid
 * UTF-8, the output is, too.
 */
#ifndef OSPROFILER_SQL_TEXT_H
#define OSPROFILER_SQL_TEXT_H

#include "osprofiler/base.h"

/* The rules that the text follows. */
typedef enum osp_sql_dialect
{
	OSP_SQL_POSTGRES,           /* standard_conforming_strings is on */
	OSP_SQL_POSTGRES_BACKSLASH, /* off: a backslash escapes in '...' */
	OSP_SQL_POSTGRES_ANY,       /* it is not known */
	OSP_SQL_SQLITE
} osp_sql_dialect;

/* How much of the text of a statement is recorded. */
typedef enum osp_statement_text
{
	OSP_STATEMENT_FULL,       /* all except contexts and secrets */
	OSP_STATEMENT_NORMALIZED, /* constants as question marks */
	OSP_STATEMENT_NONE        /* its first word */
} osp_statement_text;

/* ---- tokens (sql_lexer.c) ---- */

typedef enum osp_sql_kind
{
	OSP_SQL_SPACE,
	OSP_SQL_COMMENT, /* block or line; a line's newline is not part of it */
	OSP_SQL_WORD,    /* keyword or name without quotes */
	OSP_SQL_NAME,    /* name in "...", U&"...", `...` or [...] */
	OSP_SQL_STRING,  /* string of any form, with its prefix and continuation */
	OSP_SQL_NUMBER,
	OSP_SQL_PARAM, /* $1; in SQLite also ?1, :name, @name, $name */
	OSP_SQL_SEMICOLON,
	OSP_SQL_OTHER /* one byte: operators, parentheses, dots, ... */
} osp_sql_kind;

typedef struct osp_sql_token
{
	osp_sql_kind kind;
	bool open;    /* the text does not close this comment, name or string */
	osp_str text; /* borrowed from the text that is read */
} osp_sql_token;

typedef struct osp_sql_lexer
{
	const char *pos; /* where the next token begins */
	const char *end;
	osp_sql_dialect dialect;
} osp_sql_lexer;

void osp_sql_lexer_init(osp_sql_lexer *lexer, osp_str text,
						osp_sql_dialect dialect);

/*
 * Reads the next token; false at the end of the text. The tokens together are
 * the text, byte for byte. If the end of a string is uncertain under
 * OSP_SQL_POSTGRES_ANY, the string is open and is the last token.
 */
bool osp_sql_next(osp_sql_lexer *lexer, osp_sql_token *token);

/* Reads the next token that is neither white space nor a comment. */
bool osp_sql_next_word(osp_sql_lexer *lexer, osp_sql_token *token);

/* Is the token this word? word is in lower case. */
bool osp_sql_is(const osp_sql_token *token, const char *word);

/* The position behind the last semicolon of the text, or its beginning. */
const char *osp_sql_last_statement(osp_str text, osp_sql_dialect dialect);

/*
 * Does the text end in plain SQL: outside of every string, quoted name, block comment
 * and dollar quote? Only then can a comment be added behind it, on a line of its own,
 * without changing the statement. A line comment at the end is plain in this sense.
 * With OSP_SQL_POSTGRES_ANY: true only if it holds under both settings of
 * standard_conforming_strings.
 */
bool osp_sql_ends_plain(osp_str text, osp_sql_dialect dialect);

/*
 * The first word of the statement, after white space, comments, semicolons and
 * opening parentheses; borrowed from the text. Empty if there is none.
 */
osp_str osp_sql_first_word(osp_str text, osp_sql_dialect dialect);

static inline bool
osp_sql_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is it a letter for SQL? All bytes beyond ASCII are. */
static inline bool
osp_sql_is_letter(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		   (unsigned char) c >= 0x80;
}

static inline bool
osp_sql_is_word_char(char c)
{
	return osp_sql_is_letter(c) || osp_sql_is_digit(c) || c == '_';
}

/* Is it white space for SQL? */
static inline bool
osp_sql_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- contexts in comments (sql_comment.c) ---- */

/* The contexts in the comments around a statement, as they are in the text: values are
 * still percent-encoded. Empty: there is none. */
typedef struct osp_sql_context
{
	osp_str info; /* trace_info and trace_hmac of one comment */
	osp_str hmac;
	osp_str traceparent;
	bool malformed; /* a comment looks like a signed context but is none, and no
					 * other comment has one */
} osp_sql_context;

/* How many bytes before the end of a text are searched for a comment that is followed
 * by line comments; a comment right at the end may be of any length. */
#define OSP_SQL_TAIL 1024

/* Is there a block comment in the last OSP_SQL_TAIL bytes before end? */
bool osp_sql_tail_has_comment(const char *begin, const char *end);

/*
 * May the text begin or end with a comment that holds a context? false is certain,
 * within OSP_SQL_TAIL, and reads only the first and last bytes.
 */
static inline bool
osp_sql_may_have_context(osp_str text)
{
	const char *begin = text.ptr;
	const char *end = begin + text.len;

	while (end > begin && (osp_sql_is_space(end[-1]) || end[-1] == ';'))
		end--;
	while (begin < end && osp_sql_is_space(*begin))
		begin++;
	if (end - begin < 4)
		return false;
	return OSP_UNLIKELY((begin[0] == '/' && begin[1] == '*') ||
						(begin[0] == '-' && begin[1] == '-') ||
						begin[0] == ';' || end[-1] == '/') ||
		   osp_sql_tail_has_comment(begin, end);
}

/*
 * Finds the contexts in the block comments before the first token of the text that is
 * neither comment nor semicolon, and behind the last one. Of several, the last one
 * counts. The comment of a signed context must be a list of key='value', separated by
 * commas, and nothing else; a traceparent is also found in a comment that only
 * resembles such a list. False: there is no context, not even a malformed one.
 */
bool osp_sql_comment_find(osp_str text, osp_sql_dialect dialect,
						  osp_sql_context *out);

/* Like osp_sql_comment_find, but for a text that consists only of a comment
 * with a context, with or without its comment marks. */
bool osp_sql_comment_whole(osp_str text, osp_sql_context *out);

/*
 * Skips comments with contexts (those that osp_sql_comment_cut would cut) at both ends
 * of the text, unless another comment stands before them. *inside: is there a context
 * elsewhere in the text?
 */
osp_str osp_sql_comment_trim(osp_str text, osp_sql_dialect dialect,
							 bool traceparents, bool *inside);

/*
 * Copies the text without its comments that hold a signed context or, if asked
 * for, a traceparent, wherever they stand, even if they are malformed. out
 * holds text.len bytes and may be text.ptr. Returns the length.
 */
size_t osp_sql_comment_cut(osp_str text, osp_sql_dialect dialect,
						   bool traceparents, char *out);

/* ---- secrets (sql_secret.c) ---- */

typedef enum osp_sql_secrecy
{
	OSP_SQL_HARMLESS,
	OSP_SQL_UNKNOWN,   /* perhaps mistyped: its strings may be secret */
	OSP_SQL_VALUES,    /* its constants are values of parameters (EXECUTE) */
	OSP_SQL_SECRET,    /* a word shows that its constants may be secret */
	OSP_SQL_SENSITIVE, /* it sets a secret, which need not be in quotes */
} osp_sql_secrecy;

/* May the text hold a secret? It may consist of several statements. */
osp_sql_secrecy osp_sql_secret(osp_str text, osp_sql_dialect dialect);

/* Finds out which kinds of words the text holds. */
#define OSP_SQL_HAS_SECRET 1u /* such as "password" or "token" */
#define OSP_SQL_HAS_TRACE  2u /* "trace", as in the names of contexts */
#define OSP_SQL_HAS_CONFIG 4u /* the view pg_settings */
#define OSP_SQL_HAS_PARAMS 8u /* sqlite_parameters of the sqlite3 shell */
#define OSP_SQL_HAS_NAMED \
	16u /* a secret's name, behind which its value may stand */

unsigned osp_sql_words(osp_str text);

/* The end of the first word between p and end that names a secret, such as "passw" or
 * "token"; NULL: there is none. */
const char *osp_sql_named_secret(const char *p, const char *end);

/* The length of the equals sign at p, behind another character; 0: there is none. One
 * that JSON escapes begins behind the backslash: u003d. */
size_t osp_sql_equals_at(const char *p, const char *end);

/* Does a quotation mark stand at p, behind another character, as some write it in JSON
 * within JSON: u0022 behind a backslash? */
bool osp_sql_is_escaped_quote(const char *p, const char *end);

/* Like osp_sql_secret, if osp_sql_words has been called before. */
osp_sql_secrecy osp_sql_secret_with(osp_str text, osp_sql_dialect dialect,
									unsigned found);

/* Does the statement run deferred triggers of earlier ones (COMMIT, PREPARE
 * TRANSACTION, SET CONSTRAINTS)? */
bool osp_sql_runs_deferred(osp_str text, osp_sql_dialect dialect);

/* Does the statement read rows that its text does not show: those of a cursor (FETCH,
 * MOVE), of a file or the client (COPY)? */
bool osp_sql_reads_rows(osp_str text, osp_sql_dialect dialect);

/* May osp_sql_runs_deferred or osp_sql_reads_rows be true? false is certain, and reads
 * only the first and the third byte. */
static inline bool
osp_sql_may_run_earlier(osp_str text)
{
	if (text.len < 3)
		return false;
	switch (text.ptr[0] | 0x20)
	{
		case 's':
			return (text.ptr[2] | 0x20) == 't';
		case 'b':
		case 'd':
		case 'i':
		case 'u':
		case 'w':
			return false;
		default:
			return true;
	}
}

/* Does the text hold a URI with a password, an http(s) URI with a token in place of
 * its user, or a file: URI with a key? */
bool osp_sql_has_secret_uri(osp_str text);

/*
 * Does the name that a program gives itself (application_name) hold a secret: a word
 * such as "password" and "=", a colon or white space, or a URI with a password? A name
 * such as token-service does not.
 */
bool osp_sql_is_secret_name(osp_str name);

/* Does the text hold this word in upper or lower case? word is in lower case. */
bool osp_sql_holds(osp_str text, const char *word);

/*
 * Does each statement of the text begin like a known kind of statement, whose constants
 * may be recorded, and end? Others may be mistyped statements that set a secret, such as
 * ALTER ROL. The end of a single query is not looked at.
 */
bool osp_sql_is_known(osp_str text, osp_sql_dialect dialect);

/* Is the text one SELECT, INSERT, BEGIN or the like, with no other statement behind
 * it? */
bool osp_sql_is_query(osp_str text, osp_sql_dialect dialect);

/* ---- texts as they are recorded (sql_record.c) ---- */

/*
 * Copies the text without comments, with '***' in place of each string constant and
 * each number. In a sensitive text, unquoted values are masked, too: those behind
 * PASSWORD, KEY or a setting, also if the sign before them is missing. Writes at most
 * size bytes to out and returns how many.
 */
size_t osp_sql_mask(osp_str text, osp_sql_dialect dialect,
					osp_sql_secrecy secrecy, char *out, size_t size);

/* Like osp_sql_mask, with a question mark in place of each constant, also numbers. */
size_t osp_sql_normalize(osp_str text, osp_sql_dialect dialect,
						 osp_sql_secrecy secrecy, char *out, size_t size);

typedef struct osp_sql_recording
{
	osp_sql_dialect dialect;
	osp_statement_text detail;
	bool traceparents; /* traceparents are contexts, too, and are cut */
	bool masked;       /* it runs within a statement that may hold a secret */
	bool broken;       /* it did not parse: trust nothing in the text */
	bool parsed;       /* the server has parsed it: it is not mistyped */
	bool built;        /* perhaps built of values: its constants are hidden */
} osp_sql_recording;

/* Memory for texts that are rewritten. It begins as all zeroes and grows; its owner
 * keeps it for the next text, or frees it. */
typedef struct osp_sql_space
{
	char *ptr;
	size_t size;
} osp_sql_space;

void osp_sql_space_free(osp_sql_space *space);

/* The recordable form of a statement. */
typedef struct osp_sql_recorded
{
	osp_str text;    /* borrowed from the text or from the space */
	size_t full_len; /* of the statement without contexts */
	osp_sql_secrecy secrecy;
	bool masked; /* secrecy is OSP_SQL_SECRET or more */
} osp_sql_recorded;

/*
 * Makes the recordable form of a statement. If it is masked, its parameters, plans,
 * messages and nested statements must not show values either. Of a text that must be
 * rewritten, at most the first max bytes are recorded; the caller must cut any other
 * text. Memory is only needed to rewrite a text; if there is none, the first word is
 * recorded.
 */
void osp_sql_record(osp_str text, const osp_sql_recording *how, size_t max,
					osp_sql_space *space, osp_sql_recorded *out);

/* ---- messages of errors (sql_message.c) ---- */

/* The place where an error was raised. It tells what its message quotes. */
typedef enum osp_sql_origin
{
	OSP_SQL_FROM_ELSEWHERE, /* not known: names or values */
	OSP_SQL_FROM_LOOKUP,    /* not known, perhaps without quotation marks */
	OSP_SQL_FROM_DATA,      /* values */
	OSP_SQL_FROM_TEXT,      /* parts of the statement, before it was executed */
	OSP_SQL_FROM_SCHEMA,    /* names of constraints and prepared statements */
	OSP_SQL_FROM_PROGRAM    /* a function or another server chose the text */
} osp_sql_origin;

/*
 * Finds out where an error of PostgreSQL was raised. sqlstate may be NULL, as may
 * function, the server's own function that raised the error. position: the error has a
 * position in the client's statement; internal_position: in a statement that runs
 * within it.
 */
osp_sql_origin osp_sql_error_origin(const char *sqlstate, const char *function,
									bool position, bool internal_position);

typedef struct osp_sql_message_rules
{
	osp_sql_dialect dialect;
	bool masked;      /* its statement may hold a secret */
	bool values;      /* its statement may have parameters */
	bool hide_values; /* hide values of parameters */
	bool hide_text;   /* texts are recorded without constants, or not at all */
	bool unchecked; /* osp_sql_quotes_string was not asked about the message */
} osp_sql_message_rules;

/*
 * Makes the recordable form of an error's message, in UTF-8: the message
 * itself, or a copy in space, of at most size bytes, in which "?" stands for a
 * quoted part, and ? for a number.
 */
osp_str osp_sql_message(osp_str message, osp_sql_origin origin,
						const osp_sql_message_rules *rules, char *space,
						size_t size);

/*
 * Does a message quote a string of the statement, in quotes or not? A string of one
 * character is not looked for.
 */
bool osp_sql_quotes_string(osp_str message, osp_str statement,
						   osp_sql_dialect dialect);

/*
 * The message up to the value of a secret that it tells, as in "password=x" or
 * "token x"; all of it if it tells none. of_program: a program chose the text, so any
 * word behind "password" that does not go on with the sentence may be its value.
 */
osp_str osp_sql_before_value(osp_str message, bool of_program);

/* ---- DETAIL, HINT and CONTEXT of errors (sql_detail.c) ---- */

/*
 * Makes the recordable form of the DETAIL or HINT of a PostgreSQL error, in UTF-8: the
 * text itself, or a copy in space in which *** stands for the values of a row; empty if
 * nothing may be recorded. sqlstate may be NULL; origin is that of the message.
 */
osp_str osp_sql_detail(osp_str detail, const char *sqlstate,
					   osp_sql_origin origin,
					   const osp_sql_message_rules *rules, char *space,
					   size_t size);

/*
 * Lists, in space, the places that the CONTEXT of an error names, one a line: functions
 * with their lines, the line of a COPY, rows by their place in the table. Leaves out
 * statements and values, and everything that is not in English.
 */
osp_str osp_sql_places(osp_str context, char *space, size_t size);

#endif /* OSPROFILER_SQL_TEXT_H */
