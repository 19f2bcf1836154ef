/* SPDX-License-Identifier: Apache-2.0
 *
 * expression.c
 *	  Reads an expression of a plan.
 */
#include "report/findings/expression.h"

#include "sql/sql_text.h"

/* The deepest nesting of expressions. */
#define DEPTH_MAX 24

typedef struct reader
{
	osp__expr_tree *tree;
	osp_sql_lexer lexer;
	osp_sql_token token;
	bool more;
	bool failed;
	const char *end; /* end of the token before this one */
	int depth;
} reader;

static osp__expr *read_expr(reader *r);

static void
advance(reader *r)
{
	if (r->more)
		r->end = r->token.text.ptr + r->token.text.len;
	r->more = osp_sql_next_word(&r->lexer, &r->token);
	if (r->more && r->token.open)
		r->failed = true;
}

static bool
is_char(const reader *r, char c)
{
	return r->more && r->token.kind == OSP_SQL_OTHER &&
		   r->token.text.ptr[0] == c;
}

static bool
is_word(const reader *r, const char *word)
{
	return r->more && osp_sql_is(&r->token, word);
}

static bool
is_name(const reader *r)
{
	return r->more &&
		   (r->token.kind == OSP_SQL_WORD || r->token.kind == OSP_SQL_NAME);
}

/* Skips this character if it is next. */
static bool
take_char(reader *r, char c)
{
	bool taken = is_char(r, c);

	if (taken)
		advance(r);
	return taken;
}

static bool
take_word(reader *r, const char *word)
{
	bool taken = is_word(r, word);

	if (taken)
		advance(r);
	return taken;
}

/* Skips this character, which must be next. */
static void
expect(reader *r, char c)
{
	if (!take_char(r, c))
		r->failed = true;
}

static osp_str
take_name(reader *r)
{
	osp_str name = is_name(r) ? r->token.text : OSP_STR("");

	if (name.len == 0)
		r->failed = true;
	advance(r);
	return name;
}

static const char *
begin_of(const reader *r)
{
	return r->more ? r->token.text.ptr : r->lexer.end;
}

/* Makes a node whose text begins here; first may be NULL. Never returns NULL: if no
 * node is left, it reuses one, and reading fails. */
static osp__expr *
make(reader *r, osp__expr_kind kind, const char *begin, osp__expr *first)
{
	osp__expr *made = &r->tree->nodes[0];

	if (r->tree->count == OSP__EXPRS_MAX)
		r->failed = true;
	else
		made = &r->tree->nodes[r->tree->count++];
	memset(made, 0, sizeof(*made));
	made->kind = kind;
	made->name = OSP_STR("");
	made->text = osp_str_n(begin, 0);
	made->first = first;
	return made;
}

static osp__expr *
finish(const reader *r, osp__expr *made)
{
	if (r->end > made->text.ptr)
		made->text.len = (size_t) (r->end - made->text.ptr);
	return made;
}

/* Reads "a, b" up to the closing character; returns the first element. */
static osp__expr *
read_list(reader *r, char closing)
{
	osp__expr *first = NULL;
	osp__expr **link = &first;

	while (!r->failed && !is_char(r, closing))
	{
		*link = read_expr(r);
		link = &(*link)->next;
		if (!take_char(r, ','))
			break;
	}
	expect(r, closing);
	return r->failed ? NULL : first;
}

/* Reads "name", "alias.name", "name(…)" or "function 16385(…)". */
static osp__expr *
read_named(reader *r)
{
	osp__expr *made = make(r, OSP__EXPR_COLUMN, begin_of(r), NULL);

	made->name = take_name(r);
	if (osp_str_eq(made->name, OSP_STR("function")) && r->more &&
		r->token.kind == OSP_SQL_NUMBER)
	{
		made->name = OSP_STR("");
		advance(r);
		if (!is_char(r, '('))
			r->failed = true;
	}
	if (take_char(r, '('))
	{
		made->kind = OSP__EXPR_CALL;
		made->first = read_list(r, ')');
	}
	else if (take_char(r, '.'))
		made->name = take_name(r);
	return finish(r, made);
}

/* Reads "?", "'text'", "7", "$1", "$exec1" or "NULL"; NULL: no value is next. */
static osp__expr *
read_value(reader *r)
{
	const char *begin = begin_of(r);
	bool dollar = is_char(r, '$');

	if (!dollar && !is_char(r, '?') && !is_word(r, "null") &&
		(!r->more ||
		 (r->token.kind != OSP_SQL_PARAM && r->token.kind != OSP_SQL_STRING &&
		  r->token.kind != OSP_SQL_NUMBER)))
		return NULL;
	advance(r);
	if (dollar)
		(void) take_name(r);
	return finish(r, make(r, OSP__EXPR_VALUE, begin, NULL));
}

/* Reads the operator that is next, if there is one. */
static void
take_symbol(reader *r, char symbol[OSP__EXPR_SYMBOL])
{
	size_t len = 0;

	while (r->more && r->token.kind == OSP_SQL_OTHER &&
		   strchr("=<>~!*+-/%|", r->token.text.ptr[0]) != NULL &&
		   (len == 0 || r->token.text.ptr == r->end))
	{
		if (len < OSP__EXPR_SYMBOL - 1)
			symbol[len++] = r->token.text.ptr[0];
		else
			r->failed = true;
		advance(r);
	}
	symbol[len] = '\0';
}

/* Reads "IS NOT NULL" behind an operand. */
static void
read_is(reader *r, osp__expr *made)
{
	made->kind = take_word(r, "not") ? OSP__EXPR_IS_NOT : OSP__EXPR_IS;
	if (!is_word(r, "null") && !is_word(r, "true") && !is_word(r, "false") &&
		!is_word(r, "unknown"))
		r->failed = true;
	made->name = take_name(r);
}

/* Reads the second operand of a comparison. */
static void
read_second(reader *r, osp__expr *made)
{
	bool all = is_word(r, "all");

	take_symbol(r, made->symbol);
	if (made->symbol[0] == '\0')
		r->failed = true;
	all = is_word(r, "all");
	if (!all && !is_word(r, "any"))
	{
		made->first->next = read_expr(r);
		return;
	}
	made->kind = all ? OSP__EXPR_ALL : OSP__EXPR_ANY;
	advance(r);
	expect(r, '(');
	made->first->next = read_expr(r);
	expect(r, ')');
}

/* Reads the rest of "a AND b AND c", whose first operand was read. */
static osp__expr *
read_joined(reader *r, osp__expr *first, const char *word)
{
	osp__expr *made =
		make(r,
			 strcmp(word, "or") == 0 ? OSP__EXPR_OR : OSP__EXPR_AND,
			 first->text.ptr,
			 first);
	osp__expr *last = first;

	while (!r->failed && take_word(r, word))
	{
		last->next = read_expr(r);
		last = last->next;
	}
	return finish(r, made);
}

/* Reads an expression in parentheses. */
static osp__expr *
read_inside(reader *r)
{
	const char *begin = begin_of(r);
	osp__expr *first;
	osp__expr *made;

	if (take_word(r, "not"))
	{
		made = make(r, OSP__EXPR_NOT, begin, NULL);
		made->first = read_expr(r);
		return finish(r, made);
	}
	first = read_expr(r);
	if (is_char(r, ')') || r->failed)
		return first;
	if (is_word(r, "and"))
		return read_joined(r, first, "and");
	if (is_word(r, "or"))
		return read_joined(r, first, "or");
	made = make(r, OSP__EXPR_OPERATOR, begin, first);
	if (take_word(r, "is"))
		read_is(r, made);
	else
		read_second(r, made);
	return finish(r, made);
}

/* Reads the rest of "(SubPlan 1)", whose parenthesis was read; NULL: something else is
 * next. */
static osp__expr *
read_subplan(reader *r)
{
	osp__expr *made;

	if (!is_word(r, "subplan") && !is_word(r, "initplan") &&
		!is_word(r, "hashed"))
		return NULL;
	made = make(r, OSP__EXPR_SUBPLAN, begin_of(r), NULL);
	while (is_name(r) || (r->more && r->token.kind == OSP_SQL_NUMBER))
		advance(r);
	return finish(r, made);
}

static osp__expr *
read_parentheses(reader *r)
{
	const char *begin = begin_of(r);
	osp__expr *made;

	advance(r);
	made = read_subplan(r);
	if (made == NULL)
		made = read_inside(r);
	expect(r, ')');
	made->text = osp_str_n(begin, 0);
	return finish(r, made);
}

/* Reads "::character varying" behind an expression. */
static osp__expr *
read_casts(reader *r, osp__expr *made)
{
	while (!r->failed && take_char(r, ':'))
	{
		const char *begin;

		made = make(r, OSP__EXPR_CAST, made->text.ptr, made);
		expect(r, ':');
		begin = begin_of(r);
		(void) take_name(r);
		while (is_name(r) && !is_word(r, "and") && !is_word(r, "or") &&
			   !is_word(r, "is"))
			advance(r);
		made->name = osp_str_n(begin, (size_t) (r->end - begin));
		(void) finish(r, made);
	}
	return made;
}

static osp__expr *
read_expr(reader *r)
{
	const char *begin = begin_of(r);
	osp__expr *made = NULL;

	if (++r->depth > DEPTH_MAX)
		r->failed = true;
	else if (!r->failed && is_char(r, '('))
		made = read_parentheses(r);
	else if (!r->failed)
		made = read_value(r);
	if (made == NULL && !r->failed && take_word(r, "array"))
	{
		made = make(r, OSP__EXPR_ARRAY, begin, NULL);
		expect(r, '[');
		made->first = read_list(r, ']');
		(void) finish(r, made);
	}
	if (made == NULL && !r->failed && is_name(r))
		made = read_named(r);
	r->depth--;
	if (made != NULL)
		return read_casts(r, made);
	r->failed = true;
	return make(r, OSP__EXPR_VALUE, begin, NULL);
}

osp__expr *
osp__expr_read(osp__expr_tree *tree, osp_str text)
{
	reader r;
	osp__expr *made;

	memset(&r, 0, sizeof(r));
	r.tree = tree;
	r.end = text.ptr;
	tree->count = 0;
	osp_sql_lexer_init(&r.lexer, text, OSP_SQL_POSTGRES);
	r.more = true;
	r.token.text = osp_str_n(text.ptr, 0);
	advance(&r);
	made = read_expr(&r);
	if (is_word(&r, "and"))
		made = read_joined(&r, made, "and");
	return r.failed || r.more ? NULL : made;
}
