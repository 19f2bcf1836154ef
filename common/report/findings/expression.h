/* SPDX-License-Identifier: Apache-2.0
 *
 * expression.h
 *	  Reads an expression of a plan as pg_osprofiler/operations/expr.c writes it.
 *	  Private to report/findings/.
 *
 * Each operator and its operands are in parentheses; values are "?" or quoted,
 * parameters are "$1", and values from another part of the plan are "$exec1". A text of
 * any other form is not read at all: no advice is better than wrong advice.
 */
#ifndef OSPROFILER_EXPRESSION_H
#define OSPROFILER_EXPRESSION_H

#include "osprofiler/base.h"

typedef enum osp__expr_kind
{
	OSP__EXPR_VALUE,  /* the same for all rows of a scan */
	OSP__EXPR_COLUMN, /* name: written as in SQL, without its table */
	OSP__EXPR_CALL,   /* name: of the function; empty: it has only a number */
	OSP__EXPR_CAST,   /* name: the type */
	OSP__EXPR_ARRAY,
	OSP__EXPR_SUBPLAN,  /* its operands are the values that a row hands to it */
	OSP__EXPR_OPERATOR, /* symbol */
	OSP__EXPR_ANY,      /* symbol, with any of the elements */
	OSP__EXPR_ALL,      /* symbol, with all of the elements */
	OSP__EXPR_IS,       /* name: NULL, TRUE, FALSE, UNKNOWN */
	OSP__EXPR_IS_NOT,
	OSP__EXPR_NOT,
	OSP__EXPR_AND,
	OSP__EXPR_OR
} osp__expr_kind;

/* Size of the longest operator, "!~~*", with its NUL. */
#define OSP__EXPR_SYMBOL 5

typedef struct osp__expr
{
	osp__expr_kind kind;
	char symbol[OSP__EXPR_SYMBOL];
	osp_str name;            /* borrowed from the text, as is text */
	osp_str text;            /* the whole expression */
	struct osp__expr *first; /* the first operand */
	struct osp__expr *next;  /* the next operand of the expression around it */
} osp__expr;

#define OSP__EXPRS_MAX 96

/* An expression as a tree. */
typedef struct osp__expr_tree
{
	osp__expr nodes[OSP__EXPRS_MAX];
	unsigned count;
} osp__expr_tree;

/* Reads conditions, all of which must hold if there are several. NULL: the text was not
 * understood, or is empty. The tree must live as long as the result. */
osp__expr *osp__expr_read(osp__expr_tree *tree, osp_str text);

#endif /* OSPROFILER_EXPRESSION_H */
