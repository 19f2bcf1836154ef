/* SPDX-License-Identifier: Apache-2.0
 *
 * pq_conn.h
 *	  The state of a connection: where it leads, which statements are open on
 *	  it, and the texts of the prepared ones.
 *
 * A connection is used by one thread at a time, as libpq demands, so its state
 * needs no lock. Only finding it may happen in many threads at the same time,
 * see pq_conn.c.
 */
#ifndef OSPQ_CONN_H
#define OSPQ_CONN_H

#include "libpq_api.h"
#include "prepared.h"
#include "profiler/profiler_int.h"
#include "sql/sql_text.h"

/*
 * The longest statement text that is recorded. A longer one is cut, and its
 * length recorded.
 */
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
	OSPQ_SYNC /* ends a part of a pipeline; no point */
} ospq_kind;

/* The name of a statement's point. */
#define OSPQ_DB OSP_STR("db")

/* How a point ended. */
typedef enum ospq_fate
{
	OSPQ_DONE,
	OSPQ_FAILED,
	OSPQ_DISCARDED,    /* its results were never fetched */
	OSPQ_NOT_EXECUTED, /* skipped after an error in a pipeline */
	OSPQ_INTERRUPTED   /* the connection was closed, the program ended */
} ospq_fate;

/* The outcome of a statement, which is collected until it stops. */
typedef struct ospq_outcome
{
	ospq_fate fate;
	bool has_rows;
	bool has_bytes;
	uint64_t rows;
	uint64_t bytes;       /* by COPY or a large object */
	const char *sqlstate; /* five characters, or NULL */
	const char *message;  /* of the error */
	const char *fields[OSPQ_FIELDS];
	const char *tag;       /* the command tag, or NULL */
	osp_sql_origin origin; /* of the error */
	bool secret;           /* messages may quote a secret */
	bool values;           /* may quote values of parameters */
} ospq_outcome;

/*
 * A text that was sent with a comment of ours. The memory is reused for the
 * next one.
 */
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
	ospq_sent sent; /* memory is kept for the next statement */
	ospq_kind kind;
	bool answered;  /* a result has arrived */
	bool commented; /* sent with a comment, see sent */
	osp__point point;
	ospq_outcome outcome;
	char tag[OSPQ_TAG_MAX + 1];
	char sqlstate[6];
	char *message;             /* owned */
	char *fields[OSPQ_FIELDS]; /* owned */

	/* The statement of PQsendPrepare, remembered once it has succeeded; owned. */
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
	 * The encoded beginning of a start's attributes, also as a template: the
	 * object "db", not ended, with "server", "port", "database", "user" and
	 * "pid" of a live connection.
	 */
	char *opening;
	size_t opening_len; /* 0: no attribute is known */
	osp_template start;
	bool described;       /* the members above are filled in */
	bool replication;     /* or a console: no comments are sent */
	bool counts_bytes;    /* the database has no encoding (SQL_ASCII) */
	bool told_by_startup; /* a start-up option had the context */

	/* The point db.connect while PQconnectPoll or PQresetPoll is being called. */
	bool connecting;
	osp__point connect;

	/* The open statements, oldest first, in a ring buffer. */
	ospq_open *queue;
	unsigned queue_size;
	unsigned queue_first;
	unsigned queue_len;
	unsigned pipeline_position;

	/* Can the context be sent before prepared statements? See set_context.c. */
	ospq_helper helper;
	bool has_events; /* the program has a PGEventProc */

	/*
	 * PQerrorMessage returns the first text instead of the second, see
	 * end_error.h. It is in a buffer that lives as long as the connection, like
	 * libpq's own, since the program may keep the pointer.
	 */
	char *shown_error; /* shown_buffer, or NULL */
	char *hidden_error;
	char *shown_buffer; /* owned */
	size_t shown_size;

	ospq_sent sent;      /* by a call that waits for the answer */
	osp_sql_space space; /* for texts that are recorded in changed form */
	bool secret;         /* the last started statement may have one */
	bool secret_before;  /* so may one of its transaction */
	bool values;         /* its messages may quote parameters */

	ospq_prepared prepared;
} ospq_conn;

/* Finds the state of a connection; NULL: it has none. */
extern ospq_conn *ospq_conn_find(const PGconn *conn);

/* Finds the state of a connection, or makes it; NULL: no memory. */
extern ospq_conn *ospq_conn_get(PGconn *conn);

/* Forgets a connection. Its open points must have been stopped. */
extern void ospq_conn_remove(const PGconn *conn);

/*
 * Remembers the text of a prepared statement in the form in which it may be
 * recorded.
 */
extern void ospq_conn_remember(ospq_conn *c, const char *name, const char *sql);

/*
 * Returns a text in the form in which it may be recorded, at most OSPQ_TEXT_MAX
 * bytes: without contexts in comments, and with secrets masked. Borrowed from
 * sql or from the connection.
 */
extern osp_sql_recorded ospq_conn_record(ospq_conn *c, const char *sql);

/*
 * Forgets where the connection leads and its prepared statements, since it is
 * connected anew.
 */
extern void ospq_conn_reconnected(ospq_conn *c);

/* Calls fn for every connection. May be called only while no other thread runs. */
extern void ospq_conn_each(void (*fn)(ospq_conn *c));

/* The oldest open statement; NULL: none. */
static inline ospq_open *
ospq_conn_head(ospq_conn *c)
{
	return c->queue_len > 0 ? &c->queue[c->queue_first] : NULL;
}

/* Appends an open statement to the queue, zeroed; NULL: no memory. */
extern ospq_open *ospq_conn_push(ospq_conn *c);

/* Removes the newest open statement, which could not be sent. */
extern void ospq_conn_unpush(ospq_conn *c);

/* Removes the oldest open statement. */
extern void ospq_conn_pop(ospq_conn *c);

/* Fills in opening, start and replication once the connection is made. */
extern void ospq_conn_describe(ospq_conn *c);

/* The encoded beginning of a start's attributes, which is valid even if c is NULL. */
static inline osp_str
ospq_conn_opening(const ospq_conn *c)
{
	static const char nothing[] = {OSP_ATTR_OBJECT, 2, 'd', 'b'};

	return c != NULL && c->opening_len > 0
			   ? osp_str_n(c->opening, c->opening_len)
			   : osp_str_n(nothing, sizeof(nothing));
}

#endif /* OSPQ_CONN_H */
