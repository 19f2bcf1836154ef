/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_text.h
 *	  Reading the text of SQL statements: tokens, comments that hold a context,
 *	  secrets, constants. Private to the project.
 *
 * PostgreSQL's extension, the hooks of libpq and SQLite's tracer use this, and
 * nothing else reads SQL. Nothing here allocates, fails or reads outside of the
 * text that was given; text that is no SQL at all gives some tokens, too. Text
 * is bytes in any encoding in which ASCII characters are single bytes and no
 * byte below '0' is part of a longer character; where the input is valid UTF-8
 * all output is.
 */
#ifndef OSPROFILER_SQL_TEXT_H
#define OSPROFILER_SQL_TEXT_H

#include "osprofiler/base.h"

/* Which rules the text follows. */
typedef enum osp_sql_dialect
{
	OSP_SQL_POSTGRES,           /* standard_conforming_strings is on */
	OSP_SQL_POSTGRES_BACKSLASH, /* it is off: a backslash escapes in '...' */
	OSP_SQL_POSTGRES_ANY,       /* it is not known */
	OSP_SQL_SQLITE
} osp_sql_dialect;

/* How much of the text of a statement is recorded. */
typedef enum osp_statement_text
{
	OSP_STATEMENT_FULL,       /* all but contexts and secrets */
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
	bool open;    /* a comment, name or string that the text does not close */
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
 * the text, byte for byte. Where OSP_SQL_POSTGRES_ANY leaves it open where a
 * string ends, the string is open and is the last token.
 */
bool osp_sql_next(osp_sql_lexer *lexer, osp_sql_token *token);

/* The same, but passes over white space and comments. */
bool osp_sql_next_word(osp_sql_lexer *lexer, osp_sql_token *token);

/* Is this token the word, which is given in lower case? */
bool osp_sql_is(const osp_sql_token *token, const char *word);

/* Behind the last semicolon of the text, or its begin. */
const char *osp_sql_last_statement(osp_str text, osp_sql_dialect dialect);

/*
 * Does the text end in plain SQL: outside of every string, quoted name, block
 * comment and dollar quote? Only then does a comment behind it, on a line of its
 * own, leave the statement as it is. A line comment at the end is plain in this
 * sense. With OSP_SQL_POSTGRES_ANY: true only if it holds under both settings
 * of standard_conforming_strings.
 */
bool osp_sql_ends_plain(osp_str text, osp_sql_dialect dialect);

/*
 * The first word of the statement, behind white space, comments, semicolons and
 * opening parentheses; borrowed from the text. Empty if there is none.
 */
osp_str osp_sql_first_word(osp_str text, osp_sql_dialect dialect);

static inline bool
osp_sql_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes beyond ASCII are letters of names. */
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

/* White space of SQL. */
static inline bool
osp_sql_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- contexts in comments (sql_comment.c) ---- */

/* What the comments round a statement hold, as it is in the text: values are
 * still percent-encoded. Empty: there is none. */
typedef struct osp_sql_context
{
	osp_str info; /* trace_info and trace_hmac of one comment */
	osp_str hmac;
	osp_str traceparent;
	bool malformed; /* a comment names a signed context and has none, and no
					 * other comment has one */
} osp_sql_context;

/* How far from its end a text is searched for a comment that other line comments
 * follow; a comment right at the end may be of any length. */
#define OSP_SQL_TAIL 1024

/* Is there a block comment in the last OSP_SQL_TAIL bytes before end? */
bool osp_sql_tail_has_comment(const char *begin, const char *end);

/*
 * May the text begin or end with a comment that holds a context? The answer no
 * is certain, within OSP_SQL_TAIL, and costs a look at the first and last bytes.
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
 * Finds the contexts in the block comments before the first token of the text
 * that is neither comment nor semicolon, and behind the last one. Of several the
 * last one counts. A signed context is a list of key='value', separated by
 * commas, and nothing else; a traceparent is also found in what only resembles
 * such a list. False: there is no context, not even a malformed one.
 */
bool osp_sql_comment_find(osp_str text, osp_sql_dialect dialect,
						  osp_sql_context *out);

/* The same for a text that is nothing but such a comment, with its marks or
 * without. */
bool osp_sql_comment_whole(osp_str text, osp_sql_context *out);

/*
 * Passes over the comments that hold contexts, as osp_sql_comment_cut knows them,
 * at both ends of the text, where no other comment stands between. *inside: is
 * there one elsewhere?
 */
osp_str osp_sql_comment_trim(osp_str text, osp_sql_dialect dialect,
							 bool traceparents, bool *inside);

/*
 * Copies the text without its comments that hold a signed context or, if asked
 * for, a traceparent, wherever they stand and however malformed they are. out
 * holds text.len bytes and may be text.ptr. Returns the length.
 */
size_t osp_sql_comment_cut(osp_str text, osp_sql_dialect dialect,
						   bool traceparents, char *out);

/* ---- secrets (sql_secret.c) ---- */

typedef enum osp_sql_secrecy
{
	OSP_SQL_HARMLESS,
	OSP_SQL_UNKNOWN,   /* perhaps mistyped: its strings may be secret */
	OSP_SQL_VALUES,    /* its constants are values of parameters */
	OSP_SQL_SECRET,    /* a word in it says that its constants may be secret */
	OSP_SQL_SENSITIVE, /* it sets a secret, which need not be in quotes */
} osp_sql_secrecy;

/* May the text hold a secret? It may consist of several statements. */
osp_sql_secrecy osp_sql_secret(osp_str text, osp_sql_dialect dialect);

/* Which words does the text hold? */
#define OSP_SQL_HAS_SECRET 1u /* such as "password" or "token" */
#define OSP_SQL_HAS_TRACE  2u /* "trace", as in the keys of contexts */
#define OSP_SQL_HAS_CONFIG 4u /* the view pg_settings */

unsigned osp_sql_words(osp_str text);

/* As osp_sql_secret, where the words are known. */
osp_sql_secrecy osp_sql_secret_with(osp_str text, osp_sql_dialect dialect,
									unsigned found);

/* Does the statement run deferred triggers of earlier ones (COMMIT, PREPARE
 * TRANSACTION, SET CONSTRAINTS)? */
bool osp_sql_runs_deferred(osp_str text, osp_sql_dialect dialect);

/* Does it read rows that its text does not show: of a cursor (FETCH, MOVE), of a file or
 * the client (COPY)? */
bool osp_sql_reads_rows(osp_str text, osp_sql_dialect dialect);

/* May it be one of those? The answer no is certain, and costs a look at the first
 * and the third byte. */
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

/* Does the text hold a URI with a password, or a file: URI with a key? */
bool osp_sql_has_secret_uri(osp_str text);

/* Does the text hold this word, which is given in lower case, in any case? */
bool osp_sql_holds(osp_str text, const char *word);

/*
 * Does each statement of the text begin as one of which PostgreSQL or SQLite records
 * the constants? Others may be mistyped ones that set a secret, as ALTER ROL.
 */
bool osp_sql_is_known(osp_str text, osp_sql_dialect dialect);

/* Is it one SELECT, INSERT, BEGIN or the like, and nothing behind it? */
bool osp_sql_is_query(osp_str text, osp_sql_dialect dialect);

/* ---- texts as they are recorded (sql_record.c) ---- */

/*
 * Copies the text with each string constant and each number as '***', and without
 * comments. Of a sensitive text also values without quotes are masked: what
 * follows PASSWORD, a setting, KEY. At most size bytes go to out; returns how many did.
 */
size_t osp_sql_mask(osp_str text, osp_sql_dialect dialect,
					osp_sql_secrecy secrecy, char *out, size_t size);

/* The same with each constant, also numbers, as a question mark. */
size_t osp_sql_normalize(osp_str text, osp_sql_dialect dialect,
						 osp_sql_secrecy secrecy, char *out, size_t size);

typedef struct osp_sql_recording
{
	osp_sql_dialect dialect;
	osp_statement_text detail;
	bool traceparents; /* are contexts: they are cut, too */
	bool masked;       /* runs within a statement that may hold a secret */
	bool broken;       /* did not parse: trust nothing in the text */
	bool parsed;       /* the server has parsed it: it is not mistyped */
	bool built;        /* perhaps of values: its constants are hidden */
} osp_sql_recording;

/* Memory for texts that are changed. It begins as all zeroes and grows; its owner
 * keeps it for the next text, or frees it. */
typedef struct osp_sql_space
{
	char *ptr;
	size_t size;
} osp_sql_space;

void osp_sql_space_free(osp_sql_space *space);

/* A statement as it may be recorded. */
typedef struct osp_sql_recorded
{
	osp_str text;    /* borrowed from the text or from the space */
	size_t full_len; /* of the statement without contexts */
	osp_sql_secrecy secrecy;
	bool masked; /* it is OSP_SQL_SECRET or more */
} osp_sql_recorded;

/*
 * The statement as it may be recorded. What belongs to one that is masked
 * (parameters, plans, messages, nested statements) must not show values either.
 * Of a text that has to be changed at most the first max bytes are recorded; of
 * another the caller cuts off what is too much. Memory is only needed for a text
 * that is changed; if there is none, the first word is recorded.
 */
void osp_sql_record(osp_str text, const osp_sql_recording *how, size_t max,
					osp_sql_space *space, osp_sql_recorded *out);

/* ---- messages of errors (sql_message.c) ---- */

/* Where an error was raised, which says what its message quotes. */
typedef enum osp_sql_origin
{
	OSP_SQL_FROM_ELSEWHERE, /* not known: names or values */
	OSP_SQL_FROM_LOOKUP,    /* the same, perhaps without quotation marks */
	OSP_SQL_FROM_DATA,      /* values */
	OSP_SQL_FROM_TEXT,      /* parts of the statement, before it was executed */
	OSP_SQL_FROM_SCHEMA,    /* names of constraints, of prepared statements */
	OSP_SQL_FROM_PROGRAM    /* a function or another server chose the words */
} osp_sql_origin;

/*
 * Where an error of PostgreSQL's was raised. sqlstate may be NULL, and function,
 * the server's own function that raised the error. position: the error has a
 * position in the client's statement; internal_position: in a statement that runs
 * within it.
 */
osp_sql_origin osp_sql_error_origin(const char *sqlstate, const char *function,
									bool position, bool internal_position);

typedef struct osp_sql_message_rules
{
	osp_sql_dialect dialect;
	bool masked;      /* of a statement that may hold a secret */
	bool values;      /* of a statement that may have parameters */
	bool hide_values; /* of parameters */
	bool hide_text;   /* texts are recorded without constants, or not at all */
} osp_sql_message_rules;

/*
 * The message of an error, in UTF-8, as it may be recorded: the message itself,
 * or one made in space, of at most size bytes, in which "?" stands for what it
 * quotes, and ? for a number.
 */
osp_str osp_sql_message(osp_str message, osp_sql_origin origin,
						const osp_sql_message_rules *rules, char *space,
						size_t size);

/* ---- DETAIL, HINT and CONTEXT of errors (sql_detail.c) ---- */

/*
 * The DETAIL or HINT of an error of PostgreSQL's, in UTF-8, as it may be recorded:
 * itself, or one made in space in which *** stands for the values of a row; empty
 * if it may not. sqlstate may be NULL, origin is that of the message.
 */
osp_str osp_sql_detail(osp_str detail, const char *sqlstate,
					   osp_sql_origin origin,
					   const osp_sql_message_rules *rules, char *space,
					   size_t size);

/*
 * Of the CONTEXT of an error the places that it names, made in space, each in a
 * line of its own: functions with their lines, the line of a COPY, rows by their
 * place in the table. Statements and values in it are left out, and all of it
 * that is not in English.
 */
osp_str osp_sql_places(osp_str context, char *space, size_t size);

#endif /* OSPROFILER_SQL_TEXT_H */
