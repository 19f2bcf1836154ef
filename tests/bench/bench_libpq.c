/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_libpq.c
 *	  Executes statements by libpq. It is run with and without the hooks, to compare.
 *
 *	  bench_libpq exec|prepared COUNT   runs COUNT statements and nothing else,
 *	                                    for callgrind: two counts subtracted give
 *	                                    the instructions of one
 *	  bench_libpq exec|prepared         prints the least ns of one statement
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE  200
#define SLICES 100

static PGconn *conn;

static void
check(PGresult *result, ExecStatusType expected)
{
	if (PQresultStatus(result) != expected)
	{
		fprintf(stderr, "bench_libpq: %s", PQerrorMessage(conn));
		exit(1);
	}
	PQclear(result);
}

static void
run(int prepared, long count)
{
	long i;

	for (i = 0; i < count; i++)
		check(prepared ? PQexecPrepared(conn, "p", 0, NULL, NULL, NULL, 0)
					   : PQexec(conn, "SELECT 1"),
			  PGRES_TUPLES_OK);
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Returns the smallest time of many slices: other processes can only make a slice
 * longer. */
static double
measure(int prepared)
{
	double best = 1e12;
	int i;

	for (i = 0; i < SLICES; i++)
	{
		int64_t start = now_ns();
		double each;

		run(prepared, SLICE);
		each = (double) (now_ns() - start) / SLICE;
		if (each < best)
			best = each;
	}
	return best;
}

int
main(int argc, char **argv)
{
	int prepared = argc > 1 && strcmp(argv[1], "prepared") == 0;

	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "bench_libpq: %s", PQerrorMessage(conn));
		return 1;
	}
	check(PQprepare(conn, "p", "SELECT 1", 0, NULL), PGRES_COMMAND_OK);
	if (argc > 2)
		run(prepared, strtol(argv[2], NULL, 10));
	else
		printf("%.0f\n", measure(prepared));
	PQfinish(conn);
	return 0;
}
