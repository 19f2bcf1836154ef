/* SPDX-License-Identifier: Apache-2.0
 *
 * pq_conn.h
 *	  What is known of a connection: where it leads, which statements are open
 *	  on it, what the prepared ones say.
 *
 * A connection is used by one thread at a time, as libpq demands, so its state
 * needs no lock. Only finding it may happen in many threads at once, see pq_conn.c.
 */
#ifndef OSPQ_CONN_H
#define OSPQ_CONN_H

#include "libpq_api.h"
#include "prepared.h"
#include "profiler/profiler_int.h"
#include "sql/sql_text.h"

/* Longest statement text that is recorded; more is counted and cut. */
#define OSPQ_TEXT_MAX 32768

/* Longest command tag and error message that are recorded. */
#define OSPQ_TAG_MAX     63
#define OSPQ_MESSAGE_MAX 512

/* The fields of an error beside its message. */
enum
{
	OSPQ_DETAIL,
	OSPQ_HINT,
	OSPQ_CONTEXT,
	OSPQ_FIELDS
};

typedef enum ospq_kind
{
	OSPQ_STATEMENT,
	OSPQ_SYNC /* the end of a part of a pipeline, no point */
} ospq_kind;

/* The name of a statement's point. */
#define OSPQ_DB OSP_STR("db")

/* How a point ended that is neither done nor failed. */
typedef enum ospq_fate
{
	OSPQ_DONE,
	OSPQ_FAILED,
	OSPQ_DISCARDED,    /* its results were never fetched */
	OSPQ_NOT_EXECUTED, /* skipped after an error in a pipeline */
	OSPQ_INTERRUPTED   /* the connection was closed, the program ended */
} ospq_fate;

/* What became of a statement, gathered until it stops. */
typedef struct ospq_outcome
{
	ospq_fate fate;
	bool has_rows;
	bool has_bytes;
	uint64_t rows;
	uint64_t bytes;       /* of COPY, and of large objects */
	const char *sqlstate; /* five characters, or NULL */
	const char *message;  /* of a failure */
	const char *fields[OSPQ_FIELDS];
	const char *tag;       /* NULL: none */
	osp_sql_origin origin; /* of the error */
	bool secret; /* the statement may hold one: messages quote nothing */
	bool values; /* of parameters may be in its messages */
} ospq_outcome;

/* A text that was sent with a comment of ours; the memory is kept for the next
 * one. */
typedef struct ospq_sent
{
	char *ptr; /* owned */
	size_t size;
	size_t len;
	size_t text_len; /* without the comment */
} ospq_sent;

/* A statement whose results are still to be fetched. */
typedef struct ospq_open
{
	ospq_sent sent; /* outlives the statement, for the next one in its place */
	ospq_kind kind;
	bool answered;  /* a result came */
	bool commented; /* the text was sent with a comment, see sent */
	osp__point point;
	ospq_outcome outcome;
	char tag[OSPQ_TAG_MAX + 1];
	char sqlstate[6];
	char *message;             /* owned */
	char *fields[OSPQ_FIELDS]; /* owned */

	/* PQsendPrepare: to be known once it succeeded; owned */
	char *prepare_name;
	char *prepare_text;
} ospq_open;

/* Can osprofiler.set_context be called on a connection? */
typedef enum ospq_helper
{
	OSPQ_HELPER_UNKNOWN,
	OSPQ_HELPER_NONE,
	OSPQ_HELPER_READY
} ospq_helper;

typedef struct ospq_conn
{
	PGconn *conn;

	/*
	 * How a start begins: the object "db", left open, with "server", "port",
	 * "database", "user" and "pid" of a live connection; encoded, and as a template.
	 */
	char *opening;
	size_t opening_len; /* 0: nothing is known */
	osp_template start;
	bool described;    /* the above was filled */
	bool replication;  /* or a console: what is sent takes no comments */
	bool counts_bytes; /* the database has no encoding (SQL_ASCII) */

	/* db.connect, while PQconnectPoll or PQresetPoll are at it */
	bool connecting;
	osp__point connect;

	/* open statements, oldest first, a ring buffer */
	ospq_open *queue;
	unsigned queue_size;
	unsigned queue_first;
	unsigned queue_len;
	unsigned pipeline_position;

	/* the call that tells the server before prepared ones, see set_context.c */
	ospq_helper helper;
	bool has_events; /* the program looks at results as they are made */

	/* what PQerrorMessage gives instead of which text of libpq; see end_error.h */
	char *shown_error; /* owned, or NULL */
	char *hidden_error;

	ospq_sent sent;      /* of a call that waits for the answer */
	osp_sql_space space; /* for texts that are recorded otherwise than sent */
	bool secret;         /* the statement that was started last may hold one */
	bool values;         /* ... and this may have values of parameters */

	ospq_prepared prepared;
} ospq_conn;

/* The state of a connection; NULL: none. */
extern ospq_conn *ospq_conn_find(const PGconn *conn);

/* The same, made if there is none; NULL: no memory. */
extern ospq_conn *ospq_conn_get(PGconn *conn);

/* Forgets a connection; its open points were stopped. */
extern void ospq_conn_remove(const PGconn *conn);

/* Remembers the text of a prepared statement, as it may be recorded. */
extern void ospq_conn_remember(ospq_conn *c, const char *name, const char *sql);

/* A text as it may be recorded, of at most OSPQ_TEXT_MAX bytes: without contexts
 * in comments, with secrets masked. Borrowed from it or from the connection. */
extern osp_sql_recorded ospq_conn_record(ospq_conn *c, const char *sql);

/* Forgets where it leads and what was prepared: it is connected anew. */
extern void ospq_conn_reconnected(ospq_conn *c);

/* Calls fn for every connection; only when no other thread runs any more. */
extern void ospq_conn_each(void (*fn)(ospq_conn *c));

/* The oldest open statement; NULL: none. */
static inline ospq_open *
ospq_conn_head(ospq_conn *c)
{
	return c->queue_len > 0 ? &c->queue[c->queue_first] : NULL;
}

/* Room for one more open statement, zeroed; NULL: no memory. */
extern ospq_open *ospq_conn_push(ospq_conn *c);

/* Drops the newest, which was not sent after all. */
extern void ospq_conn_unpush(ospq_conn *c);

/* Drops the oldest. */
extern void ospq_conn_pop(ospq_conn *c);

/* Fills in opening, start and replication, once it is connected. */
extern void ospq_conn_describe(ospq_conn *c);

/* How a start begins, also where nothing is known of the connection. */
static inline osp_str
ospq_conn_opening(const ospq_conn *c)
{
	static const char nothing[] = {OSP_ATTR_OBJECT, 2, 'd', 'b'};

	return c != NULL && c->opening_len > 0
			   ? osp_str_n(c->opening, c->opening_len)
			   : osp_str_n(nothing, sizeof(nothing));
}

#endif /* OSPQ_CONN_H */
