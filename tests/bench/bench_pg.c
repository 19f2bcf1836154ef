/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_pg.c
 *	  What is added to a prepared SELECT by settings of its session.
 *
 *	  bench_pg LABEL SQL [LABEL SQL]...
 *
 * One session runs pgbench's SELECT in turns of a few milliseconds, each behind
 * the statements of one SQL, in random order. Two sessions of the same kind differ
 * by several per cent, for where they lie in memory matters; turns of one session
 * do not. The first SQL is what the others are compared with. Printed is the median
 * of the differences of each session, and its quartiles over all sessions.
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SESSIONS  24
#define ROUNDS    200
#define TURN      120
#define WARM_UP   20 /* of a turn, not measured */
#define KINDS_MAX 8
#define ACCOUNTS  100000

static PGconn *conn;

/* ns of one statement, by round; the differences to the first kind. */
static double turns[KINDS_MAX][ROUNDS];

/* By session. */
static double found[KINDS_MAX][SESSIONS];

static void
check(PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "bench_pg: %s", PQerrorMessage(conn));
		exit(1);
	}
	PQclear(result);
}

static double
now_ns(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

static void
run(int count)
{
	char account[16];
	const char *values[] = {account};
	int i;

	for (i = 0; i < count; i++)
	{
		snprintf(account, sizeof(account), "%d", 1 + rand() % ACCOUNTS);
		check(PQexecPrepared(conn, "s", 1, values, NULL, NULL, 0));
	}
}

static double
measure(const char *sql)
{
	double start;

	check(PQexec(conn, sql));
	run(WARM_UP);
	start = now_ns();
	run(TURN);
	return (now_ns() - start) / TURN;
}

static void
shuffle(int *order, int count)
{
	int i;

	for (i = 0; i < count; i++)
		order[i] = i;
	for (i = count - 1; i > 0; i--)
	{
		int other = rand() % (i + 1);
		int kind = order[i];

		order[i] = order[other];
		order[other] = kind;
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
quantile(double *values, int count, double part)
{
	qsort(values, (size_t) count, sizeof(*values), compare);
	return values[(int) (part * (count - 1))];
}

static void
run_session(int session, char **sqls, int kinds)
{
	int order[KINDS_MAX];
	int round;
	int i;

	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "bench_pg: %s", PQerrorMessage(conn));
		exit(1);
	}
	check(PQprepare(conn,
					"s",
					"SELECT abalance FROM pgbench_accounts WHERE aid = $1",
					1,
					NULL));
	for (round = 0; round < ROUNDS; round++)
	{
		shuffle(order, kinds);
		for (i = 0; i < kinds; i++)
			turns[order[i]][round] = measure(sqls[2 * order[i]]);
		for (i = 1; i < kinds; i++)
			turns[i][round] -= turns[0][round];
	}
	for (i = 0; i < kinds; i++)
		found[i][session] = quantile(turns[i], ROUNDS, 0.5);
	PQfinish(conn);
}

int
main(int argc, char **argv)
{
	int kinds = (argc - 1) / 2;
	double base;
	int session;
	int i;

	if (kinds < 1 || kinds > KINDS_MAX || argc % 2 == 0)
	{
		fprintf(stderr, "usage: bench_pg LABEL SQL [LABEL SQL]...\n");
		return 2;
	}
	srand(1);
	for (session = 0; session < SESSIONS; session++)
		run_session(session, argv + 2, kinds);

	base = quantile(found[0], SESSIONS, 0.5);
	printf("%-28s %7.0f ns\n", argv[1], base);
	for (i = 1; i < kinds; i++)
	{
		double added = quantile(found[i], SESSIONS, 0.5);

		printf("%-28s %+7.0f ns  [%+.0f .. %+.0f]  %.3f of its rate\n",
			   argv[1 + 2 * i],
			   added,
			   quantile(found[i], SESSIONS, 0.25),
			   quantile(found[i], SESSIONS, 0.75),
			   base / (base + added));
	}
	return 0;
}
