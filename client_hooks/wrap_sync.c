/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_sync.c
 *	  Statements that are sent and answered in one call.
 *
 * A result that begins a COPY leaves the point open, which is stopped when the
 * COPY ends.
 */
#include "client_operation.h"
#include "end_error.h"
#include "propagate.h"
#include "set_context.h"

#include <stdio.h>

/* A call in progress. */
typedef struct sync_call
{
	osp__guard guard;
	bool entered;
	int saved; /* the errno of the program */
	ospq_conn *c;
	bool traced;
	bool discards; /* it drops results of earlier statements */
} sync_call;

/* Opens the point of a call that was entered. */
static void
open_point(sync_call *call, PGconn *conn, const ospq_facts *facts)
{
	call->saved = errno;
	call->entered = true;
	call->traced = false;
	call->discards = false;
	call->c = ospq_conn_get(conn);
	if (OSP_UNLIKELY(call->c == NULL))
		return;
	if (OSP_UNLIKELY(call->c->queue_len > 0) &&
		REAL(PQpipelineStatus)(conn) == OSPQ_PIPELINE_OFF)
		call->discards = true;
	call->traced = ospq_start_call(call->c, facts);
	errno = call->saved;
}

/*
 * Enters a call. In a pipeline, these functions of libpq fail. Elsewhere they
 * first discard the results of statements that were sent before, so the points
 * of those statements are stopped after the call (stop_discarded()).
 */
static void
begin(sync_call *call, PGconn *conn, const ospq_facts *facts)
{
	if (ospq_enter(&call->guard))
	{
		open_point(call, conn, facts);
		return;
	}
	call->entered = false;
	call->c = NULL;
	call->traced = false;
}

/*
 * Stops the statements whose results were dropped. This comes after the call,
 * since the server may have worked on them until now.
 */
static void
stop_discarded(const sync_call *call)
{
	if (OSP_UNLIKELY(call->discards))
		ospq_stop_all(call->c, OSPQ_DISCARDED);
}

static bool
is_copy(const PGresult *result)
{
	ExecStatusType status = REAL(PQresultStatus)(result);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
		   status == PGRES_COPY_BOTH;
}

/* Stops the point of a call with its result; that of a COPY stays open. */
static void
stop_point(const sync_call *call, PGresult *result)
{
	ospq_outcome outcome = {.fate = OSPQ_DONE,
							.secret = call->c->secret,
							.values = call->c->values};
	ospq_open *open;

	if (OSP_UNLIKELY(result == NULL))
		ospq_read_failure(&outcome, call->c->conn);
	else if (OSP_UNLIKELY(is_copy(result)))
	{
		open = ospq_conn_push(call->c);
		if (open != NULL)
		{
			open->point = *ospq_call_point();
			open->outcome.secret = outcome.secret;
			open->outcome.values = outcome.values;
			ospq_set_call(OSPQ_CALL_OTHER);
			return;
		}
		outcome.fate = OSPQ_INTERRUPTED;
	}
	else
		ospq_read_result(&outcome, call->c->conn, result);
	ospq_stop_call(&outcome);
}

/* Ends a call whose function returned result; keeps errno. */
static PGresult *
finish(const sync_call *call, PGresult *result)
{
	int saved = errno;

	if (!call->entered || OSP_UNLIKELY(!ospq_call_is(&call->guard)))
		return result;
	if (OSP_LIKELY(call->c != NULL))
	{
		stop_discarded(call);
		if (OSP_LIKELY(call->traced))
			stop_point(call, result);
	}
	ospq_leave();
	errno = saved;
	return result;
}

/* The text for the function to send: with a comment, if the call is traced. */
static const char *
text_to_send(const sync_call *call, const char *sql)
{
	const char *text;

	if (!call->traced || sql == NULL)
		return sql;
	text = ospq_with_comment(call->c, &call->c->sent, ospq_call_point(), sql);
	errno = call->saved;
	return text;
}

/* Ends a call as finish does, if the call sent a text, perhaps with a comment. */
static PGresult *
finish_text(const sync_call *call, const char *sql, const char *text,
			PGresult *result)
{
	int saved = errno;

	if (text != sql)
		ospq_correct_error(call->c, &call->c->sent, result);
	if (call->traced && sql != NULL)
		ospq_note_text(call->c, sql);
	errno = saved;
	return finish(call, result);
}

OSPQ_EXPORT PGresult *
PQexec(PGconn *conn, const char *query)
{
	ospq_facts facts = {.text = query};
	const char *text;
	sync_call call;

	if (!ospq_enter(&call.guard))
		return REAL(PQexec)(conn, query);
	open_point(&call, conn, &facts);
	text = text_to_send(&call, query);
	return finish_text(&call, query, text, REAL(PQexec)(conn, text));
}

OSPQ_EXPORT PGresult *
PQexecParams(PGconn *conn, const char *command, int nParams,
			 const Oid *paramTypes, const char *const *paramValues,
			 const int *paramLengths, const int *paramFormats, int resultFormat)
{
	ospq_facts facts = {.text = command,
						.param_count = nParams,
						.params = paramValues,
						.param_lengths = paramLengths,
						.param_formats = paramFormats};
	const char *text;
	sync_call call;

	begin(&call, conn, &facts);
	text = text_to_send(&call, command);
	return finish_text(&call,
					   command,
					   text,
					   REAL(PQexecParams)(conn,
										  text,
										  nParams,
										  paramTypes,
										  paramValues,
										  paramLengths,
										  paramFormats,
										  resultFormat));
}

OSPQ_EXPORT PGresult *
PQprepare(PGconn *conn, const char *stmtName, const char *query, int nParams,
		  const Oid *paramTypes)
{
	ospq_facts facts = {
		.text = query, .operation = "prepare", .name = stmtName};
	PGresult *result;
	sync_call call;
	int saved;

	begin(&call, conn, &facts);
	result = REAL(PQprepare)(conn, stmtName, query, nParams, paramTypes);
	if (call.c != NULL && stmtName != NULL && query != NULL &&
		REAL(PQresultStatus)(result) == PGRES_COMMAND_OK)
	{
		saved = errno;
		ospq_conn_remember(call.c, stmtName, query);
		errno = saved;
	}
	return finish(&call, result);
}

/* Executes a prepared statement in a call that was entered. */
static PGresult *
execute(sync_call *call, PGconn *conn, const ospq_execution *e)
{
	ospq_facts facts = {.name = e->name,
						.param_count = e->count,
						.params = e->values,
						.param_lengths = e->lengths,
						.param_formats = e->formats};
	PGresult *result;

	open_point(call, conn, &facts);
	if (!call->traced ||
		!ospq_execute_told(call->c, ospq_call_point(), e, &result))
	{
		errno = call->saved;
		result = REAL(PQexecPrepared)(conn,
									  e->name,
									  e->count,
									  e->values,
									  e->lengths,
									  e->formats,
									  e->result_format);
	}
	return finish(call, result);
}

OSPQ_EXPORT PGresult *
PQexecPrepared(PGconn *conn, const char *stmtName, int nParams,
			   const char *const *paramValues, const int *paramLengths,
			   const int *paramFormats, int resultFormat)
{
	sync_call call;

	if (ospq_enter(&call.guard))
		return execute(&call,
					   conn,
					   &(ospq_execution){stmtName,
										 nParams,
										 paramValues,
										 paramLengths,
										 paramFormats,
										 resultFormat});
	return REAL(PQexecPrepared)(conn,
								stmtName,
								nParams,
								paramValues,
								paramLengths,
								paramFormats,
								resultFormat);
}

/* A libpq function that takes a connection and the name of a statement or portal. */
typedef PGresult *(*by_name)(PGconn *conn, const char *name);

static PGresult *
run_by_name(by_name function, const char *operation, PGconn *conn,
			const char *name)
{
	ospq_facts facts = {.operation = operation, .name = name};
	sync_call call;

	begin(&call, conn, &facts);
	return finish(&call, function(conn, name));
}

OSPQ_EXPORT PGresult *
PQdescribePrepared(PGconn *conn, const char *stmt)
{
	ospq_need();
	return run_by_name(REAL(PQdescribePrepared), "describe", conn, stmt);
}

OSPQ_EXPORT PGresult *
PQdescribePortal(PGconn *conn, const char *portal)
{
	ospq_need();
	return run_by_name(REAL(PQdescribePortal), "describe portal", conn, portal);
}

OSPQ_EXPORT PGresult *
PQclosePrepared(PGconn *conn, const char *stmt)
{
	PGresult *result;
	ospq_conn *c;

	ospq_need();
	result = run_by_name(REAL(PQclosePrepared), "close", conn, stmt);
	c = ospq_conn_find(conn);
	if (c != NULL && stmt != NULL)
		ospq_prepared_remove(&c->prepared, osp_str_of(stmt));
	return result;
}

OSPQ_EXPORT PGresult *
PQclosePortal(PGconn *conn, const char *portal)
{
	ospq_need();
	return run_by_name(REAL(PQclosePortal), "close portal", conn, portal);
}

OSPQ_EXPORT PGresult *
PQfn(PGconn *conn, int fnid, int *result_buf, int *result_len,
	 int result_is_int, const PQArgBlock *args, int nargs)
{
	char text[32];
	ospq_facts facts = {.text = text, .is_name = true, .operation = "fastpath"};
	sync_call call;

	(void) snprintf(text, sizeof(text), "function %d", fnid);
	begin(&call, conn, &facts);
	return finish(
		&call,
		REAL(PQfn)(
			conn, fnid, result_buf, result_len, result_is_int, args, nargs));
}

/* Ends a call that has no result, but a value that says whether it succeeded. */
static void
finish_value(const sync_call *call, bool good)
{
	int saved = errno;
	ospq_outcome outcome = {.fate = OSPQ_DONE};

	if (!call->entered || !ospq_call_is(&call->guard))
		return;
	stop_discarded(call);
	if (call->traced)
	{
		if (!good)
			ospq_read_failure(&outcome, call->c->conn);
		ospq_stop_call(&outcome);
	}
	ospq_leave();
	errno = saved;
}

OSPQ_EXPORT int
PQsetClientEncoding(PGconn *conn, const char *encoding)
{
	char text[128];
	ospq_facts facts = {.text = text};
	sync_call call;
	int result;

	(void) snprintf(text,
					sizeof(text),
					"set client_encoding to '%s'",
					encoding != NULL ? encoding : "");
	begin(&call, conn, &facts);
	result = REAL(PQsetClientEncoding)(conn, encoding);
	finish_value(&call, result == 0);
	return result;
}

/* The server is asked only if the program names no algorithm. */
OSPQ_EXPORT char *
PQencryptPasswordConn(PGconn *conn, const char *passwd, const char *user,
					  const char *algorithm)
{
	ospq_facts facts = {.text = "show password_encryption"};
	char *result;
	sync_call call;

	ospq_need();
	if (algorithm != NULL)
		return REAL(PQencryptPasswordConn)(conn, passwd, user, algorithm);
	begin(&call, conn, &facts);
	result = REAL(PQencryptPasswordConn)(conn, passwd, user, algorithm);
	finish_value(&call, result != NULL);
	return result;
}

/* The statement contains the password, so its text is not recorded. */
OSPQ_EXPORT PGresult *
PQchangePassword(PGconn *conn, const char *user, const char *passwd)
{
	ospq_facts facts = {.text = "ALTER USER ... PASSWORD ...", .is_name = true};
	sync_call call;

	begin(&call, conn, &facts);
	return finish(&call, REAL(PQchangePassword)(conn, user, passwd));
}

/* Within a call it is libpq that makes the result; ospq_correct_error corrects those. */
OSPQ_EXPORT PGresult *
PQmakeEmptyPGresult(PGconn *conn, ExecStatusType status)
{
	PGresult *result;

	ospq_need();
	result = REAL(PQmakeEmptyPGresult)(conn, status);
	if (!ospq_inside())
		ospq_correct_made(conn, result);
	return result;
}
