/* SPDX-License-Identifier: Apache-2.0
 *
 * calls.h
 *	  The functions that a statement calls. Private to report/findings/.
 */
#ifndef OSPROFILER_CALLS_H
#define OSPROFILER_CALLS_H

#include "osprofiler/base.h"
#include "osprofiler/buf.h"

/* How many functions are named at most. */
#define OSP__CALLS_MAX 3

/* Names of functions, borrowed from the statement. */
typedef struct osp__calls
{
	osp_str found[OSP__CALLS_MAX];
	unsigned count;
} osp__calls;

/* Finds the functions that a statement of PostgreSQL calls, in the order of its text.
 * Those that take no time are left out. */
osp__calls osp__calls_in(osp_str statement);

/* The same without those that are known to be in C or SQL. The others may be in a
 * procedural language, so that the kind "function" records them. */
osp__calls osp__own_calls_in(osp_str statement);

/* Is it DO or CALL, whose code has no plan? */
bool osp__is_code(osp_str statement);

/* Is it SELECT or WITH, and calls a function? */
bool osp__is_query_with_calls(osp_str statement);

/* Appends "f(), g() and h()". */
void osp__say_calls(const osp__calls *calls, osp_buf *out);

#endif /* OSPROFILER_CALLS_H */
