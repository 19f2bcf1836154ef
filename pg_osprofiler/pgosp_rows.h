/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_rows.h
 *	  Functions for the SQL functions that return sets.
 */
#ifndef PGOSP_ROWS_H
#define PGOSP_ROWS_H

#include "pgosp_base.h"

#include "access/tupdesc.h"
#include "utils/tuplestore.h"

#pragma GCC visibility push(hidden)

/* The rows that a function returns. */
typedef struct pgospRows
{
	Tuplestorestate *store;
	TupleDesc desc;
	MemoryContext row; /* reset for each row */
} pgospRows;

/* Prepares to return rows. Raises an error where no set can be returned. */
extern void pgosp_rows_begin(FunctionCallInfo fcinfo, pgospRows *rows);

/* Adds a row for each line of a text in UTF-8, for functions that return setof text. */
extern void pgosp_rows_put_lines(const pgospRows *rows, osp_str text);

/* The first argument, the name of a trace, in UTF-8; palloc'd. It must not be null.
 * Raises an error if it is empty or too long. */
extern osp_str pgosp_trace_argument(FunctionCallInfo fcinfo);

#pragma GCC visibility pop

#endif /* PGOSP_ROWS_H */
