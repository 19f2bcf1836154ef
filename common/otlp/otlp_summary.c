/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_summary.c
 *	  Summarizes a statement in a few words.
 *
 * This reads tokens, not grammar: a table is the name behind FROM, JOIN, INTO,
 * UPDATE and the like. Where SQL uses these words for something else, the token
 * before or the parentheses tell: "FOR UPDATE", "extract(year FROM t)".
 */
#include "otlp/otlp_summary.h"

#include <strings.h>

#define DEPTH_MAX 63

typedef enum word_kind
{
	WORD_OTHER,
	WORD_OPERATION, /* SELECT, INSERT, ... */
	WORD_DDL,       /* CREATE, ...: a kind of object and its name follow */
	WORD_NAMED,     /* a name follows, if the word begins the statement */
	WORD_FROM,
	WORD_TARGET,  /* INTO, JOIN: a name follows */
	WORD_CLAUSE,  /* ends a list of tables */
	WORD_SKIPPED, /* may stand before a name */
	WORD_PREFIX,  /* EXPLAIN, WITH: the statement proper follows */
} word_kind;

#define WORD(text, kind)               \
	{                                  \
		{text, sizeof(text) - 1}, kind \
	}

static const struct
{
	osp_str word;
	word_kind kind;
} words[] = {
	WORD("select", WORD_OPERATION),  WORD("insert", WORD_OPERATION),
	WORD("update", WORD_OPERATION),  WORD("delete", WORD_OPERATION),
	WORD("merge", WORD_OPERATION),   WORD("replace", WORD_OPERATION),
	WORD("create", WORD_DDL),        WORD("alter", WORD_DDL),
	WORD("drop", WORD_DDL),          WORD("truncate", WORD_NAMED),
	WORD("vacuum", WORD_NAMED),      WORD("analyze", WORD_NAMED),
	WORD("lock", WORD_NAMED),        WORD("copy", WORD_NAMED),
	WORD("call", WORD_NAMED),        WORD("cluster", WORD_NAMED),
	WORD("from", WORD_FROM),         WORD("into", WORD_TARGET),
	WORD("join", WORD_TARGET),       WORD("where", WORD_CLAUSE),
	WORD("set", WORD_CLAUSE),        WORD("group", WORD_CLAUSE),
	WORD("order", WORD_CLAUSE),      WORD("having", WORD_CLAUSE),
	WORD("limit", WORD_CLAUSE),      WORD("union", WORD_CLAUSE),
	WORD("returning", WORD_CLAUSE),  WORD("window", WORD_CLAUSE),
	WORD("only", WORD_SKIPPED),      WORD("lateral", WORD_SKIPPED),
	WORD("or", WORD_SKIPPED),        WORD("temp", WORD_SKIPPED),
	WORD("temporary", WORD_SKIPPED), WORD("unlogged", WORD_SKIPPED),
	WORD("unique", WORD_SKIPPED),    WORD("concurrently", WORD_SKIPPED),
	WORD("if", WORD_SKIPPED),        WORD("not", WORD_SKIPPED),
	WORD("exists", WORD_SKIPPED),    WORD("materialized", WORD_SKIPPED),
	WORD("on", WORD_SKIPPED),        WORD("with", WORD_PREFIX),
};

/* State of the walk through one text. */
typedef struct summarizing
{
	otlp_summary *out;
	bool full;
	bool begins;         /* the next word begins a statement */
	bool ddl;            /* the next word is the kind of an object */
	bool target;         /* the next name is a table */
	bool in_name;        /* a dot would continue a table's name */
	unsigned depth;      /* of parentheses */
	uint64_t has_query;  /* bit per depth: SELECT or DELETE was there */
	uint64_t has_tables; /* bit per depth: a list of tables is open */
	osp_sql_token before;
} summarizing;

static word_kind
kind_of(osp_str word)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].word.len == word.len &&
			strncasecmp(words[i].word.ptr, word.ptr, word.len) == 0)
			return words[i].kind;
	return WORD_OTHER;
}

/* Appends a word, with a space before it unless it continues a name. */
static void
add_word(summarizing *s, osp_str word, bool continues)
{
	otlp_summary *out = s->out;
	size_t space = out->len > 0 && !continues ? 1 : 0;

	if (s->full || out->len + space + word.len > sizeof(out->text))
	{
		s->full = true;
		return;
	}
	if (space > 0)
		out->text[out->len++] = ' ';
	memcpy(out->text + out->len, word.ptr, word.len);
	out->len += word.len;
}

/* Does the word before say that this word is not an operation? Examples: FOR
 * UPDATE, ON DELETE, DO UPDATE, THEN INSERT, FOR NO KEY UPDATE, AFTER
 * INSERT. */
static bool
is_no_operation(const summarizing *s, const osp_sql_token *token)
{
	static const char *const before[] = {
		"for", "on", "do", "then", "key", "after", "before", "of"};
	size_t i;

	if (osp_sql_is(token, "select"))
		return false;
	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (osp_sql_is(&s->before, before[i]))
			return true;
	return false;
}

static void
take_operation(summarizing *s, const osp_sql_token *token)
{
	uint64_t bit = UINT64_C(1) << s->depth;

	if (is_no_operation(s, token) ||
		(osp_sql_is(token, "replace") && !s->begins))
		return;
	add_word(s, token->text, false);
	s->target = osp_sql_is(token, "update");
	s->has_tables &= ~bit;
	if (osp_sql_is(token, "select") || osp_sql_is(token, "delete"))
		s->has_query |= bit;
}

/* Handles the first word of a statement. */
static void
take_first(summarizing *s, const osp_sql_token *token, word_kind kind)
{
	if (kind == WORD_OPERATION)
		take_operation(s, token);
	else if (kind != WORD_PREFIX)
		add_word(s, token->text, false);
	s->ddl = kind == WORD_DDL;
	s->target = s->target || kind == WORD_NAMED;
	s->begins = osp_sql_is(token, "explain");
}

static void
take_word(summarizing *s, const osp_sql_token *token)
{
	uint64_t bit = UINT64_C(1) << s->depth;
	word_kind kind = kind_of(token->text);

	if (s->begins)
	{
		take_first(s, token, kind);
		return;
	}
	if (kind == WORD_SKIPPED || (s->ddl && kind == WORD_OPERATION))
		return;
	if (s->ddl && kind == WORD_OTHER)
	{
		add_word(s, token->text, false);
		s->ddl = false;
		s->target = true;
		return;
	}
	if (kind == WORD_OPERATION)
		take_operation(s, token);
	else if (kind == WORD_FROM && (s->has_query & bit) != 0 &&
			 !osp_sql_is(&s->before, "distinct"))
	{
		s->target = true;
		s->has_tables |= bit;
	}
	else if (kind == WORD_TARGET)
		s->target = true;
	else if (kind == WORD_CLAUSE)
		s->has_tables &= ~bit;
	else if (s->target && !osp_sql_is(token, "table"))
	{
		add_word(s, token->text, false);
		s->target = false;
		s->in_name = true;
	}
}

/* Handles a dot, a comma or a parenthesis. */
static void
take_sign(summarizing *s, char sign)
{
	uint64_t bit;

	if (sign == '(' && s->depth < DEPTH_MAX)
	{
		s->depth++;
		bit = UINT64_C(1) << s->depth;
		s->has_query &= ~bit;
		s->has_tables &= ~bit;
		s->target = false;
	}
	else if (sign == ')' && s->depth > 0)
		s->depth--;
	bit = UINT64_C(1) << s->depth;
	if (sign == ',' && (s->has_tables & bit) != 0)
		s->target = true;
}

static bool
is_sign(const osp_sql_token *token, char sign)
{
	return token->kind == OSP_SQL_OTHER && token->text.ptr[0] == sign;
}

static void
take_token(summarizing *s, const osp_sql_token *token)
{
	bool is_name = token->kind == OSP_SQL_WORD || token->kind == OSP_SQL_NAME;

	if (s->in_name && is_sign(token, '.'))
		add_word(s, token->text, true);
	else if (s->in_name && is_name && is_sign(&s->before, '.'))
		add_word(s, token->text, true);
	else
	{
		s->in_name = false;
		if (token->kind == OSP_SQL_SEMICOLON)
		{
			s->begins = true;
			s->ddl = s->target = false;
			s->depth = 0;
			s->has_query = s->has_tables = 0;
		}
		else if (token->kind == OSP_SQL_WORD)
			take_word(s, token);
		else if (token->kind == OSP_SQL_NAME && s->target)
		{
			add_word(s, token->text, false);
			s->target = false;
			s->in_name = true;
		}
		else if (token->kind == OSP_SQL_OTHER)
			take_sign(s, token->text.ptr[0]);
	}
	if (token->kind == OSP_SQL_PARAM)
		s->out->has_params = true;
	s->before = *token;
}

void
otlp_summarize(osp_str statement, osp_sql_dialect dialect, otlp_summary *out)
{
	summarizing s = {.out = out, .begins = true};
	osp_sql_lexer lexer;
	osp_sql_token token;

	out->len = 0;
	out->has_params = false;
	osp_sql_lexer_init(&lexer, statement, dialect);
	while (osp_sql_next_word(&lexer, &token))
		take_token(&s, &token);
}
