/* SPDX-License-Identifier: Apache-2.0
 *
 * find_column.c
 *	  The column that a condition compares, as a plan says it.
 */
#include "report/findings/findings.h"

#include "sql/sql_text.h"

static bool
is_char(const osp_sql_token *token, char c)
{
	return token->kind == OSP_SQL_OTHER && token->text.ptr[0] == c;
}

static bool
is_name(const osp_sql_token *token)
{
	return token->kind == OSP_SQL_WORD || token->kind == OSP_SQL_NAME;
}

/* Passes over "::character varying(20)", and what closes before it. */
static bool
skip_cast(osp_sql_lexer *lexer, osp_sql_token *token)
{
	bool more = true;

	while (more &&
		   (is_char(token, ')') || is_char(token, ':') || is_char(token, '(') ||
			is_name(token) || token->kind == OSP_SQL_NUMBER))
		more = osp_sql_next_word(lexer, token);
	return more;
}

/* Is what follows an operator that an ordinary index can serve? */
static bool
is_comparison(osp_sql_lexer *lexer, const osp_sql_token *token)
{
	osp_sql_token next;

	if (is_char(token, '='))
		return true;
	if (!is_char(token, '<') && !is_char(token, '>'))
		return false;
	return osp_sql_next(lexer, &next) &&
		   (next.kind == OSP_SQL_SPACE || is_char(&next, '='));
}

static bool
is_only_one(osp_sql_lexer *lexer)
{
	osp_sql_token token;

	while (osp_sql_next_word(lexer, &token))
		if (osp_sql_is(&token, "and") || osp_sql_is(&token, "or"))
			return false;
	return true;
}

bool
osp__compared_column(osp_str condition, osp_str *column)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	bool more;

	osp_sql_lexer_init(&lexer, condition, OSP_SQL_POSTGRES);
	do
		more = osp_sql_next_word(&lexer, &token);
	while (more && is_char(&token, '('));
	if (!more || !is_name(&token) || osp_sql_is(&token, "not"))
		return false;
	*column = token.text;
	more = osp_sql_next_word(&lexer, &token);
	if (more && is_char(&token, '.'))
	{
		more = osp_sql_next_word(&lexer, &token) && is_name(&token);
		*column = token.text;
		more = more && osp_sql_next_word(&lexer, &token);
	}
	if (!more || is_char(&token, '(') || is_name(&token))
		return false;
	return skip_cast(&lexer, &token) && is_comparison(&lexer, &token) &&
		   is_only_one(&lexer);
}
