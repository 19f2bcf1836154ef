/* SPDX-License-Identifier: Apache-2.0
 *
 * orders.c
 *	  An application that traces its own operations and those of PostgreSQL.
 *
 * The program places an order in the tables of orders.sql, and prints the trace id. Its
 * own operations and the server's are in the same trace: a comment after each statement
 * carries the signed context of the operation that is open when the statement is sent.
 *
 *	  cc orders.c $(pkg-config --cflags --libs osprofiler libpq) -o orders
 *	  OSPROFILER_HMAC_KEYS=SECRET_KEY ./orders "host=... dbname=..."
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <osprofiler/json.h>
#include <osprofiler/profiler.h>

#define STATEMENT_MAX 16384

/* Starts an operation for a statement. Its info is {"db": {"statement": "..."}}. */
static void
start_statement(const char *sql)
{
	osp_buf info;

	osp_buf_init(&info, &osp_allocator_default, STATEMENT_MAX);
	osp_buf_add_str(&info, OSP_STR("{\"db\": {\"statement\": "));
	osp_json_string(&info, osp_str_of(sql));
	osp_buf_add_str(&info, OSP_STR("}}"));
	osp_start("db", info.ptr);
	osp_buf_term(&info);
}

/* Sends a statement and records it as an operation. Returns 0 if the statement failed;
 * the error is recorded. */
static int
execute(PGconn *conn, const char *sql)
{
	char statement[STATEMENT_MAX];
	char comment[OSP_COMMENT_SPACE * 3] = "";
	osp_headers headers;
	PGresult *result;
	int ok;

	start_statement(sql);
	if (osp_get_trace_headers(&headers))
		(void) osp_comment_write(&headers, comment, sizeof(comment));
	(void) snprintf(statement, sizeof(statement), "%s %s", sql, comment);
	result = PQexec(conn, statement);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK ||
		 PQresultStatus(result) == PGRES_TUPLES_OK;
	if (ok)
		osp_stop(NULL);
	else
		osp_stop_error("DatabaseError",
					   PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	PQclear(result);
	return ok;
}

static void
place_order(PGconn *conn)
{
	OSP_TRACE("order", "{\"customer\": 7}");

	{
		OSP_TRACE("order.price", NULL);
		execute(conn, "SELECT price FROM product WHERE id = 2");
	}
	execute(conn, "INSERT INTO purchase (product, customer) VALUES (2, 7)");

	/* The same order again fails, because a customer may order each product only once. */
	execute(conn, "INSERT INTO purchase (product, customer) VALUES (2, 7)");
	execute(conn, "SELECT * FROM revenue(7)");
}

int
main(int argc, char **argv)
{
	const char *key = getenv("OSPROFILER_HMAC_KEYS");
	char base_id[OSP_ID_MAX + 1];
	char point_id[OSP_ID_MAX + 1];
	PGconn *conn;

	if (argc != 2 || key == NULL || osp_init(key, NULL, NULL) != OSP_OK)
	{
		fprintf(stderr, "usage: OSPROFILER_HMAC_KEYS=KEY orders CONNINFO\n");
		return 2;
	}
	conn = PQconnectdb(argv[1]);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "orders: %s", PQerrorMessage(conn));
		PQfinish(conn);
		return 1;
	}
	place_order(conn);
	PQfinish(conn);
	if (osp_current(base_id, point_id))
		printf("%s\n", base_id);
	osp_clean();
	return 0;
}
