/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_pg.c
 *	  Measures how much longer prepared statements take with certain settings of their
 *	  session.
 *
 *	  bench_pg select|tpcb LABEL SQL [LABEL SQL]...
 *
 * One session runs pgbench's SELECT, or its transaction like TPC-B's, in turns of a few
 * milliseconds. Before each turn it executes one SQL; their order is random. All kinds
 * are measured in one session, because two sessions differ by several per cent,
 * depending on their addresses in memory. The program prints the median differences to
 * the first SQL, and their quartiles over all sessions.
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSIONS       24
#define ROUNDS_MAX     200
#define KINDS_MAX      8
#define STATEMENTS_MAX 7
#define VALUES_MAX     4

/* The parameters of the statements. Their values exist in tables of any scale. */
enum
{
	ACCOUNT,
	TELLER,
	BRANCH,
	DELTA,
	VALUES
};

typedef struct Statement
{
	const char *sql;
	int count;
	int values[VALUES_MAX];
} Statement;

typedef struct Work
{
	const char *name;
	int rounds;
	int turn;    /* how often it is run and measured in a turn */
	int warm_up; /* how often it is run before that, unmeasured */
	int count;
	Statement statements[STATEMENTS_MAX];
} Work;

static const Work works[] = {
	{"select",
	 200,
	 120,
	 20,
	 1,
	 {{"SELECT abalance FROM pgbench_accounts WHERE aid = $1", 1, {ACCOUNT}}}},
	{"tpcb",
	 100,
	 20,
	 4,
	 7,
	 {{"BEGIN", 0, {0}},
	  {"UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2",
	   2,
	   {DELTA, ACCOUNT}},
	  {"SELECT abalance FROM pgbench_accounts WHERE aid = $1", 1, {ACCOUNT}},
	  {"UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2",
	   2,
	   {DELTA, TELLER}},
	  {"UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2",
	   2,
	   {DELTA, BRANCH}},
	  {"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, "
	   "$2, $3, $4, CURRENT_TIMESTAMP)",
	   4,
	   {TELLER, BRANCH, ACCOUNT, DELTA}},
	  {"COMMIT", 0, {0}}}}};

static const Work *work = NULL;

static PGconn *conn;

/* By kind and round: ns of one run; later, the differences to the first kind. */
static double turns[KINDS_MAX][ROUNDS_MAX];

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
run_statement(const Statement *statement, const char *name,
			  char values[VALUES][16])
{
	const char *pointers[VALUES_MAX];
	int i;

	for (i = 0; i < statement->count; i++)
		pointers[i] = values[statement->values[i]];
	check(
		PQexecPrepared(conn, name, statement->count, pointers, NULL, NULL, 0));
}

static void
name_of(int statement, char name[16])
{
	snprintf(name, 16, "s%d", statement);
}

static void
run(int count)
{
	char values[VALUES][16];
	char name[16];
	int i;
	int j;

	for (i = 0; i < count; i++)
	{
		snprintf(values[ACCOUNT], 16, "%d", 1 + rand() % 100000);
		snprintf(values[TELLER], 16, "%d", 1 + rand() % 10);
		snprintf(values[BRANCH], 16, "%d", 1);
		snprintf(values[DELTA], 16, "%d", rand() % 10001 - 5000);
		for (j = 0; j < work->count; j++)
		{
			name_of(j, name);
			run_statement(&work->statements[j], name, values);
		}
	}
}

static double
measure(const char *sql)
{
	double start;

	check(PQexec(conn, sql));
	run(work->warm_up);
	start = now_ns();
	run(work->turn);
	return (now_ns() - start) / work->turn;
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
	char name[16];
	int round;
	int i;

	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "bench_pg: %s", PQerrorMessage(conn));
		exit(1);
	}
	for (i = 0; i < work->count; i++)
	{
		name_of(i, name);
		check(PQprepare(conn, name, work->statements[i].sql, 0, NULL));
	}
	for (round = 0; round < work->rounds; round++)
	{
		shuffle(order, kinds);
		for (i = 0; i < kinds; i++)
			turns[order[i]][round] = measure(sqls[2 * order[i]]);
		for (i = 1; i < kinds; i++)
			turns[i][round] -= turns[0][round];
	}
	for (i = 0; i < kinds; i++)
		found[i][session] = quantile(turns[i], work->rounds, 0.5);
	PQfinish(conn);
}

static const Work *
find_work(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (strcmp(works[i].name, name) == 0)
			return &works[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	int kinds = (argc - 2) / 2;
	char **labels = argv + 2;
	double base;
	int session;
	int i;

	work = argc > 1 ? find_work(argv[1]) : NULL;
	if (work == NULL || kinds < 1 || kinds > KINDS_MAX || argc % 2 != 0)
	{
		fprintf(stderr,
				"usage: bench_pg select|tpcb LABEL SQL [LABEL SQL]...\n");
		return 2;
	}
	srand(1);
	for (session = 0; session < SESSIONS; session++)
		run_session(session, labels + 1, kinds);

	base = quantile(found[0], SESSIONS, 0.5);
	printf("%-28s %7.0f ns\n", labels[0], base);
	for (i = 1; i < kinds; i++)
	{
		double added = quantile(found[i], SESSIONS, 0.5);

		printf("%-28s %+7.0f ns  [%+.0f .. %+.0f]  %.3f of its rate\n",
			   labels[2 * i],
			   added,
			   quantile(found[i], SESSIONS, 0.25),
			   quantile(found[i], SESSIONS, 0.75),
			   base / (base + added));
	}
	return 0;
}
