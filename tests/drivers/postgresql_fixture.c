/* SPDX-License-Identifier: Apache-2.0
 *
 * postgresql_fixture.c
 *	  The server that the tests of the postgresql driver share.
 */
#include "postgresql_tests.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "tempdir.h"

const osp_str postgresql_trace = {"trace", 5};
script_server postgresql_test_server;
static char test_dir[128];

void
postgresql_test_start(void)
{
	script_server_start(&postgresql_test_server, POSTGRES_SERVER, test_dir, "");
}

void
postgresql_test_finish(void)
{
	script_server_stop(&postgresql_test_server);
	if (test_dir[0] != '\0')
		tempdir_remove();
	test_dir[0] = '\0';
}

const char *
postgresql_test_uri(const char *login, const char *rest)
{
	static char text[256];

	(void) snprintf(text,
					sizeof(text),
					"postgresql://%s@127.0.0.1:%d%s",
					login,
					postgresql_test_server.port,
					rest);
	return text;
}

const char *
postgresql_test_connection_string(void)
{
	static char text[64];

	(void) snprintf(text,
					sizeof(text),
					"postgresql://postgres@127.0.0.1:%d/postgres",
					postgresql_test_server.port);
	return text;
}

const char *
postgresql_test_sql(const char *statement)
{
	static char text[4096];
	PGconn *session = PQconnectdb(postgresql_test_connection_string());
	PGresult *result = PQexec(session, statement);

	if (PQresultStatus(result) != PGRES_TUPLES_OK &&
		PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", statement, PQerrorMessage(session));
	(void) snprintf(text,
					sizeof(text),
					"%s",
					PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	PQfinish(session);
	return text;
}

void
postgresql_test_reset(void)
{
	if (test_dir[0] == '\0')
		(void) snprintf(test_dir, sizeof(test_dir), "%s", tempdir_make());
	if (!postgresql_test_server.running)
		postgresql_test_start();
	(void) postgresql_test_sql("SET client_min_messages = warning; "
							   "DROP TABLE IF EXISTS data");
}
