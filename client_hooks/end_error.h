/* SPDX-License-Identifier: Apache-2.0
 *
 * end_error.h
 *	  Syntax errors at the end of a text that was sent with a comment.
 */
#ifndef OSPQ_END_ERROR_H
#define OSPQ_END_ERROR_H

#include "pq_conn.h"

/* The rest of ospq_correct_error. */
extern void ospq_correct_end_error(ospq_conn *c, const ospq_sent *sent,
								   PGresult *result);

/*
 * Makes an error of a statement that was sent with a comment what it is without:
 * its position, and the line of the statement that libpq shows. To be called
 * before the program gets the result.
 */
static inline void
ospq_correct_error(ospq_conn *c, const ospq_sent *sent, PGresult *result)
{
	if (OSP_UNLIKELY(REAL(PQresultStatus)(result) == PGRES_FATAL_ERROR))
		ospq_correct_end_error(c, sent, result);
}

/* What PQerrorMessage returns: libpq's own text, corrected where it quotes a
 * comment of ours. */
extern char *ospq_error_message(const PGconn *conn);

/* Shows text for PQerrorMessage where libpq's own begins with instead_of, and what
 * stands behind that. Both are owned, of malloc; NULL: no memory. */
extern void ospq_show_error(ospq_conn *c, char *instead_of, char *text);

/* The text for PQerrorMessage is libpq's own again. */
extern void ospq_forget_shown_error(ospq_conn *c);

static inline void
ospq_forget_error(ospq_conn *c)
{
	if (OSP_UNLIKELY(c->shown_error != NULL))
		ospq_forget_shown_error(c);
}

/* To be called before a statement is sent. libpq empties its text then, unless another
 * statement waits for its answer; all other calls add to it. */
static inline void
ospq_forget_earlier_error(ospq_conn *c)
{
	if (c->queue_len == 0)
		ospq_forget_error(c);
}

#endif /* OSPQ_END_ERROR_H */
