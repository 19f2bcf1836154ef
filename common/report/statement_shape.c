/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_shape.c
 *	  Computes the shape of a statement, which is the same when it runs again
 *	  with other constants.
 *
 * All strings, numbers and parameters count as the same constant, and a list of
 * constants as one. White space and comments are ignored, and letters are taken
 * as lower case. The hash is not cryptographic: a program that makes two
 * statements with the same hash only spoils the report of its own trace.
 */
#include "report/statement_shape.h"

#include <strings.h>

#include "sql/sql_text.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t
add_text(uint64_t hash, osp_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		hash = (hash ^ c) * FNV_PRIME;
	}
	return (hash ^ ' ') * FNV_PRIME;
}

static bool
is_constant(osp_sql_kind kind)
{
	return kind == OSP_SQL_STRING || kind == OSP_SQL_NUMBER ||
		   kind == OSP_SQL_PARAM;
}

uint64_t
osp__statement_shape(osp_str text)
{
	uint64_t hash = FNV_BASIS;
	bool constant = false; /* the last token except commas was a constant */
	bool comma = false;
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, OSP_SQL_POSTGRES);
	while (osp_sql_next_word(&lexer, &token))
	{
		bool is_comma = token.kind == OSP_SQL_OTHER && token.text.ptr[0] == ',';

		if (is_constant(token.kind) || token.text.ptr[0] == '?')
		{
			if (!constant)
				hash = add_text(hash, OSP_STR("?"));
			constant = true;
			comma = false;
			continue;
		}
		if (constant && is_comma)
		{
			comma = true;
			continue;
		}
		if (comma)
			hash = add_text(hash, OSP_STR(","));
		constant = comma = false;
		hash = add_text(hash, token.text);
	}
	return hash != 0 ? hash : 1;
}

uint64_t
osp__name_shape(osp_str name, osp_str more)
{
	uint64_t hash = add_text(add_text(FNV_BASIS, name), more);

	return hash != 0 ? hash : 1;
}

bool
osp__begins_with(osp_str text, const char *word)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, text, OSP_SQL_POSTGRES);
	return osp_sql_next_word(&lexer, &token) &&
		   token.text.len == strlen(word) &&
		   strncasecmp(token.text.ptr, word, token.text.len) == 0;
}

osp__control
osp__statement_control(osp_str text)
{
	static const struct
	{
		const char *word;
		osp__control control;
	} words[] = {
		{"begin", OSP__CONTROL_BEGIN},
		{"start", OSP__CONTROL_BEGIN},
		{"commit", OSP__CONTROL_END},
		{"end", OSP__CONTROL_END},
		{"abort", OSP__CONTROL_END},
		{"rollback", OSP__CONTROL_END},
		{"savepoint", OSP__CONTROL_OTHER},
		{"release", OSP__CONTROL_OTHER},
		{"set", OSP__CONTROL_OTHER},
		{"discard", OSP__CONTROL_OTHER},
		{"deallocate", OSP__CONTROL_OTHER},
	};
	osp_sql_lexer lexer;
	osp_sql_token token;
	size_t i;

	osp_sql_lexer_init(&lexer, text, OSP_SQL_POSTGRES);
	if (!osp_sql_next_word(&lexer, &token))
		return OSP__CONTROL_NONE;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (!osp_sql_is(&token, words[i].word))
			continue;
		if (strcmp(words[i].word, "rollback") == 0 &&
			osp_sql_next_word(&lexer, &token) && osp_sql_is(&token, "to"))
			return OSP__CONTROL_OTHER;
		return words[i].control;
	}
	return OSP__CONTROL_NONE;
}

osp__locking
osp__statement_locking(osp_str text)
{
	static const struct
	{
		const char *word;
		osp__locking locking;
	} words[] = {
		{"select", OSP__LOCKING_READ},
		{"with", OSP__LOCKING_READ},
		{"values", OSP__LOCKING_READ},
		{"pragma", OSP__LOCKING_NONE},
		{"attach", OSP__LOCKING_NONE},
		{"detach", OSP__LOCKING_NONE},
		{"explain", OSP__LOCKING_NONE},
	};
	osp__control control = osp__statement_control(text);
	osp_sql_lexer lexer;
	osp_sql_token token;
	size_t i;

	osp_sql_lexer_init(&lexer, text, OSP_SQL_SQLITE);
	if (!osp_sql_next_word(&lexer, &token))
		return OSP__LOCKING_NONE;
	if (control == OSP__CONTROL_BEGIN)
		return osp_sql_next_word(&lexer, &token) &&
					   (osp_sql_is(&token, "immediate") ||
						osp_sql_is(&token, "exclusive"))
				   ? OSP__LOCKING_WRITE
				   : OSP__LOCKING_NONE;
	if (control != OSP__CONTROL_NONE)
		return OSP__LOCKING_NONE;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp_sql_is(&token, words[i].word))
			return words[i].locking;
	return OSP__LOCKING_WRITE;
}
