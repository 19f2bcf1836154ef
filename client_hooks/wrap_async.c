/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_async.c
 *	  Statements whose results are fetched later, alone or in a pipeline.
 *
 * Statements that were sent wait in the connection's queue. PQgetResult returns
 * the results of the oldest one, then NULL, which ends it. In a pipeline a NULL
 * ends one statement only, and a sync has a result of its own.
 */
#include "client_operation.h"
#include "propagate.h"
#include "set_context.h"

static const osp_allocator *const alc = &osp_allocator_default;

/* A call that sends a statement. */
typedef struct send_call
{
	osp__guard guard;
	bool entered;
	ospq_conn *c;
	ospq_open *open; /* NULL: not traced */
	int saved;       /* the errno of the program */
} send_call;

/* Opens the statement that is about to be sent; NULL: it is not traced. */
static ospq_open *
open_statement(ospq_conn *c, const ospq_facts *facts)
{
	ospq_open *open;

	ospq_forget_earlier_error(c);
	open = ospq_conn_push(c);
	if (open == NULL)
		return NULL;
	open->kind = OSPQ_STATEMENT;
	if (OSP_UNLIKELY(REAL(PQpipelineStatus)(c->conn) != OSPQ_PIPELINE_OFF))
		c->pipeline_position++;
	if (ospq_start(c, &open->point, facts))
	{
		open->outcome.secret = c->secret;
		open->outcome.values = c->values;
		return open;
	}
	ospq_conn_unpush(c);
	return NULL;
}

static void
begin(send_call *call, PGconn *conn, const ospq_facts *facts)
{
	call->saved = errno;
	call->c = NULL;
	call->open = NULL;
	call->entered = ospq_enter(&call->guard);
	if (!call->entered)
		return;
	call->c = ospq_conn_get(conn);
	if (call->c != NULL)
		call->open = open_statement(call->c, facts);
	errno = call->saved;
}

/*
 * Ends a call that sent a statement. If it could not be sent, its point stops
 * at once. (An earlier statement may still be open: libpq may have refused this
 * one because of that.)
 */
static int
finish(const send_call *call, int sent)
{
	int saved = errno;

	if (!call->entered)
		return sent;
	if (call->open != NULL && !sent)
	{
		ospq_read_failure(&call->open->outcome, call->c->conn);
		if (REAL(PQstatus)(call->c->conn) != CONNECTION_BAD)
			call->open->outcome.sqlstate = NULL;
		ospq_stop(&call->open->point, &call->open->outcome);
		ospq_conn_unpush(call->c);
	}
	ospq_leave();
	errno = saved;
	return sent;
}

static const char *
text_to_send(const send_call *call, const char *sql)
{
	ospq_open *open = call->open;
	const char *text;

	if (open == NULL || sql == NULL)
		return sql;
	text = ospq_with_comment(call->c, &open->sent, &open->point, sql);
	open->commented = text != sql;
	ospq_note_text(call->c, sql);
	errno = call->saved;
	return text;
}

OSPQ_EXPORT int
PQsendQuery(PGconn *conn, const char *query)
{
	ospq_facts facts = {.text = query};
	send_call call;

	begin(&call, conn, &facts);
	return finish(&call, REAL(PQsendQuery)(conn, text_to_send(&call, query)));
}

OSPQ_EXPORT int
PQsendQueryParams(PGconn *conn, const char *command, int nParams,
				  const Oid *paramTypes, const char *const *paramValues,
				  const int *paramLengths, const int *paramFormats,
				  int resultFormat)
{
	ospq_facts facts = {.text = command,
						.param_count = nParams,
						.params = paramValues,
						.param_lengths = paramLengths,
						.param_formats = paramFormats};
	send_call call;

	begin(&call, conn, &facts);
	return finish(&call,
				  REAL(PQsendQueryParams)(conn,
										  text_to_send(&call, command),
										  nParams,
										  paramTypes,
										  paramValues,
										  paramLengths,
										  paramFormats,
										  resultFormat));
}

/* Keeps a statement's name and text until it is known whether it was prepared. */
static void
keep_prepared(const send_call *call, const char *name, const char *query)
{
	ospq_open *open = call->open;

	if (open == NULL || name == NULL || query == NULL)
		return;
	open->prepare_name = osp_strdup(alc, osp_str_of(name));
	if (open->prepare_name != NULL)
		open->prepare_text = osp_strdup(alc, osp_str_of(query));
	errno = call->saved;
}

OSPQ_EXPORT int
PQsendPrepare(PGconn *conn, const char *stmtName, const char *query,
			  int nParams, const Oid *paramTypes)
{
	ospq_facts facts = {
		.text = query, .operation = "prepare", .name = stmtName};
	send_call call;
	int sent;

	begin(&call, conn, &facts);
	keep_prepared(&call, stmtName, query);
	sent = REAL(PQsendPrepare)(conn, stmtName, query, nParams, paramTypes);

	/*
	 * In a pipeline a prepared statement is used before the answer to its
	 * preparation is read.
	 */
	if (sent && call.open != NULL && call.open->prepare_text != NULL &&
		REAL(PQpipelineStatus)(conn) != OSPQ_PIPELINE_OFF)
		ospq_conn_remember(call.c, stmtName, call.open->prepare_text);
	return finish(&call, sent);
}

OSPQ_EXPORT int
PQsendQueryPrepared(PGconn *conn, const char *stmtName, int nParams,
					const char *const *paramValues, const int *paramLengths,
					const int *paramFormats, int resultFormat)
{
	ospq_facts facts = {.name = stmtName,
						.param_count = nParams,
						.params = paramValues,
						.param_lengths = paramLengths,
						.param_formats = paramFormats};
	send_call call;

	begin(&call, conn, &facts);
	return finish(&call,
				  REAL(PQsendQueryPrepared)(conn,
											stmtName,
											nParams,
											paramValues,
											paramLengths,
											paramFormats,
											resultFormat));
}

/* A libpq function that takes a connection and the name of a statement or portal. */
typedef int (*by_name)(PGconn *conn, const char *name);

static int
send_by_name(by_name function, const char *operation, PGconn *conn,
			 const char *name)
{
	ospq_facts facts = {.operation = operation, .name = name};
	send_call call;

	begin(&call, conn, &facts);
	return finish(&call, function(conn, name));
}

OSPQ_EXPORT int
PQsendDescribePrepared(PGconn *conn, const char *stmt)
{
	ospq_need();
	return send_by_name(REAL(PQsendDescribePrepared), "describe", conn, stmt);
}

OSPQ_EXPORT int
PQsendDescribePortal(PGconn *conn, const char *portal)
{
	ospq_need();
	return send_by_name(
		REAL(PQsendDescribePortal), "describe portal", conn, portal);
}

OSPQ_EXPORT int
PQsendClosePrepared(PGconn *conn, const char *stmt)
{
	int sent;
	ospq_conn *c;

	ospq_need();
	sent = send_by_name(REAL(PQsendClosePrepared), "close", conn, stmt);
	c = ospq_conn_find(conn);
	if (sent && c != NULL && stmt != NULL)
		ospq_prepared_remove(&c->prepared, osp_str_of(stmt));
	return sent;
}

OSPQ_EXPORT int
PQsendClosePortal(PGconn *conn, const char *portal)
{
	ospq_need();
	return send_by_name(REAL(PQsendClosePortal), "close portal", conn, portal);
}

static bool
has_sync(const ospq_conn *c)
{
	unsigned i;

	for (i = 0; c->queue != NULL && i < c->queue_len; i++)
		if (c->queue[(c->queue_first + i) % c->queue_size].kind == OSPQ_SYNC)
			return true;
	return false;
}

/* Updates the open statements according to a result. */
static void
note_result(ospq_conn *c, PGresult *result)
{
	int status = (int) REAL(PQresultStatus)(result);
	ospq_open *head;

	if (status == OSPQ_RES_PIPELINE_SYNC)
	{
		/*
		 * A sync that was sent before we knew the connection ends none of our
		 * statements.
		 */
		if (!has_sync(c))
			return;

		/* Statements before the sync were answered, or never will be. */
		for (head = ospq_conn_head(c); head != NULL; head = ospq_conn_head(c))
		{
			ospq_kind kind = head->kind;

			if (kind == OSPQ_STATEMENT && !head->answered)
				head->outcome.fate = OSPQ_DISCARDED;
			ospq_stop_head(c);
			if (kind == OSPQ_SYNC)
				break;
		}
		if (c->queue_len == 0)
			c->pipeline_position = 0;
		return;
	}
	head = ospq_conn_head(c);
	if (head == NULL || head->kind == OSPQ_SYNC)
		return;
	switch (status)
	{
		case PGRES_SINGLE_TUPLE:
		case OSPQ_RES_TUPLES_CHUNK:
		case PGRES_COPY_IN:
		case PGRES_COPY_OUT:
		case PGRES_COPY_BOTH:
			break;
		default:
			ospq_open_read(head, c->conn, result);
			break;
	}
}

/*
 * Handles a NULL of PQgetResult: in a pipeline it ends one statement, otherwise
 * all statements that were sent.
 */
static void
note_end(ospq_conn *c)
{
	ospq_open *head = ospq_conn_head(c);

	if (REAL(PQpipelineStatus)(c->conn) == OSPQ_PIPELINE_OFF)
		ospq_stop_all(c, OSPQ_DISCARDED);
	else if (head != NULL && head->kind == OSPQ_STATEMENT && head->answered)
		ospq_stop_head(c);
}

OSPQ_EXPORT PGresult *
PQgetResult(PGconn *conn)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	ospq_open *head;
	PGresult *result;
	int saved;

	result = REAL(PQgetResult)(conn);
	if (c == NULL)
		return result;
	saved = errno;
	head = ospq_conn_head(c);
	if (head != NULL && head->commented && result != NULL && !head->answered)
		ospq_correct_error(c, &head->sent, result);
	if (result == NULL)
		note_end(c);
	else
		note_result(c, result);
	ospq_leave();
	errno = saved;
	return result;
}

/* Calls a function that ends a part of a pipeline, and notes the sync. */
static int
send_sync(int (*function)(PGconn *), PGconn *conn)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int sent = function(conn);
	int saved = errno;
	ospq_open *open;

	if (c == NULL)
		return sent;
	if (sent)
	{
		open = ospq_conn_push(c);
		if (open != NULL)
			open->kind = OSPQ_SYNC;
		c->pipeline_position = 0;
	}
	ospq_leave();
	errno = saved;
	return sent;
}

OSPQ_EXPORT int
PQpipelineSync(PGconn *conn)
{
	ospq_need();
	return send_sync(REAL(PQpipelineSync), conn);
}

OSPQ_EXPORT int
PQsendPipelineSync(PGconn *conn)
{
	ospq_need();
	return send_sync(REAL(PQsendPipelineSync), conn);
}

/*
 * Enters or leaves pipeline mode. libpq refuses that while results are unread;
 * so after a success all statements were answered.
 */
static int
change_mode(int (*function)(PGconn *), PGconn *conn, bool leaves)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int changed = function(conn);
	int saved = errno;

	if (c == NULL)
		return changed;
	if (changed)
	{
		if (leaves)
			ospq_stop_all(c, OSPQ_DISCARDED);
		c->pipeline_position = 0;
	}
	ospq_leave();
	errno = saved;
	return changed;
}

OSPQ_EXPORT int
PQenterPipelineMode(PGconn *conn)
{
	ospq_need();
	return change_mode(REAL(PQenterPipelineMode), conn, false);
}

OSPQ_EXPORT int
PQexitPipelineMode(PGconn *conn)
{
	ospq_need();
	return change_mode(REAL(PQexitPipelineMode), conn, true);
}
