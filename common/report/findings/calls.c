/* SPDX-License-Identifier: Apache-2.0
 *
 * calls.c
 *	  Finds the functions that a statement calls.
 */
#include "report/findings/calls.h"

#include "report/statement_shape.h"
#include "report/terminal_text.h"
#include "sql/sql_text.h"

#define NAME_COLUMNS 63

/* Is the word, with "(" behind it, no function, or a function that takes no time? */
static bool
is_no_function(const osp_sql_token *word)
{
	static const char *const words[] = {"all",       "and",
										"any",       "array",
										"as",        "avg",
										"between",   "by",
										"call",      "case",
										"cast",      "char",
										"coalesce",  "count",
										"cube",      "current_timestamp",
										"decimal",   "distinct",
										"do",        "else",
										"except",    "exists",
										"extract",   "filter",
										"from",      "generate_series",
										"greatest",  "group",
										"grouping",  "having",
										"in",        "intersect",
										"interval",  "is",
										"join",      "lateral",
										"least",     "like",
										"limit",     "materialized",
										"max",       "min",
										"not",       "now",
										"nullif",    "numeric",
										"offset",    "on",
										"or",        "order",
										"over",      "partition",
										"returning", "rollup",
										"row",       "rows",
										"select",    "sets",
										"some",      "sum",
										"then",      "timestamp",
										"union",     "unnest",
										"using",     "values",
										"varchar",   "when",
										"where",     "with",
										"within"};
	size_t i;

	if (word->kind != OSP_SQL_WORD)
		return true;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp_sql_is(word, words[i]))
			return true;
	return false;
}

/* May the name behind this token be the alias of a result with a list of
 * columns, which looks like a function call? Examples: WITH t(a), AS t(a int),
 * f(1) t(a int). */
static bool
is_before_alias(const osp_sql_token *token)
{
	return osp_sql_is(token, "as") || osp_sql_is(token, "recursive") ||
		   osp_sql_is(token, "with") ||
		   (token->kind == OSP_SQL_OTHER && token->text.ptr[0] == ')');
}

static void
add_name(osp__calls *calls, osp_str name)
{
	unsigned i;

	for (i = 0; i < calls->count; i++)
		if (osp_str_eq(calls->found[i], name))
			return;
	if (calls->count < OSP__CALLS_MAX)
		calls->found[calls->count++] = name;
}

osp__calls
osp__calls_in(osp_str statement)
{
	osp_sql_token last = {.kind = OSP_SQL_SPACE};
	osp_sql_token before = last;
	osp_sql_token token;
	osp_sql_lexer lexer;
	osp__calls calls = {.count = 0};

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (token.kind == OSP_SQL_OTHER && token.text.ptr[0] == '(' &&
			!is_no_function(&before) && !is_before_alias(&last))
			add_name(&calls, before.text);
		last = before;
		before = token;
	}
	return calls;
}

void
osp__say_calls(const osp__calls *calls, osp_buf *out)
{
	unsigned i;

	for (i = 0; i < calls->count; i++)
	{
		if (i > 0)
			osp_buf_add_str(
				out, i + 1 < calls->count ? OSP_STR(", ") : OSP_STR(" and "));
		(void) osp__terminal_text(out, calls->found[i], true, NAME_COLUMNS);
		osp_buf_add_str(out, OSP_STR("()"));
	}
}

static bool
is_query(osp_str statement)
{
	return osp__begins_with(statement, "select") ||
		   osp__begins_with(statement, "with");
}

bool
osp__is_query_with_calls(osp_str statement)
{
	return is_query(statement) && osp__calls_in(statement).count > 0;
}
