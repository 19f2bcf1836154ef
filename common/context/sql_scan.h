/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_scan.h
 *	  Where comments begin and end in SQL text. Private to common/.
 */
#ifndef OSPROFILER_SQL_SCAN_H
#define OSPROFILER_SQL_SCAN_H

#include "osprofiler/base.h"

/* White space of SQL. */
static inline bool
osp__sql_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The end of the block comment that opens at p, comments inside it counted;
 * NULL if it is not closed before end.
 */
const char *osp__sql_skip_block(const char *p, const char *end);

/* The end of the line that p is in: its newline, or end. */
const char *osp__sql_skip_line(const char *p, const char *end);

/*
 * The start of the block comment that closes just before end, comments inside
 * it counted; NULL if it is not opened after begin. What stands before it is
 * not read, so it may turn out to be part of a literal or of a line comment.
 */
const char *osp__sql_block_start(const char *begin, const char *end);

/*
 * Does a token begin at place, when the statement is read from begin on? False
 * if place lies in a literal, a quoted name, or a comment. Reads what
 * PostgreSQL and SQLite have in common, and dollar quotes and E'' of the former.
 */
bool osp__sql_is_token(const char *begin, const char *place, const char *end);

#endif /* OSPROFILER_SQL_SCAN_H */
