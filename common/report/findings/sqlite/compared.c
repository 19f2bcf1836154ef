/* SPDX-License-Identifier: Apache-2.0
 *
 * compared.c
 *	  Finds the columns that a statement of SQLite compares, as far as its text
 *	  shows.
 *
 * A name counts as a compared column if it stands in a condition, with a comparison on
 * one side of it and no arithmetic on the other. The text does not show which table
 * SQLite reads first, where it looks for a column's value, and which indexes exist.
 */
#include "report/findings/sqlite/compared.h"

#include <string.h>
#include <strings.h>

#include "sql/sql_text.h"

/* What stands beside a name. */
typedef enum side
{
	SIDE_OTHER,
	SIDE_COMPARES,
	SIDE_DIFFERS, /* <>, != */
	SIDE_COMPUTES
} side;

typedef struct reader
{
	osp_sql_lexer lexer;
	osp_sql_token token; /* the next token to read */
	bool more;
	osp__compared *out;
	side left;      /* what stands to the left of the token */
	bool condition; /* the token is in a condition */
} reader;

/* Words at which a condition ends, or another one begins. */
static const char *const condition_ends[] = {"where",
											 "on",
											 "from",
											 "join",
											 "left",
											 "inner",
											 "cross",
											 "natural",
											 "group",
											 "order",
											 "having",
											 "limit",
											 "select",
											 "union",
											 "returning",
											 "set",
											 "values"};

static bool
is_one_of(const osp_sql_token *token, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (osp_sql_is(token, words[i]))
			return true;
	return false;
}

#define IS_ONE_OF(token, words) \
	is_one_of(token, words, sizeof(words) / sizeof(*(words)))

static bool
is_char(const osp_sql_token *token, const char *chars)
{
	return token->kind == OSP_SQL_OTHER && token->text.len == 1 &&
		   strchr(chars, token->text.ptr[0]) != NULL;
}

static void
advance(reader *r)
{
	r->more = osp_sql_next_word(&r->lexer, &r->token);
}

/* What the next token, together with the one behind it, means for a name beside it. */
static side
side_of(const reader *r)
{
	static const char *const comparing[] = {"in", "between", "like", "glob"};
	osp_sql_lexer lexer = r->lexer;
	osp_sql_token next;

	if (!r->more)
		return SIDE_OTHER;
	if (is_char(&r->token, "+-*/%|&"))
		return SIDE_COMPUTES;
	if (IS_ONE_OF(&r->token, comparing))
		return SIDE_COMPARES;
	if (!is_char(&r->token, "=<>!"))
		return SIDE_OTHER;
	return (is_char(&r->token, "!") ||
			(is_char(&r->token, "<") && osp_sql_next_word(&lexer, &next) &&
			 is_char(&next, ">")))
			   ? SIDE_DIFFERS
			   : SIDE_COMPARES;
}

static bool
is_name(const osp_sql_token *token)
{
	static const char *const values[] = {"null",
										 "true",
										 "false",
										 "not",
										 "and",
										 "or",
										 "in",
										 "is",
										 "between",
										 "like",
										 "glob",
										 "exists",
										 "select",
										 "case",
										 "when",
										 "then",
										 "else",
										 "end",
										 "cast",
										 "collate",
										 "current_date",
										 "current_time",
										 "current_timestamp"};

	return token->kind == OSP_SQL_NAME ||
		   (token->kind == OSP_SQL_WORD && !IS_ONE_OF(token, values));
}

static void
add_column(osp__compared *out, osp_str column)
{
	unsigned i;

	for (i = 0; i < out->count; i++)
		if (out->columns[i].len == column.len &&
			strncasecmp(out->columns[i].ptr, column.ptr, column.len) == 0)
			return;
	if (out->count < OSP__COMPARED_MAX)
		out->columns[out->count++] = column;
}

/* Reads a name with its dots, and what stands beside it. */
static void
read_name(reader *r)
{
	osp_str column = r->token.text;
	side right;

	advance(r);
	while (r->more && is_char(&r->token, "."))
	{
		advance(r);
		if (!r->more)
			return;
		column.len =
			(size_t) (r->token.text.ptr + r->token.text.len - column.ptr);
		advance(r);
	}
	right = side_of(r);
	if (r->more && is_char(&r->token, "("))
		return;
	if (r->left == SIDE_COMPUTES || right == SIDE_COMPUTES)
		r->out->expression = true;
	else if ((r->left == SIDE_COMPARES && right != SIDE_DIFFERS) ||
			 (right == SIDE_COMPARES && r->left != SIDE_DIFFERS))
		add_column(r->out, column);
	r->left = SIDE_OTHER;
}

/* Reads "USING (id, name)". */
static void
read_using(reader *r)
{
	advance(r);
	for (; r->more && !is_char(&r->token, ")"); advance(r))
		if (is_name(&r->token))
			add_column(r->out, r->token.text);
}

/* Reads another token; some words begin or end a condition. */
static void
read_other(reader *r)
{
	static const char *const begins[] = {"where", "on"};
	static const char *const changing[] = {"from", "update", "into"};
	bool closes = is_char(&r->token, ")");
	side here = side_of(r);

	if (IS_ONE_OF(&r->token, begins))
		r->out->conditions = r->condition = true;
	else if (IS_ONE_OF(&r->token, condition_ends))
		r->condition = false;
	r->out->order |= osp_sql_is(&r->token, "order");
	r->out->whole |= IS_ONE_OF(&r->token, changing);
	r->out->extreme |=
		osp_sql_is(&r->token, "min") || osp_sql_is(&r->token, "max");
	if (here == SIDE_DIFFERS)
		advance(r);
	advance(r);

	/* Skips the second byte of an operator: ">=", "==". */
	while (here == SIDE_COMPARES && r->more && is_char(&r->token, "=>"))
		advance(r);
	r->left = here;
	if (closes && r->condition && side_of(r) == SIDE_COMPARES)
		r->out->expression = true;
}

void
osp__compared_of(osp_str statement, osp__compared *out)
{
	reader r;

	memset(out, 0, sizeof(*out));
	memset(&r, 0, sizeof(r));
	r.out = out;
	osp_sql_lexer_init(&r.lexer, statement, OSP_SQL_SQLITE);
	advance(&r);
	while (r.more)
	{
		if (osp_sql_is(&r.token, "using"))
		{
			out->conditions = true;
			read_using(&r);
		}
		else if (r.condition && is_name(&r.token) &&
				 !IS_ONE_OF(&r.token, condition_ends))
			read_name(&r);
		else
			read_other(&r);
	}
}
