/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_connect.c
 *	  How long a new connection to PostgreSQL takes, up to the answer to its first
 *	  statement.
 *
 *	  bench_connect ROUNDS LABEL CONNINFO [LABEL CONNINFO]...
 *
 * In each round every kind of connection is made once, in random order. Printed are
 * the median of each kind, the connections per second that it stands for, and the median
 * of the ratios to the first kind in the same round, with its quartiles.
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KINDS_MAX  8
#define ROUNDS_MAX 100000

/* The server process of the former connection ends meanwhile. */
#define PAUSE_US 5000

static double *times[KINDS_MAX];

static double
now_ms(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static double
connect_once(const char *conninfo)
{
	double start = now_ms();
	PGconn *conn = PQconnectdb(conninfo);
	PGresult *result = PQexec(conn, "SELECT 1");
	double took = now_ms() - start;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "bench_connect: %s", PQerrorMessage(conn));
		exit(1);
	}
	PQclear(result);
	PQfinish(conn);
	(void) usleep(PAUSE_US);
	return took;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
print_kind(const char *label, int kind, int rounds)
{
	double *sorted = calloc((size_t) rounds, sizeof(*sorted));
	double *ratios = calloc((size_t) rounds, sizeof(*ratios));
	int i;

	if (sorted == NULL || ratios == NULL)
		exit(1);
	for (i = 0; i < rounds; i++)
	{
		sorted[i] = times[kind][i];
		ratios[i] = times[kind][i] / times[0][i];
	}
	qsort(sorted, (size_t) rounds, sizeof(*sorted), compare);
	qsort(ratios, (size_t) rounds, sizeof(*ratios), compare);
	printf("%-34s %6.2f ms  %5.0f/s  %.3f [%.3f .. %.3f]\n",
		   label,
		   sorted[rounds / 2],
		   1e3 / sorted[rounds / 2],
		   ratios[rounds / 2],
		   ratios[rounds / 4],
		   ratios[rounds * 3 / 4]);
	free(sorted);
	free(ratios);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int) strtol(argv[1], NULL, 10) : 0;
	int kinds = (argc - 2) / 2;
	int order[KINDS_MAX];
	int round;
	int i;

	if (rounds < 4 || rounds > ROUNDS_MAX || kinds < 1 || kinds > KINDS_MAX)
	{
		fprintf(stderr,
				"usage: bench_connect ROUNDS LABEL CONNINFO [LABEL "
				"CONNINFO]...\n");
		return 2;
	}
	for (i = 0; i < kinds; i++)
	{
		times[i] = calloc((size_t) rounds, sizeof(double));
		if (times[i] == NULL)
			return 1;
		order[i] = i;
	}
	for (round = -1; round < rounds; round++)
		for (i = 0; i < kinds; i++)
		{
			int other = i + rand() % (kinds - i);
			int kind = order[other];
			double took;

			order[other] = order[i];
			order[i] = kind;
			took = connect_once(argv[3 + 2 * kind]);
			if (round >= 0)
				times[kind][round] = took;
		}
	for (i = 0; i < kinds; i++)
		print_kind(argv[2 + 2 * i], i, rounds);
	return 0;
}
