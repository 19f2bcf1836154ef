/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_kind.c
 *	  Facts that can be derived from the text of a statement.
 */
#include "statement_kind.h"

#include <strings.h>

#include "sql/sql_text.h"

/*
 * Rules out quickly that the statement calls our functions; this is called for
 * every statement.
 */
static inline bool
is_not_control(osp_str text)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	if (text.len < 8 || *p == '/' || *p == '-' || *p == ';' ||
		osp_sql_is_space(*p))
		return text.len < 8;
	if ((p[0] | 0x20) != 's' || (p[1] | 0x20) != 'e' || (p[2] | 0x20) != 'l')
		return true;
	for (p += 6; p < end && osp_sql_is_space(*p); p++)
		;
	return p < end && (*p | 0x20) != 'o' && *p != '/' && *p != '-';
}

bool
osp_sqlite__is_control(osp_str text)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	if (OSP_LIKELY(is_not_control(text)))
		return false;
	osp_sql_lexer_init(&lexer, text, OSP_SQL_SQLITE);
	while (osp_sql_next_word(&lexer, &token) && token.kind == OSP_SQL_SEMICOLON)
		;
	if (!osp_sql_is(&token, "select") || !osp_sql_next_word(&lexer, &token))
		return false;
	return osp_sql_is(&token, "osprofiler_init") ||
		   osp_sql_is(&token, "osprofiler_start") ||
		   osp_sql_is(&token, "osprofiler_stop") ||
		   osp_sql_is(&token, "osprofiler_context");
}

static bool
begins_with_one_of(osp_str text, const char *const *words)
{
	osp_str first = osp_sql_first_word(text, OSP_SQL_SQLITE);

	for (; *words != NULL; words++)
		if (first.len == strlen(*words) &&
			strncasecmp(first.ptr, *words, first.len) == 0)
			return true;
	return false;
}

bool
osp_sqlite__is_vacuum(osp_str text)
{
	static const char *const words[] = {"vacuum", NULL};

	return begins_with_one_of(text, words);
}

bool
osp_sqlite__changes_rows(osp_str text)
{
	static const char *const words[] = {
		"insert", "update", "delete", "replace", "with", NULL};

	return begins_with_one_of(text, words);
}
