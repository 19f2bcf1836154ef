/* SPDX-License-Identifier: Apache-2.0
 *
 * end_error.h
 *	  Corrects the position and the message of a syntax error at the end of a
 *	  text that was sent with a comment.
 */
#ifndef OSPQ_END_ERROR_H
#define OSPQ_END_ERROR_H

#include "pq_conn.h"

/* The slow part of ospq_correct_error. */
extern void ospq_correct_end_error(ospq_conn *c, const ospq_sent *sent,
								   PGresult *result);

/*
 * If the result is an error of a statement that was sent with a comment,
 * corrects it to what it would be without: the position, and the line that
 * libpq shows. Must be called before the program gets the result.
 */
static inline void
ospq_correct_error(ospq_conn *c, const ospq_sent *sent, PGresult *result)
{
	if (OSP_UNLIKELY(REAL(PQresultStatus)(result) == PGRES_FATAL_ERROR))
		ospq_correct_end_error(c, sent, result);
}

/*
 * Corrects a result that the program has made of the connection's message, which
 * libpq has copied.
 */
extern void ospq_correct_made(const PGconn *conn, const PGresult *result);

/*
 * The result of PQerrorMessage: libpq's own text, corrected if it quotes a
 * comment of ours.
 */
extern char *ospq_error_message(const PGconn *conn);

/*
 * If libpq's own message begins with instead_of, has PQerrorMessage return text
 * in place of that beginning. Both are owned, of malloc; NULL: no memory.
 */
extern void ospq_show_error(ospq_conn *c, char *instead_of, char *text);

/* Has PQerrorMessage return libpq's own text again. */
extern void ospq_forget_shown_error(ospq_conn *c);

static inline void
ospq_forget_error(ospq_conn *c)
{
	if (OSP_UNLIKELY(c->shown_error != NULL))
		ospq_forget_shown_error(c);
}

/*
 * Must be called before a statement is sent. libpq then empties its error
 * message, unless another statement waits for its answer; all other calls
 * append to it.
 */
static inline void
ospq_forget_earlier_error(ospq_conn *c)
{
	if (c->queue_len == 0)
		ospq_forget_error(c);
}

#endif /* OSPQ_END_ERROR_H */
