/* SPDX-License-Identifier: Apache-2.0
 *
 * condition.h
 *	  The conditions of a plan's node: what each compares, and how. Private to
 *	  report/findings/plans/.
 */
#ifndef OSPROFILER_CONDITION_H
#define OSPROFILER_CONDITION_H

#include "report/findings/plans/expression.h"

/* How a condition restricts the rows. */
typedef enum osp__test
{
	OSP__TEST_EQUAL, /* to a value, or to one of several */
	OSP__TEST_RANGE,
	OSP__TEST_NULL,
	OSP__TEST_NOT_NULL,
	OSP__TEST_LIKE,
	OSP__TEST_PATTERN,  /* ILIKE and regular expressions */
	OSP__TEST_UNEQUAL,  /* <>, NOT, NOT LIKE, IS NOT TRUE */
	OSP__TEST_COLUMNS,  /* compares columns of one table */
	OSP__TEST_VOLATILE, /* to what is computed anew for each row: random() */
	OSP__TEST_OTHER
} osp__test;

/* What it restricts. */
typedef enum osp__subject
{
	OSP__SUBJECT_COLUMN,
	OSP__SUBJECT_CAST,     /* a column, converted to another type */
	OSP__SUBJECT_FUNCTION, /* of a column and nothing else */
	OSP__SUBJECT_OTHER
} osp__subject;

/* One condition. The texts are borrowed from that which was read. */
typedef struct osp__term
{
	osp__test test;
	osp__subject subject;
	osp_str column; /* as it is written in SQL; empty: none, or several */
	osp_str name;   /* of the type that it is cast to, or of the function */
	osp_str
		call; /* a function with several values that returns the condition, which
				   * operators such as @> are; of "value = ANY (column)": "ANY" */
} osp__term;

#define OSP__TERMS_MAX 12

/* Terms of which all must hold, or of which one must. */
typedef struct osp__condition
{
	osp__term terms[OSP__TERMS_MAX];
	unsigned count;
	bool any;
} osp__condition;

/* Reads a text, and adds its terms to those that must hold, too. An empty text has
 * none. False: the text is not understood, and nothing can be said of the whole. */
bool osp__condition_add(osp__condition *condition, osp_str text) OSP_MUST_CHECK;

#endif /* OSPROFILER_CONDITION_H */
