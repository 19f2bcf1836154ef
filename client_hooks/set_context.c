/* SPDX-License-Identifier: Apache-2.0
 *
 * set_context.c
 *	  Sends the trace's context to the server before a prepared statement.
 *
 * A prepared statement cannot carry a comment when it is executed. If the setting
 * propagate has the word "prepared", PQexecPrepared becomes a pipeline of two
 * statements: SELECT osprofiler.set_context($1), prepared once on the connection,
 * and the program's statement, with one Sync after both. The program gets only the
 * results of its own statement, and there are no more round trips than before.
 *
 * This is done only if the program cannot notice it:
 *	- The server has the extension's function, and keeps prepared statements: it is
 *	  asked once, between transactions. A pooler does not keep them. It is
 *	  recognised by the id of the server's process, which differs from the one that
 *	  the pooler gave us.
 *	- The statement is a query whose text is known. Other statements may have to be
 *	  alone in a transaction, or its first.
 *	- The transaction has not failed, and no other statement is being executed.
 *
 * The call may fail nevertheless, if it was deallocated in a way that we do not
 * see. Then the server has skipped the program's statement. Outside a transaction
 * the statement is executed again without the call. Inside one the program gets the
 * error, and the call is not tried again.
 *
 * Leaving the pipeline removes the error's text from the connection. It is kept for
 * PQerrorMessage until the next call.
 */
#include "set_context.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "client_operation.h"
#include "end_error.h"
#include "propagate.h"

#define HELPER      "osprofiler_set_context"
#define ASK         "osprofiler_find_function"
#define HELPER_MAX  512
#define CONTEXT_MAX (OSP_TRACE_INFO_MAX + OSP_HMAC_HEX_LEN + 64)

/*
 * Asks for the function, and for the server's process. It has to be the C
 * function of the extension, which belongs to a superuser: anybody who may
 * create a schema could make another function of that name, which would be
 * executed with the rights of this client. Each name has its schema, since the
 * search path may be anything.
 */
#define IS " OPERATOR(pg_catalog.=) "
static const char ask_text[] =
	"SELECT p.oid, pg_catalog.pg_backend_pid() "
	"FROM pg_catalog.pg_namespace AS n, pg_catalog.pg_proc AS p, "
	"pg_catalog.pg_language AS l, pg_catalog.pg_depend AS d, "
	"pg_catalog.pg_extension AS e, pg_catalog.pg_roles AS r "
	"WHERE n.nspname" IS "'osprofiler' AND p.proname" IS "'set_context' "
	"AND p.pronamespace" IS "n.oid "
	"AND p.oid" IS
	"pg_catalog.to_regprocedure('osprofiler.set_context(pg_catalog.text)') "
	"AND l.oid" IS "p.prolang AND l.lanname" IS "'c' "
	"AND p.probin" IS "'$libdir/osprofiler' "
	"AND p.prosrc" IS "'pgosp_set_context' "
	"AND d.classid" IS "'pg_catalog.pg_proc'::pg_catalog.regclass "
	"AND d.objid" IS "p.oid AND d.objsubid" IS "0 AND d.deptype" IS "'e' "
	"AND d.refclassid" IS "'pg_catalog.pg_extension'::pg_catalog.regclass "
	"AND e.oid" IS "d.refobjid AND e.extname" IS "'osprofiler' "
	"AND r.oid" IS "e.extowner AND r.rolsuper";

/*
 * Calls the function, if its name still means the function that was found:
 * after a DROP EXTENSION the server would parse the statement again and call
 * another one.
 */
static const char helper_format[] =
	"SELECT osprofiler.set_context($1) "
	"WHERE 'osprofiler.set_context(pg_catalog.text)'"
	"::pg_catalog.regprocedure" IS "%s::pg_catalog.oid";

#define OID_TEXT       25
#define PARAMS_LIMIT   65535
#define QUERY_CANCELED "57014"

/*
 * Reads all results up to the sync. *told is the first, that of our call. The
 * last of the others is returned, as PQexecPrepared would do: an error at the
 * commit comes after the statement's own result. If the connection is lost, two
 * NULLs end the results.
 */
static PGresult *
collect(PGconn *conn, PGresult **told)
{
	PGresult *last = NULL;
	int nulls = 0;

	*told = NULL;
	while (nulls < 2)
	{
		PGresult *result = REAL(PQgetResult)(conn);

		if (result == NULL)
		{
			nulls++;
			continue;
		}
		nulls = 0;
		if ((int) REAL(PQresultStatus)(result) == OSPQ_RES_PIPELINE_SYNC)
		{
			REAL(PQclear)(result);
			break;
		}
		if (*told == NULL)
			*told = result;
		else
		{
			REAL(PQclear)(last);
			last = result;
		}
	}
	return last;
}

/*
 * Prepares and executes the question in one round trip. The statement has a
 * name, so that the program's unnamed statement stays. NULL: the question could
 * not be sent.
 */
static PGresult *
ask_server(PGconn *conn)
{
	PGresult *prepared;
	PGresult *answer;

	if (REAL(PQenterPipelineMode)(conn) != 1)
		return NULL;
	(void) REAL(PQsendPrepare)(conn, ASK, ask_text, 0, NULL);
	(void) REAL(PQsendQueryPrepared)(conn, ASK, 0, NULL, NULL, NULL, 0);
	if (REAL(PQpipelineSync)(conn) != 1)
		return NULL;
	answer = collect(conn, &prepared);
	REAL(PQclear)(prepared);
	(void) REAL(PQexitPipelineMode)(conn);
	return answer;
}

/*
 * Makes the statement that calls the function. False: the server does not have
 * it, or this connection leads to a pooler.
 */
static bool
find_function(PGconn *conn, char *helper, size_t size)
{
	PGresult *result = ask_server(conn);
	bool ok = false;

	if (REAL(PQresultStatus)(result) == PGRES_TUPLES_OK &&
		REAL(PQntuples)(result) == 1 &&
		strtol(REAL(PQgetvalue)(result, 0, 1), NULL, 10) ==
			REAL(PQbackendPID)(conn))
		ok = snprintf(
				 helper, size, helper_format, REAL(PQgetvalue)(result, 0, 0)) <
			 (int) size;
	REAL(PQclear)(result);
	return ok;
}

static bool
prepare_helper(PGconn *conn, const char *text)
{
	const Oid type = OID_TEXT;
	PGresult *result = REAL(PQprepare)(conn, HELPER, text, 1, &type);
	bool ok = REAL(PQresultStatus)(result) == PGRES_COMMAND_OK;

	REAL(PQclear)(result);
	return ok;
}

/* Can the function be called? The server is asked once, outside a transaction. */
static bool
is_ready(ospq_conn *c, PGTransactionStatusType status)
{
	char helper[HELPER_MAX];

	if (c->helper != OSPQ_HELPER_UNKNOWN || status != PQTRANS_IDLE)
		return c->helper == OSPQ_HELPER_READY;
	c->helper = OSPQ_HELPER_NONE;
	ospq_conn_remember(c, ASK, ask_text);
	if (find_function(c->conn, helper, sizeof(helper)) &&
		prepare_helper(c->conn, helper))
	{
		ospq_conn_remember(c, HELPER, helper);
		c->helper = OSPQ_HELPER_READY;
	}
	return c->helper == OSPQ_HELPER_READY;
}

/*
 * Checks whether the prepared call of set_context still exists after a
 * statement. If both of our prepared statements are gone, as after DISCARD ALL,
 * they will be prepared again. If only this one is gone, or the text has a
 * DEALLOCATE or DISCARD that was not understood, the call is not used any more.
 */
void
ospq_doubt_helper(ospq_conn *c, const char *sql)
{
	if (!ospq_prepared_has(&c->prepared, HELPER))
		c->helper = !ospq_prepared_has(&c->prepared, ASK) ? OSPQ_HELPER_UNKNOWN
														  : OSPQ_HELPER_NONE;
	else if (strcasestr(sql, "deallocate") != NULL ||
			 strcasestr(sql, "discard") != NULL)
		c->helper = OSPQ_HELPER_NONE;
}

/* Is the statement a query, for which it does not matter what was executed before? */
static bool
is_query(osp_str text)
{
	static const char *const words[] = {
		"select", "insert", "update", "delete", "merge", "with", "values"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		size_t len = strlen(words[i]);

		if (text.len > len && strncasecmp(text.ptr, words[i], len) == 0 &&
			strchr(" \t\r\n(/*-\"'$", text.ptr[len]) != NULL)
			return true;
	}
	return false;
}

static bool
may_tell(ospq_conn *c, const ospq_execution *e, PGTransactionStatusType *status)
{
	PGconn *conn = c->conn;

	*status = REAL(PQtransactionStatus)(conn);
	return ospq_tells_prepared() && !c->replication && !c->has_events &&
		   c->queue_len == 0 && e->name != NULL && e->count >= 0 &&
		   e->count <= PARAMS_LIMIT &&
		   (*status == PQTRANS_IDLE || *status == PQTRANS_INTRANS) &&
		   REAL(PQisnonblocking)(conn) == 0 &&
		   REAL(PQpipelineStatus)(conn) == OSPQ_PIPELINE_OFF &&
		   is_query(ospq_prepared_find(&c->prepared, e->name).text) &&
		   is_ready(c, *status);
}

/* Sends the program's statement; false if libpq refuses. */
static bool
send_statement(PGconn *conn, const ospq_execution *e)
{
	return REAL(PQsendQueryPrepared)(conn,
									 e->name,
									 e->count,
									 e->values,
									 e->lengths,
									 e->formats,
									 e->result_format) == 1;
}

/*
 * Would the program's statement have met this error as well: a lost connection,
 * or a cancel request?
 */
static bool
is_anybodys(const PGconn *conn, const PGresult *failed)
{
	const char *state = REAL(PQresultErrorField)(failed, PG_DIAG_SQLSTATE);

	return REAL(PQstatus)(conn) == CONNECTION_BAD ||
		   (state != NULL && strcmp(state, QUERY_CANCELED) == 0);
}

/*
 * Chooses the result for the program; NULL: the statement has to be executed
 * without our call.
 */
static PGresult *
choose(ospq_conn *c, PGTransactionStatusType before, PGresult *told,
	   PGresult *last)
{
	if (REAL(PQresultStatus)(told) == PGRES_TUPLES_OK && last != NULL)
	{
		REAL(PQclear)(told);
		return last;
	}
	REAL(PQclear)(last);
	if (!is_anybodys(c->conn, told))
	{
		c->helper = OSPQ_HELPER_NONE;
		if (before == PQTRANS_IDLE)
		{
			REAL(PQclear)(told);
			return NULL;
		}
	}
	return told;
}

/*
 * Keeps the text of an error for PQerrorMessage, since leaving the pipeline has
 * emptied it.
 */
static void
keep_error(ospq_conn *c, const PGresult *result)
{
	const char *text = REAL(PQresultErrorMessage)(result);

	if (text[0] != '\0' && REAL(PQerrorMessage)(c->conn)[0] == '\0')
		ospq_show_error(c, strdup(""), strdup(text));
}

bool
ospq_execute_told(ospq_conn *c, const osp__point *point,
				  const ospq_execution *e, PGresult **result)
{
	PGTransactionStatusType before;
	char context[CONTEXT_MAX];
	const char *values[1] = {context};
	osp_headers headers;
	PGconn *conn = c->conn;
	PGresult *told;
	PGresult *last;
	bool sent;

	if (OSP_LIKELY(!may_tell(c, e, &before)) ||
		!osp__hook_sign(point, &headers) ||
		osp_comment_write(&headers, context, sizeof(context)) == 0 ||
		REAL(PQenterPipelineMode)(conn) != 1)
		return false;
	if (REAL(PQsendQueryPrepared)(conn, HELPER, 1, values, NULL, NULL, 0) != 1)
	{
		(void) REAL(PQexitPipelineMode)(conn);
		return false;
	}
	sent = send_statement(conn, e);
	if (REAL(PQpipelineSync)(conn) != 1 &&
		REAL(PQstatus)(conn) != CONNECTION_BAD)
	{
		/*
		 * There was no memory even for the sync, without which no answer would
		 * arrive.
		 */
		*result = NULL;
		return true;
	}
	last = collect(conn, &told);
	(void) REAL(PQexitPipelineMode)(conn);
	if (!sent)
	{
		REAL(PQclear)(told);
		REAL(PQclear)(last);
		return false;
	}
	*result = choose(c, before, told, last);
	if (*result == NULL)
		return false;
	keep_error(c, *result);
	return true;
}

/*
 * Notes that the program has an event procedure. It would see every result as
 * it is made: those of our own calls, and errors that are not corrected yet.
 */
OSPQ_EXPORT int
PQregisterEventProc(PGconn *conn, PGEventProc proc, const char *name,
					void *passThrough)
{
	ospq_conn *c;

	ospq_need();
	c = osp__hook_tracing() ? ospq_conn_get(conn) : NULL;
	if (c != NULL)
		c->has_events = true;
	return REAL(PQregisterEventProc)(conn, proc, name, passThrough);
}
