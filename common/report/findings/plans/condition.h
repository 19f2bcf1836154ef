/* SPDX-License-Identifier: Apache-2.0
 *
 * condition.h
 *	  The conditions of a plan node: what each compares, and how. Private to
 *	  report/findings/plans/.
 */
#ifndef OSPROFILER_CONDITION_H
#define OSPROFILER_CONDITION_H

#include "report/findings/expression.h"

/* How a condition compares. */
typedef enum osp__test
{
	OSP__TEST_EQUAL, /* with a value, or with one of several */
	OSP__TEST_RANGE,
	OSP__TEST_NULL,
	OSP__TEST_NOT_NULL,
	OSP__TEST_LIKE,
	OSP__TEST_PATTERN,  /* ILIKE and regular expressions */
	OSP__TEST_UNEQUAL,  /* <>, NOT, NOT LIKE, IS NOT TRUE */
	OSP__TEST_COLUMNS,  /* with another column of the table */
	OSP__TEST_VOLATILE, /* with something computed for each row: random() */
	OSP__TEST_OTHER
} osp__test;

/* What a condition restricts. */
typedef enum osp__subject
{
	OSP__SUBJECT_COLUMN,
	OSP__SUBJECT_CAST,     /* a column, converted to another type */
	OSP__SUBJECT_FUNCTION, /* a function of a column alone */
	OSP__SUBJECT_OTHER
} osp__subject;

/* One condition. The texts are borrowed from the text that was read. */
typedef struct osp__term
{
	osp__test test;
	osp__subject subject;
	osp_str column; /* written as in SQL; empty: none, or several */
	osp_str name;   /* type to which it is cast, or the function */
	osp_str
		call; /* the function of an operator such as @>, if that is the whole
			   * condition: "jsonb_contains"; "ANY" of "value = ANY (column)" */
} osp__term;

#define OSP__TERMS_MAX 12

/* Terms of which all must hold, or, if any is set, one. */
typedef struct osp__condition
{
	osp__term terms[OSP__TERMS_MAX];
	unsigned count;
	bool any;
} osp__condition;

/* Reads a text, and adds its terms, which must hold, too. An empty text has none.
 * False: the text is not understood, and nothing can be said about the whole
 * condition. */
bool osp__condition_add(osp__condition *condition, osp_str text) OSP_MUST_CHECK;

#endif /* OSPROFILER_CONDITION_H */
