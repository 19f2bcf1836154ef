/* SPDX-License-Identifier: Apache-2.0
 *
 * libpq_table.h
 *	  libpq, which is loaded when it is needed. Private to this folder.
 *
 * The functions of libpq that are used here are in one table, with their types
 * as libpq-fe.h declares them. So building needs no libpq, either.
 */
#ifndef OSPROFILER_CLI_LIBPQ_TABLE_H
#define OSPROFILER_CLI_LIBPQ_TABLE_H

#include "osprofiler/base.h"

/* Constants of libpq-fe.h, whose values never change. */
enum
{
	CONNECTION_OK = 0,
	CONNECTION_BAD = 1,
	PGRES_POLLING_FAILED = 0,
	PGRES_POLLING_READING = 1,
	PGRES_POLLING_WRITING = 2,
	PGRES_POLLING_OK = 3,
	PGRES_COMMAND_OK = 1,
	PGRES_TUPLES_OK = 2,
	PG_DIAG_SQLSTATE = 'C',
	PG_DIAG_MESSAGE_PRIMARY = 'M',
	PG_DIAG_MESSAGE_DETAIL = 'D'
};

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

/* One setting of a connection string. */
typedef struct PQconninfoOption
{
	char *keyword;
	char *envvar;
	char *compiled;
	char *val; /* NULL: not in the string */
	char *label;
	char *dispchar; /* "*": it is a password */
	int dispsize;
} PQconninfoOption;

typedef struct cli_libpq
{
	PQconninfoOption *(*PQconninfoParse)(const char *conninfo, char **message);
	void (*PQconninfoFree)(PQconninfoOption *options);
	PGconn *(*PQconnectdbParams)(const char *const *keywords,
								 const char *const *values, int expand_dbname);
	PGconn *(*PQconnectStartParams)(const char *const *keywords,
									const char *const *values,
									int expand_dbname);
	int (*PQconnectPoll)(PGconn *conn);
	void (*PQfinish)(PGconn *conn);
	int (*PQstatus)(const PGconn *conn);
	char *(*PQerrorMessage)(const PGconn *conn);
	char *(*PQhost)(const PGconn *conn);
	char *(*PQport)(const PGconn *conn);
	char *(*PQuser)(const PGconn *conn);
	char *(*PQdb)(const PGconn *conn);
	const char *(*PQparameterStatus)(const PGconn *conn, const char *name);
	int (*PQsendQuery)(PGconn *conn, const char *commands);
	int (*PQsendQueryParams)(PGconn *conn, const char *command, int count,
							 const unsigned *types, const char *const *values,
							 const int *lengths, const int *formats,
							 int result_format);
	int (*PQsocket)(const PGconn *conn);
	int (*PQconsumeInput)(PGconn *conn);
	int (*PQisBusy)(PGconn *conn);
	PGresult *(*PQgetResult)(PGconn *conn);
	int (*PQresultStatus)(const PGresult *result);
	char *(*PQresultErrorField)(const PGresult *result, int field);
	int (*PQntuples)(const PGresult *result);
	int (*PQgetisnull)(const PGresult *result, int row, int column);
	char *(*PQgetvalue)(const PGresult *result, int row, int column);
	void (*PQclear)(PGresult *result);
} cli_libpq;

/* All NULL until cli_load_libpq() has succeeded. */
extern cli_libpq cli_pq;

/* Loads libpq, which then stays loaded. Thread-safe: several threads of `osprofiler web`
 * may be the first to ask a server. OSP_ENOENT, with the reason. */
osp_status cli_load_libpq(osp_error *err) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LIBPQ_TABLE_H */
