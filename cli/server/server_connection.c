/* SPDX-License-Identifier: Apache-2.0
 *
 * server_connection.c
 *	  A connection to a PostgreSQL server, for the commands that ask one.
 *
 * The functions of libpq that are used stand in one table, with their types as
 * libpq-fe.h declares them, so that building needs no libpq either.
 */
#include "server/server_connection.h"
#include "shell_text.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define LIBRARY "libpq.so.5"

/* From libpq-fe.h: values that never change. */
enum
{
	CONNECTION_OK = 0,
	PGRES_COMMAND_OK = 1,
	PGRES_TUPLES_OK = 2,
	PG_DIAG_SQLSTATE = 'C',
	PG_DIAG_MESSAGE_PRIMARY = 'M'
};

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

#define LIBPQ_FUNCTIONS(X)                                              \
	X(PGconn *,                                                         \
	  PQconnectdbParams,                                                \
	  (const char *const *keywords, const char *const *values, int ex)) \
	X(void, PQfinish, (PGconn *) )                                      \
	X(int, PQstatus, (const PGconn *) )                                 \
	X(char *, PQerrorMessage, (const PGconn *) )                        \
	X(char *, PQhost, (const PGconn *) )                                \
	X(char *, PQport, (const PGconn *) )                                \
	X(char *, PQuser, (const PGconn *) )                                \
	X(char *, PQdb, (const PGconn *) )                                  \
	X(PGresult *,                                                       \
	  PQexecParams,                                                     \
	  (PGconn *,                                                        \
	   const char *,                                                    \
	   int,                                                             \
	   const unsigned *,                                                \
	   const char *const *,                                             \
	   const int *,                                                     \
	   const int *,                                                     \
	   int) )                                                           \
	X(int, PQresultStatus, (const PGresult *) )                         \
	X(char *, PQresultErrorField, (const PGresult *, int) )             \
	X(int, PQntuples, (const PGresult *) )                              \
	X(int, PQgetisnull, (const PGresult *, int, int) )                  \
	X(char *, PQgetvalue, (const PGresult *, int, int) )                \
	X(void, PQclear, (PGresult *) )

typedef struct libpq
{
#define DECLARE(result, name, args) result(*name) args;
	LIBPQ_FUNCTIONS(DECLARE)
#undef DECLARE
} libpq;

struct cli_server
{
	PGconn *conn;
	char sqlstate[8];
};

static libpq pq;

static osp_status
load_libpq(osp_error *err)
{
	void *library;

	if (pq.PQconnectdbParams != NULL)
		return OSP_OK;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return osp_error_set(err,
							 OSP_ENOENT,
							 "PostgreSQL's client library, " LIBRARY
							 ", is not installed (Debian's package libpq5)");
#define LOAD(result, name, args)                 \
	*(void **) &pq.name = dlsym(library, #name); \
	if (pq.name == NULL)                         \
		return osp_error_set(                    \
			err, OSP_ENOENT, LIBRARY " has no function " #name);
	LIBPQ_FUNCTIONS(LOAD)
#undef LOAD
	return OSP_OK;
}

/* The server's words, of which only the first line is kept. */
static osp_status
set_message(osp_error *err, osp_status status, const char *text)
{
	size_t len = strcspn(text, "\n");

	return osp_error_set(err, status, "%.*s", (int) len, text);
}

osp_status
cli_server_open(const char *conninfo, cli_server **out, osp_error *err)
{
	/* What comes later counts; conninfo is taken apart where dbname stands. */
	const char *const keywords[] = {
		"connect_timeout", "fallback_application_name", "dbname", NULL};
	const char *const values[] = {"5", "osprofiler", conninfo, NULL};
	osp_status status = load_libpq(err);
	cli_server *server;

	*out = NULL;
	if (status != OSP_OK)
		return status;
	server = calloc(1, sizeof(*server));
	if (server == NULL)
		return osp_error_set(err, OSP_ENOMEM, "out of memory");
	server->conn = pq.PQconnectdbParams(keywords, values, 1);
	if (server->conn != NULL && pq.PQstatus(server->conn) == CONNECTION_OK)
	{
		*out = server;
		return OSP_OK;
	}
	status = set_message(err,
						 OSP_EUNAVAIL,
						 server->conn != NULL ? pq.PQerrorMessage(server->conn)
											  : "out of memory");
	cli_server_close(server);
	return status;
}

void
cli_server_close(cli_server *server)
{
	if (server == NULL)
		return;
	if (server->conn != NULL)
		pq.PQfinish(server->conn);
	free(server);
}

osp_status
cli_server_ask(cli_server *server, const char *sql, int count,
			   const char *const *params, cli_answer **answer, osp_error *err)
{
	PGresult *result =
		pq.PQexecParams(server->conn, sql, count, NULL, params, NULL, NULL, 0);
	int status = pq.PQresultStatus(result);
	const char *code;
	const char *message;

	server->sqlstate[0] = '\0';
	*answer = NULL;
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
	{
		*answer = (cli_answer *) result;
		return OSP_OK;
	}
	code = pq.PQresultErrorField(result, PG_DIAG_SQLSTATE);
	message = pq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	(void) snprintf(server->sqlstate,
					sizeof(server->sqlstate),
					"%s",
					code != NULL ? code : "");
	(void) set_message(err,
					   OSP_EREFUSED,
					   message != NULL ? message
									   : pq.PQerrorMessage(server->conn));
	pq.PQclear(result);
	return OSP_EREFUSED;
}

const char *
cli_server_sqlstate(const cli_server *server)
{
	return server->sqlstate;
}

int
cli_answer_rows(const cli_answer *answer)
{
	return pq.PQntuples((const PGresult *) answer);
}

const char *
cli_answer_value(const cli_answer *answer, int row, int column)
{
	const PGresult *result = (const PGresult *) answer;

	return pq.PQgetisnull(result, row, column)
			   ? NULL
			   : pq.PQgetvalue(result, row, column);
}

void
cli_answer_free(cli_answer *answer)
{
	if (answer != NULL)
		pq.PQclear((PGresult *) answer);
}

void
cli_server_add_psql(const cli_server *server, osp_buf *out)
{
	const struct
	{
		const char *option;
		const char *value;
	} parts[] = {
		{" -h ", pq.PQhost(server->conn)},
		{" -p ", pq.PQport(server->conn)},
		{" -U ", pq.PQuser(server->conn)},
		{" -d ", pq.PQdb(server->conn)},
	};
	size_t i;

	osp_buf_add_str(out, OSP_STR("psql -X"));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i].value == NULL || parts[i].value[0] == '\0')
			continue;
		osp_buf_add_str(out, osp_str_of(parts[i].option));
		cli_add_quoted(out, osp_str_of(parts[i].value));
	}
}
