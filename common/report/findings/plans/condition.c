/* SPDX-License-Identifier: Apache-2.0
 *
 * condition.c
 *	  Finds out what the conditions of a plan node compare.
 */
#include "report/findings/plans/condition.h"

static const struct
{
	const char *symbol;
	osp__test test;
} operators[] = {
	{"=", OSP__TEST_EQUAL},
	{"<", OSP__TEST_RANGE},
	{"<=", OSP__TEST_RANGE},
	{">", OSP__TEST_RANGE},
	{">=", OSP__TEST_RANGE},
	{"<>", OSP__TEST_UNEQUAL},
	{"~~", OSP__TEST_LIKE},
	{"~~*", OSP__TEST_PATTERN},
	{"~", OSP__TEST_PATTERN},
	{"~*", OSP__TEST_PATTERN},
	{"!~~", OSP__TEST_UNEQUAL},
	{"!~~*", OSP__TEST_UNEQUAL},
	{"!~", OSP__TEST_UNEQUAL},
	{"!~*", OSP__TEST_UNEQUAL},
};

static osp__test
test_of(const char *symbol)
{
	size_t i;

	for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strcmp(symbol, operators[i].symbol) == 0)
			return operators[i].test;
	return OSP__TEST_OTHER;
}

/* Is the value the same for all rows? The recursion is bounded by the depth of
 * expressions. */
static bool
is_value(const osp__expr *expr)
{
	const osp__expr *at;

	if (expr->kind == OSP__EXPR_COLUMN || expr->kind == OSP__EXPR_SUBPLAN)
		return false;
	for (at = expr->first; at != NULL; at = at->next)
		if (!is_value(at))
			return false;
	return true;
}

/* Volatile functions: what they return may differ from row to row, so no index is
 * searched for it. The names are the server's. */
static const char *const volatiles[] = {"clock_timestamp",
										"currval",
										"drandom",
										"gen_random_uuid",
										"nextval",
										"pg_sleep",
										"random",
										"random_normal",
										"setval",
										"timeofday",
										"uuid_generate_v1",
										"uuid_generate_v4",
										"uuidv4",
										"uuidv7"};

/* Is the value computed anew for each row? */
static bool
is_volatile(const osp__expr *expr)
{
	const osp__expr *at;
	size_t i;

	for (i = 0; expr->kind == OSP__EXPR_CALL &&
				i < sizeof(volatiles) / sizeof(volatiles[0]);
		 i++)
		if (osp_str_eq(expr->name, osp_str_of(volatiles[i])))
			return true;
	for (at = expr->first; at != NULL; at = at->next)
		if (is_volatile(at))
			return true;
	return false;
}

/* Sets what a term restricts. */
static void
set_subject(osp__term *term, const osp__expr *expr)
{
	const osp__expr *inner = expr->first;

	term->subject = OSP__SUBJECT_OTHER;
	term->column = OSP_STR("");
	term->name = OSP_STR("");
	if (expr->kind == OSP__EXPR_COLUMN)
	{
		term->subject = OSP__SUBJECT_COLUMN;
		term->column = expr->name;
		return;
	}
	if (inner == NULL || inner->kind != OSP__EXPR_COLUMN || inner->next != NULL)
		return;
	if (expr->kind == OSP__EXPR_CAST)
		term->subject = OSP__SUBJECT_CAST;
	else if (expr->kind == OSP__EXPR_CALL && expr->name.len > 0)
		term->subject = OSP__SUBJECT_FUNCTION;
	else
		return;
	term->column = inner->name;
	term->name = expr->name;
}

/* Sets a term for "a = b", with a value on either side. */
static void
set_comparison(osp__term *term, const osp__expr *expr)
{
	const osp__expr *a = expr->first;
	const osp__expr *b = a->next;

	term->test = test_of(expr->symbol);
	if (is_value(b))
		set_subject(term, a);
	else if (is_value(a) &&
			 (term->test == OSP__TEST_EQUAL || term->test == OSP__TEST_RANGE))
		set_subject(term, b);
	else if (term->test != OSP__TEST_OTHER)
		term->test = OSP__TEST_COLUMNS;
	if (is_value(a) && is_value(b))
		term->test = OSP__TEST_OTHER;
	else if (is_volatile(expr))
		term->test = OSP__TEST_VOLATILE;
}

/* Sets a term for "jsonb_contains(a, b)", whose first column is the term's column. */
static void
set_call(osp__term *term, const osp__expr *expr)
{
	const osp__expr *at;

	if (expr->first == NULL || expr->first->next == NULL)
		return;
	term->call = expr->name;
	for (at = expr->first; at != NULL && term->column.len == 0; at = at->next)
		if (at->kind == OSP__EXPR_COLUMN)
			term->column = at->name;
}

/* Is it "value = ANY (column)", which searches an array in each row? No ordinary index
 * serves that. */
static bool
is_any_of_column(const osp__expr *expr)
{
	return is_value(expr->first) && expr->first->next->kind == OSP__EXPR_COLUMN;
}

static void
set_is(osp__term *term, const osp__expr *expr)
{
	bool negated = expr->kind == OSP__EXPR_IS_NOT;

	set_subject(term, expr->first);
	if (osp_str_eq(expr->name, OSP_STR("NULL")))
		term->test = negated ? OSP__TEST_NOT_NULL : OSP__TEST_NULL;
	else
		term->test = negated ? OSP__TEST_UNEQUAL : OSP__TEST_OTHER;
}

static void
set_term(osp__term *term, const osp__expr *expr)
{
	memset(term, 0, sizeof(*term));
	term->test = OSP__TEST_OTHER;
	set_subject(term, expr);
	switch (expr->kind)
	{
		case OSP__EXPR_COLUMN: /* a column of type boolean */
			term->test = OSP__TEST_EQUAL;
			break;
		case OSP__EXPR_OPERATOR:
			set_comparison(term, expr);
			break;
		case OSP__EXPR_CALL:
			set_call(term, expr);
			break;
		case OSP__EXPR_ANY:
			set_comparison(term, expr);
			if (is_any_of_column(expr))
			{
				term->subject = OSP__SUBJECT_OTHER;
				term->test = OSP__TEST_OTHER;
				term->call = OSP_STR("ANY");
			}
			if (term->test != OSP__TEST_EQUAL)
				term->test = OSP__TEST_OTHER;
			break;
		case OSP__EXPR_ALL:
			set_comparison(term, expr);
			if (term->test != OSP__TEST_UNEQUAL)
				term->test = OSP__TEST_OTHER;
			break;
		case OSP__EXPR_IS:
		case OSP__EXPR_IS_NOT:
			set_is(term, expr);
			break;
		case OSP__EXPR_NOT:
			set_subject(term, expr->first);
			term->test = OSP__TEST_UNEQUAL;
			if (expr->first->kind == OSP__EXPR_COLUMN)
				term->test = OSP__TEST_EQUAL; /* compared with false */
			break;
		default:
			break;
	}
}

static bool add_expr(osp__condition *condition, const osp__expr *expr);

static bool
add_all(osp__condition *condition, const osp__expr *first)
{
	for (; first != NULL; first = first->next)
		if (!add_expr(condition, first))
			return false;
	return true;
}

/* Adds a condition, or its parts if all of them must hold. An OR beside other
 * conditions, and an AND inside an OR, become one term. */
static bool
add_expr(osp__condition *condition, const osp__expr *expr)
{
	const osp__expr *at;

	if (expr->kind == OSP__EXPR_AND && !condition->any)
		return add_all(condition, expr->first);
	if (condition->count == OSP__TERMS_MAX)
		return false;
	if (expr->kind == OSP__EXPR_OR && condition->count == 0 &&
		!condition->any && expr->next == NULL)
	{
		condition->any = true;
		for (at = expr->first; at != NULL; at = at->next)
			if (!add_expr(condition, at))
				return false;
		return true;
	}
	set_term(&condition->terms[condition->count++], expr);
	return true;
}

bool
osp__condition_add(osp__condition *condition, osp_str text)
{
	osp__expr_tree tree;
	osp__condition added;
	const osp__expr *expr;

	if (text.len == 0)
		return true;
	expr = osp__expr_read(&tree, text);
	memset(&added, 0, sizeof(added));
	if (expr == NULL || !add_expr(&added, expr))
		return false;
	if (condition->count == 0)
	{
		*condition = added;
		return true;
	}
	if (added.any || condition->any ||
		condition->count + added.count > OSP__TERMS_MAX)
		return false;
	memcpy(condition->terms + condition->count,
		   added.terms,
		   added.count * sizeof(added.terms[0]));
	condition->count += added.count;
	return true;
}
