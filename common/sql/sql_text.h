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

/* White space of SQL. */
static inline bool
osp_sql_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif /* OSPROFILER_SQL_TEXT_H */
