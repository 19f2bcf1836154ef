/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_fixture.c
 *	  The server that the tests of the mysql driver share.
 */
#include "certificates.h"
#include "mysql_tests.h"

#include <mysql.h>
#include <stdio.h>

#include "tempdir.h"

const osp_str mysql_trace = {"trace", 5};
script_server mysql_test_server;
char mysql_test_dir[128];

void
mysql_test_start(void)
{
	script_server_start(&mysql_test_server, MARIADB_SERVER, mysql_test_dir, "");
}

void
mysql_test_finish(void)
{
	script_server_stop(&mysql_test_server);
	if (mysql_test_dir[0] != '\0')
		tempdir_remove();
	mysql_test_dir[0] = '\0';
}

const char *
mysql_test_uri(const char *login, const char *rest)
{
	static char text[512];

	(void) snprintf(text,
					sizeof(text),
					"mysql://%s@127.0.0.1:%d%s",
					login,
					mysql_test_server.port,
					rest);
	return text;
}

const char *
mysql_test_connection_string(void)
{
	static char text[64];

	(void) snprintf(text,
					sizeof(text),
					"mysql://osp@127.0.0.1:%d/test",
					mysql_test_server.port);
	return text;
}

const char *
mysql_test_sql(const char *statement)
{
	static char text[4096];
	const unsigned protocol = MYSQL_PROTOCOL_TCP;
	MYSQL *session = mysql_init(NULL);
	MYSQL_RES *result;
	MYSQL_ROW row = NULL;

	(void) mysql_options(session, MYSQL_OPT_PROTOCOL, &protocol);
	if (mysql_real_connect(session,
						   "127.0.0.1",
						   "osp",
						   NULL,
						   "test",
						   (unsigned) mysql_test_server.port,
						   NULL,
						   0) == NULL ||
		mysql_query(session, statement) != 0)
		fail_msg("%s: %s", statement, mysql_error(session));
	result = mysql_store_result(session);
	if (result != NULL)
		row = mysql_fetch_row(result);
	(void) snprintf(
		text, sizeof(text), "%s", row != NULL && row[0] != NULL ? row[0] : "");
	mysql_free_result(result);
	mysql_close(session);
	return text;
}

void
mysql_test_reset(void)
{
	if (mysql_test_dir[0] == '\0')
	{
		(void) snprintf(
			mysql_test_dir, sizeof(mysql_test_dir), "%s", tempdir_make());
		certificates_make(mysql_test_dir);
	}
	if (!mysql_test_server.running)
		mysql_test_start();
	(void) mysql_test_sql("DROP TABLE IF EXISTS data");
}
