/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_async.c
 *	  Statements whose results are fetched later, alone or in a pipeline.
 *
 * What was sent waits in the connection's queue. PQgetResult gives the results
 * of the oldest one; its NULL ends it. In a pipeline a NULL ends one statement
 * only, and a result of its own stands for a sync.
 */
#include "point.h"
#include "propagate.h"
#include "set_context.h"

static const osp_allocator *const alc = &osp_allocator_default;

/* A statement that is about to be sent; NULL: not traced. */
static ospq_open *
begin(PGconn *conn, const ospq_facts *facts, ospq_conn **found)
{
	ospq_conn *c = ospq_conn_get(conn);
	ospq_open *open;

	*found = c;
	if (c == NULL)
		return NULL;
	open = ospq_conn_push(c);
	if (open == NULL)
		return NULL;
	open->kind = OSPQ_STATEMENT;
	if (OSP_UNLIKELY(REAL(PQpipelineStatus)(conn) != OSPQ_PIPELINE_OFF))
		c->pipeline_position++;
	if (ospq_start(c, &open->point, facts))
		return open;
	ospq_conn_unpush(c);
	return NULL;
}

/*
 * Was it sent? If not it is over at once. (Another one may still be open before
 * it: that libpq refuses a second one is one of the reasons.)
 */
static void
finish(ospq_conn *c, ospq_open *open, int sent)
{
	int saved = errno;

	if (open != NULL && !sent)
	{
		ospq_read_failure(&open->outcome, c->conn);
		if (REAL(PQstatus)(c->conn) != CONNECTION_BAD)
			open->outcome.sqlstate = NULL;
		ospq_stop(&open->point, &open->outcome);
		ospq_conn_unpush(c);
	}
	ospq_leave();
	errno = saved;
}

/* With a comment where an error can still be made the program's own, or can
 * hardly come of the text's end: see PQgetResult. */
static const char *
text_to_send(ospq_conn *c, ospq_open *open, const char *sql)
{
	const char *sent;

	if (open == NULL || sql == NULL)
		return sql;
	sent = ospq_with_comment(c, &open->point, sql);
	open->commented = sent != sql;
	ospq_note_text(c, sql);
	return sent;
}

OSPQ_EXPORT int
PQsendQuery(PGconn *conn, const char *query)
{
	ospq_facts facts = {.text = query};
	int saved = errno;
	const char *text;
	ospq_open *open;
	ospq_conn *c;
	int sent;

	if (!ospq_enter())
		return REAL(PQsendQuery)(conn, query);
	open = begin(conn, &facts, &c);
	text = text_to_send(c, open, query);
	errno = saved;
	sent = REAL(PQsendQuery)(conn, text);
	finish(c, open, sent);
	return sent;
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
	bool entered = ospq_enter();
	const char *text = command;
	int saved = errno;
	ospq_open *open = NULL;
	ospq_conn *c = NULL;
	int sent;

	if (entered)
	{
		open = begin(conn, &facts, &c);
		text = text_to_send(c, open, command);
	}
	errno = saved;
	sent = REAL(PQsendQueryParams)(conn,
								   text,
								   nParams,
								   paramTypes,
								   paramValues,
								   paramLengths,
								   paramFormats,
								   resultFormat);
	if (entered)
		finish(c, open, sent);
	return sent;
}

OSPQ_EXPORT int
PQsendPrepare(PGconn *conn, const char *stmtName, const char *query,
			  int nParams, const Oid *paramTypes)
{
	ospq_facts facts = {
		.text = query, .operation = "prepare", .name = stmtName};
	bool entered = ospq_enter();
	int saved = errno;
	ospq_open *open = NULL;
	ospq_conn *c = NULL;
	int sent;

	if (entered)
		open = begin(conn, &facts, &c);
	if (open != NULL && stmtName != NULL && query != NULL)
	{
		open->prepare_name = osp_strdup(alc, osp_str_of(stmtName));
		if (open->prepare_name != NULL)
			open->prepare_text = osp_strdup(alc, osp_str_of(query));
	}
	errno = saved;
	sent = REAL(PQsendPrepare)(conn, stmtName, query, nParams, paramTypes);

	/* In a pipeline it is used before its answer is read. */
	if (open != NULL && sent && open->prepare_text != NULL &&
		REAL(PQpipelineStatus)(conn) != OSPQ_PIPELINE_OFF)
		ospq_prepared_set(
			&c->prepared, stmtName, osp_str_of(open->prepare_text));
	if (entered)
		finish(c, open, sent);
	return sent;
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
	bool entered = ospq_enter();
	int saved = errno;
	ospq_open *open = NULL;
	ospq_conn *c = NULL;
	int sent;

	if (entered)
		open = begin(conn, &facts, &c);
	errno = saved;
	sent = REAL(PQsendQueryPrepared)(conn,
									 stmtName,
									 nParams,
									 paramValues,
									 paramLengths,
									 paramFormats,
									 resultFormat);
	if (entered)
		finish(c, open, sent);
	return sent;
}

/* A function of a connection and the name of a statement or portal. */
typedef int (*by_name)(PGconn *conn, const char *name);

static int
send_by_name(by_name function, const char *operation, PGconn *conn,
			 const char *name)
{
	ospq_facts facts = {.operation = operation, .name = name};
	bool entered = ospq_enter();
	int saved = errno;
	ospq_open *open = NULL;
	ospq_conn *c = NULL;
	int sent;

	if (entered)
		open = begin(conn, &facts, &c);
	errno = saved;
	sent = function(conn, name);
	if (entered)
		finish(c, open, sent);
	return sent;
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

/* Sends the text again, as it is, and returns what becomes of it; NULL: it
 * could not be sent. */
static PGresult *
send_plain(ospq_conn *c, PGresult *first)
{
	PGresult *rest;

	if (c->sent == NULL || c->sent_text_len == 0 || c->queue_len != 1)
		return NULL;
	c->sent[c->sent_text_len] = '\0';
	for (rest = REAL(PQgetResult)(c->conn); rest != NULL;
		 rest = REAL(PQgetResult)(c->conn))
		REAL(PQclear)(rest);
	if (!REAL(PQsendQuery)(c->conn, c->sent))
		return NULL;
	REAL(PQclear)(first);
	return REAL(PQgetResult)(c->conn);
}

static bool
has_sync(const ospq_conn *c)
{
	unsigned i;

	for (i = 0; i < c->queue_len; i++)
		if (c->queue[(c->queue_first + i) % c->queue_size].kind == OSPQ_SYNC)
			return true;
	return false;
}

/* What a result means for the statements that are open. */
static void
note_result(ospq_conn *c, PGresult *result)
{
	int status = (int) REAL(PQresultStatus)(result);
	ospq_open *head;

	if (status == OSPQ_RES_PIPELINE_SYNC)
	{
		/* One that was sent before we knew the connection is nobody's end. */
		if (!has_sync(c))
			return;

		/* The statements before it were answered, or they never will be. */
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

/* The end of one statement in a pipeline, of all that was sent otherwise. */
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
	ospq_conn *c = ospq_enter_known(conn);
	ospq_open *head;
	PGresult *result;
	PGresult *again;
	int saved;

	result = REAL(PQgetResult)(conn);
	if (c == NULL)
		return result;
	saved = errno;
	head = ospq_conn_head(c);
	if (OSP_UNLIKELY(head != NULL && head->commented && result != NULL &&
					 !head->answered && ospq_is_parse_error(result)) &&
		REAL(PQpipelineStatus)(conn) == OSPQ_PIPELINE_OFF)
	{
		head->commented = false;
		again = send_plain(c, result);
		if (again != NULL)
			result = again;
	}
	if (result == NULL)
		note_end(c);
	else
		note_result(c, result);
	ospq_leave();
	errno = saved;
	return result;
}

static void
push_sync(ospq_conn *c, int sent)
{
	ospq_open *open;

	if (!sent)
		return;
	open = ospq_conn_push(c);
	if (open != NULL)
		open->kind = OSPQ_SYNC;
	c->pipeline_position = 0;
}

OSPQ_EXPORT int
PQpipelineSync(PGconn *conn)
{
	ospq_conn *c = ospq_enter_known(conn);
	int sent = REAL(PQpipelineSync)(conn);
	int saved = errno;

	if (c != NULL)
	{
		push_sync(c, sent);
		ospq_leave();
		errno = saved;
	}
	return sent;
}

OSPQ_EXPORT int
PQsendPipelineSync(PGconn *conn)
{
	ospq_conn *c = ospq_enter_known(conn);
	int sent = REAL(PQsendPipelineSync)(conn);
	int saved = errno;

	if (c != NULL)
	{
		push_sync(c, sent);
		ospq_leave();
		errno = saved;
	}
	return sent;
}

OSPQ_EXPORT int
PQenterPipelineMode(PGconn *conn)
{
	ospq_conn *c = ospq_enter_known(conn);
	int entered = REAL(PQenterPipelineMode)(conn);

	if (c != NULL)
	{
		c->pipeline_position = 0;
		ospq_leave();
	}
	return entered;
}

/* Refused by libpq while results are unread; then everything was answered. */
OSPQ_EXPORT int
PQexitPipelineMode(PGconn *conn)
{
	ospq_conn *c = ospq_enter_known(conn);
	int left = REAL(PQexitPipelineMode)(conn);
	int saved = errno;

	if (c != NULL)
	{
		if (left)
		{
			ospq_stop_all(c, OSPQ_DISCARDED);
			c->pipeline_position = 0;
		}
		ospq_leave();
		errno = saved;
	}
	return left;
}
