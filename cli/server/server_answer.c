/* SPDX-License-Identifier: Apache-2.0
 *
 * server_answer.c
 *	  Asks a server: statements, their transactions and their answers.
 */
#include "server/server_state.h"

#include <poll.h>
#include <stdio.h>

#include "record/clock.h"

osp_status
cli_set_message(osp_error *err, osp_status status, const char *text)
{
	size_t len = strcspn(text, "\n");

	return osp_error_set(err, status, "%.*s", (int) len, text);
}

void
cli_server_bound(cli_server *server, bool (*interrupted)(void *ctx),
				 unsigned deadline_ms)
{
	server->interrupted = interrupted;
	server->deadline_ms = deadline_ms;
}

/*
 * Waits for the answer to a statement, or notes why it gives up. A broken
 * connection is OSP_OK, too: PQgetResult reports it.
 */
static osp_status
await_answer(cli_server *server)
{
	int64_t end_ns = osp_mono_now() + (int64_t) server->deadline_ms * NS_PER_MS;

	while (cli_pq.PQisBusy(server->conn) != 0)
	{
		struct pollfd polled = {cli_pq.PQsocket(server->conn), POLLIN, 0};

		(void) poll(&polled, 1, SLICE_MS);
		if (server->interrupted != NULL && server->interrupted(NULL))
			return osp_error_set(&server->given_up, OSP_EINTR, "interrupted");
		if (server->deadline_ms > 0 && osp_mono_now() >= end_ns)
			return osp_error_set(&server->given_up,
								 OSP_EUNAVAIL,
								 "the server does not answer within %u ms",
								 server->deadline_ms);
		if (polled.revents != 0 && cli_pq.PQconsumeInput(server->conn) == 0)
			break;
	}
	return OSP_OK;
}

/* Takes the last result, which is that of the statement; NULL: the connection broke. */
static PGresult *
take_result(cli_server *server)
{
	PGresult *last = NULL;
	PGresult *next = cli_pq.PQgetResult(server->conn);

	for (; next != NULL; next = cli_pq.PQgetResult(server->conn))
	{
		cli_pq.PQclear(last);
		last = next;
	}
	return last;
}

/* Waits for the result if the statement was sent; NULL: there is no result. */
static PGresult *
await_result(cli_server *server, int sent)
{
	return sent != 0 && await_answer(server) == OSP_OK ? take_result(server)
													   : NULL;
}

/* Sends a statement and takes its result; NULL: there is none. */
static PGresult *
execute(cli_server *server, const char *sql, int count,
		const char *const *params)
{
	if (server->given_up.code != OSP_OK)
		return NULL;
	return await_result(
		server,
		cli_pq.PQsendQueryParams(
			server->conn, sql, count, NULL, params, NULL, NULL, 0));
}

/*
 * Sends a text of several statements and takes the result of the last one;
 * NULL: there is none.
 */
static PGresult *
execute_all(cli_server *server, const char *statements)
{
	if (server->given_up.code != OSP_OK)
		return NULL;
	return await_result(server, cli_pq.PQsendQuery(server->conn, statements));
}

/* Stores the server's message in err, and notes its SQLSTATE. */
static osp_status
report_failure(cli_server *server, const PGresult *result, osp_error *err)
{
	const char *code = cli_pq.PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message =
		cli_pq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail =
		cli_pq.PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	if (server->given_up.code != OSP_OK)
		return osp_error_set(
			err, server->given_up.code, "%s", server->given_up.msg);
	(void) snprintf(server->sqlstate,
					sizeof(server->sqlstate),
					"%s",
					code != NULL ? code : "");
	if (message != NULL && detail != NULL)
		return osp_error_set(err, OSP_EREFUSED, "%s: %s", message, detail);
	return cli_set_message(
		err,
		OSP_EREFUSED,
		message != NULL ? message : cli_pq.PQerrorMessage(server->conn));
}

static bool
is_good(const PGresult *result)
{
	int status = cli_pq.PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Takes the result of a statement that returns no rows. */
static osp_status
check_done(cli_server *server, PGresult *result, osp_error *err)
{
	osp_status status =
		is_good(result) ? OSP_OK : report_failure(server, result, err);

	cli_pq.PQclear(result);
	return status;
}

void
cli_server_untraced(cli_server *server)
{
	server->untraced = true;
}

/* A comment that shows in the server's lists of statements that this is ours. */
#define OURS " /* osprofiler */"

/*
 * Begins a transaction, and makes settings for it. All statements of one text
 * run in one transaction, which the BEGIN at the end only continues. So the
 * settings apply until that transaction ends, and osprofiler.untraced, which is
 * set first, also covers the BEGIN.
 */
#define START "SET LOCAL search_path = pg_catalog, pg_temp" OURS "; BEGIN" OURS

#define UNTRACED "SET LOCAL osprofiler.untraced = on" OURS "; "

/* How much longer the server works on an answer that is given up here. */
#define GIVEN_UP_MS 1000

osp_status
cli_server_begin(cli_server *server, osp_error *err)
{
	char bound[96] = "";
	char statements[512];
	osp_status status;

	if (server->deadline_ms > 0)
		(void) snprintf(bound,
						sizeof(bound),
						"SET LOCAL statement_timeout = %u" OURS "; ",
						server->deadline_ms + GIVEN_UP_MS);
	(void) snprintf(statements,
					sizeof(statements),
					"%s%s" START,
					server->untraced ? UNTRACED : "",
					bound);
	server->sqlstate[0] = '\0';
	status = check_done(server, execute_all(server, statements), err);
	server->in_transaction = status == OSP_OK;
	return status;
}

osp_status
cli_server_commit(cli_server *server, osp_error *err)
{
	if (!server->in_transaction)
		return OSP_OK;
	server->in_transaction = false;
	return check_done(server, execute(server, "COMMIT" OURS, 0, NULL), err);
}

static void
roll_back(cli_server *server)
{
	server->in_transaction = false;
	cli_pq.PQclear(execute(server, "ROLLBACK" OURS, 0, NULL));
}

osp_status
cli_server_ask(cli_server *server, const char *sql, int count,
			   const char *const *params, cli_answer **answer, osp_error *err)
{
	bool alone = !server->in_transaction;
	PGresult *result;
	osp_status status = OSP_OK;

	*answer = NULL;
	server->sqlstate[0] = '\0';
	if (alone)
		status = cli_server_begin(server, err);
	if (status != OSP_OK)
		return status;
	result = execute(server, sql, count, params);
	if (!is_good(result))
	{
		status = report_failure(server, result, err);
		roll_back(server);
	}
	else if (alone)
		status = cli_server_commit(server, err);
	if (status == OSP_OK)
		*answer = (cli_answer *) result;
	else
		cli_pq.PQclear(result);
	return status;
}

const char *
cli_server_sqlstate(const cli_server *server)
{
	return server->sqlstate;
}

void
cli_server_explain(const cli_server *server, osp_error *err)
{
	static const struct
	{
		const char *code;
		const char *meaning;
	} meanings[] = {
		{"3F000", "in this database: CREATE EXTENSION osprofiler"},
		{"42P01", "in this database: CREATE EXTENSION osprofiler"},
		{"42883", "an earlier version: ALTER EXTENSION osprofiler UPDATE"},
		{"42501", "it takes a member of pg_read_all_stats"},
	};
	size_t len = strlen(err->msg);
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(server->sqlstate, meanings[i].code) == 0)
			(void) snprintf(err->msg + len,
							sizeof(err->msg) - len,
							" (%s)",
							meanings[i].meaning);
}

int
cli_answer_rows(const cli_answer *answer)
{
	return cli_pq.PQntuples((const PGresult *) answer);
}

const char *
cli_answer_value(const cli_answer *answer, int row, int column)
{
	const PGresult *result = (const PGresult *) answer;

	return cli_pq.PQgetisnull(result, row, column)
			   ? NULL
			   : cli_pq.PQgetvalue(result, row, column);
}

void
cli_answer_free(cli_answer *answer)
{
	if (answer != NULL)
		cli_pq.PQclear((PGresult *) answer);
}
