/* SPDX-License-Identifier: Apache-2.0
 *
 * expression.h
 *	  Reads an expression of a plan as pg_osprofiler/operations/expr.c writes it.
 *	  Private to report/findings/plans/.
 *
 * Each operator has parentheses round it and its operands; values are "?" or in
 * quotes, parameters "$1", and what another part of the plan hands over is "$exec1".
 * A text that does not look exactly like that is not read at all: better no advice
 * than a wrong one.
 */
#ifndef OSPROFILER_EXPRESSION_H
#define OSPROFILER_EXPRESSION_H

#include "osprofiler/base.h"

typedef enum osp__expr_kind
{
	OSP__EXPR_VALUE,  /* the same for all rows of a scan */
	OSP__EXPR_COLUMN, /* name: as it is written in SQL, without its table */
	OSP__EXPR_CALL,   /* name: of the function; empty: a number stands for it */
	OSP__EXPR_CAST,   /* name: of the type */
	OSP__EXPR_ARRAY,
	OSP__EXPR_SUBPLAN,  /* what a row is handed to */
	OSP__EXPR_OPERATOR, /* symbol */
	OSP__EXPR_ANY,      /* symbol, with one of the elements */
	OSP__EXPR_ALL,      /* with each of them */
	OSP__EXPR_IS,       /* name: NULL, TRUE, FALSE, UNKNOWN */
	OSP__EXPR_IS_NOT,
	OSP__EXPR_NOT,
	OSP__EXPR_AND,
	OSP__EXPR_OR
} osp__expr_kind;

/* The longest operator, "!~~*", and its end. */
#define OSP__EXPR_SYMBOL 5

typedef struct osp__expr
{
	osp__expr_kind kind;
	char symbol[OSP__EXPR_SYMBOL];
	osp_str name;            /* borrowed from the text, as is text */
	osp_str text;            /* all of it */
	struct osp__expr *first; /* what it works on */
	struct osp__expr *next;  /* the next one of what holds it */
} osp__expr;

#define OSP__EXPRS_MAX 96

/* A text as a tree. */
typedef struct osp__expr_tree
{
	osp__expr nodes[OSP__EXPRS_MAX];
	unsigned count;
} osp__expr_tree;

/* Reads conditions, of which all must hold if there are several. NULL: the text was not
 * understood, or is empty. The tree must live as long as what is returned. */
osp__expr *osp__expr_read(osp__expr_tree *tree, osp_str text);

#endif /* OSPROFILER_EXPRESSION_H */
