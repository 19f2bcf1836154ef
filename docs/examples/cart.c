/* SPDX-License-Identifier: Apache-2.0
 *
 * cart.c
 *	  A program without any code for tracing, which uses two databases.
 *
 * The program keeps a cart in SQLite, and orders the products in it in PostgreSQL, in
 * the tables of orders.sql. One product is in the cart twice. A customer may order each
 * product only once, so the second order fails. `osprofiler run` shows all operations
 * as one tree.
 *
 *	  cc cart.c $(pkg-config --cflags --libs sqlite3 libpq) -o cart
 *	  osprofiler run ./cart cart.db "host=... dbname=..."
 */
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>

static const char fill[] = "CREATE TABLE IF NOT EXISTS cart (product INT);"
						   "INSERT INTO cart VALUES (2), (1), (2)";

/* Orders the product of one row of the cart. Returns 0 even if the order fails, so that
 * sqlite3_exec() continues with the next row. */
static int
order(void *arg, int columns, char **values, char **names)
{
	PGconn *conn = arg;
	PGresult *result;

	(void) columns;
	(void) names;
	result =
		PQexecParams(conn,
					 "INSERT INTO purchase (product, customer) VALUES ($1, 7)",
					 1,
					 NULL,
					 (const char *const *) values,
					 NULL,
					 NULL,
					 0);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		printf("product %s: %s", values[0], PQresultErrorMessage(result));
	PQclear(result);
	return 0;
}

/* Prints the sum that the customer has to pay. */
static void
print_sum(PGconn *conn)
{
	PGresult *result = PQexec(conn, "SELECT * FROM revenue(7)");

	if (PQntuples(result) == 1)
		printf("to pay: %s\n", PQgetvalue(result, 0, 0));
	PQclear(result);
}

int
main(int argc, char **argv)
{
	sqlite3 *cart = NULL;
	PGconn *conn;
	int ok;

	if (argc != 3)
	{
		fprintf(stderr, "usage: cart FILE CONNINFO\n");
		return 2;
	}
	conn = PQconnectdb(argv[2]);
	ok = PQstatus(conn) == CONNECTION_OK;
	if (!ok)
		fprintf(stderr, "cart: %s", PQerrorMessage(conn));
	else if (sqlite3_open(argv[1], &cart) != SQLITE_OK ||
			 sqlite3_exec(cart, fill, NULL, NULL, NULL) != SQLITE_OK ||
			 sqlite3_exec(
				 cart, "SELECT product FROM cart", order, conn, NULL) !=
				 SQLITE_OK ||
			 sqlite3_exec(cart, "DELETE FROM cart", NULL, NULL, NULL) !=
				 SQLITE_OK)
	{
		fprintf(stderr, "cart: %s\n", sqlite3_errmsg(cart));
		ok = 0;
	}
	else
		print_sum(conn);
	(void) sqlite3_close(cart);
	PQfinish(conn);
	return ok ? 0 : 1;
}
