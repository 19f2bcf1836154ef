/* SPDX-License-Identifier: Apache-2.0
 *
 * api.c
 *	  Calls libpq in all ways in which clients call it, and in some wrong ones, and
 *	  prints everything that a client can see.
 *
 * 040_faults.t runs each case with and without tracing and compares.
 *
 *	  api CASE
 */
#include <errno.h>
#include <libpq-fe.h>
#include <libpq/libpq-fs.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <osprofiler/profiler.h>

#define INV_READ_WRITE 0x00060000
#define THREADS        8
#define TURNS          50

/* Prints the parts of a result that are the same in each run, and clears it. */
static void
show(const char *what, PGresult *result)
{
	const char *position;

	if (result == NULL)
	{
		printf("%s: null\n", what);
		return;
	}
	printf("%s: %s tag '%s' rows %d",
		   what,
		   PQresStatus(PQresultStatus(result)),
		   PQcmdStatus(result),
		   PQntuples(result));
	if (PQntuples(result) > 0 && PQnfields(result) > 0)
		printf(" first '%.40s'", PQgetvalue(result, 0, 0));
	position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	if (position != NULL)
		printf(" at %s", position);
	printf("\n%.300s", PQresultErrorMessage(result));
	PQclear(result);
}

static PGconn *
connect_now(void)
{
	PGconn *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK)
		printf("connect: %s", PQerrorMessage(conn));
	return conn;
}

static void
show_rest(const char *what, PGconn *conn)
{
	PGresult *result;

	for (result = PQgetResult(conn); result != NULL; result = PQgetResult(conn))
		show(what, result);
	printf("%s: end\n", what);
}

static void
case_sync(void)
{
	const char *values[] = {"7", NULL, "text"};
	PGconn *conn = connect_now();

	errno = 4711;
	show("exec", PQexec(conn, "select 1"));
	printf("errno %d\n", errno);
	show("empty", PQexec(conn, ""));
	show("blank", PQexec(conn, "  ;\n -- nothing"));
	show("several",
		 PQexec(
			 conn,
			 "select 1; select 2; create temp table t(a int) on commit drop"));
	show("params",
		 PQexecParams(conn,
					  "select $1::int, $2::text, $3::text",
					  3,
					  NULL,
					  values,
					  NULL,
					  NULL,
					  0));
	show("parse error", PQexec(conn, "select 1 +"));
	show("parse error",
		 PQexecParams(conn, "select $1 +", 1, NULL, values, NULL, NULL, 0));
	show("unterminated", PQexec(conn, "select 'abc"));
	show("comment", PQexec(conn, "select 1 /* open"));
	show("dollar", PQexec(conn, "select $a$ open"));
	show("prepare", PQprepare(conn, "p", "select $1::int + 1", 1, NULL));
	show("execute", PQexecPrepared(conn, "p", 1, values, NULL, NULL, 0));
	show("describe", PQdescribePrepared(conn, "p"));
	show("unknown", PQexecPrepared(conn, "nosuch", 0, NULL, NULL, NULL, 0));
	show("deallocate", PQexec(conn, "deallocate p"));
	show("execute", PQexecPrepared(conn, "p", 1, values, NULL, NULL, 0));
	show("portal", PQdescribePortal(conn, "nosuch"));
	show("null text", PQexec(conn, NULL));
	printf("encoding %d\n", PQsetClientEncoding(conn, "LATIN1"));
	printf("encoding %d\n", PQsetClientEncoding(conn, "NOSUCH"));
	show("latin1", PQexec(conn, "select '\xe4\xf6\xfc'"));
	PQsetClientEncoding(conn, "UTF8");
	show("not utf8", PQexec(conn, "select '\xe4\xf6\xfc'"));
	show("cut utf8", PQexec(conn, "select 1 -- \xc3"));
	show("null connection", PQexec(NULL, "select 1"));
	printf("options '%s'\n", PQoptions(conn));
	PQfinish(conn);
	PQfinish(NULL);
}

/* Prints the result of a prepared statement, and the state of the connection after it. */
static void
show_state(PGconn *conn, PGresult *result)
{
	show("prepared", result);
	printf("transaction %d pipeline %d busy %d message '%s'\n",
		   PQtransactionStatus(conn),
		   PQpipelineStatus(conn),
		   PQisBusy(conn),
		   PQerrorMessage(conn));
}

static PGresult *
execute(PGconn *conn, const char *name, const char *value)
{
	return PQexecPrepared(
		conn, name, value != NULL ? 1 : 0, &value, NULL, NULL, 0);
}

/*
 * Prepared statements, for `--propagate-prepared`: valid and invalid ones, inside
 * and outside of transactions, errors that occur at the commit, and everything that
 * removes prepared statements.
 */
static void
case_prepared(void)
{
	static const char *const statements[][2] = {
		{"one", "select $1::int + 1"},
		{"divide", "select 1 / $1::int"},
		{"none", "select 1 where false"},
		{"insert", "insert into t values ($1::int) returning a"},
		{"late", "/* comes at the commit */ insert into d values (1)"},
		{"begin", "begin isolation level serializable"},
		{"vacuum", "vacuum"},
		{"with", "with x as (select 2) select * from x"},
		{"ask", "select name from pg_prepared_statements where name = 'one'"},
	};
	PGconn *conn = connect_now();
	size_t i;

	show("tables",
		 PQexec(conn,
				"create temp table t(a int unique);"
				"create temp table d(a int unique deferrable initially "
				"deferred); insert into d values (1)"));
	for (i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		show("prepare",
			 PQprepare(conn, statements[i][0], statements[i][1], 0, NULL));
	show_state(conn, execute(conn, "one", "1"));
	show_state(conn, execute(conn, "divide", "0"));
	show_state(conn, execute(conn, "none", NULL));
	show_state(conn, execute(conn, "insert", "1"));
	show_state(conn, execute(conn, "insert", "1"));
	show_state(conn, execute(conn, "late", NULL));
	show_state(conn, execute(conn, "vacuum", NULL));
	show_state(conn, execute(conn, "with", NULL));
	show_state(conn, execute(conn, "one", "x"));
	show_state(conn, execute(conn, "one", NULL));
	show_state(conn, execute(conn, "nosuch", NULL));
	show_state(conn, execute(conn, NULL, NULL));
	show_state(conn, PQexecPrepared(conn, "one", -1, NULL, NULL, NULL, 0));
	show_state(conn, execute(conn, "begin", NULL));
	show_state(conn, execute(conn, "one", "2"));
	show_state(conn, execute(conn, "divide", "0"));
	show_state(conn, execute(conn, "one", "3"));
	show("rollback", PQexec(conn, "rollback"));
	printf("message '%s'\n", PQerrorMessage(conn));
	show("begin", PQexec(conn, "begin"));
	show_state(conn, execute(conn, "late", NULL));
	show("commit", PQexec(conn, "commit"));
	(void) PQsendQuery(conn, "select 'unread'");
	show_state(conn, execute(conn, "ask", NULL));
	(void) PQsetnonblocking(conn, 1);
	show_state(conn, execute(conn, "one", "4"));
	(void) PQsetnonblocking(conn, 0);
	show("deallocate", PQexec(conn, "deallocate all"));
	show_state(conn, execute(conn, "one", "5"));
	show("prepare", PQprepare(conn, "", "select $1::int + 1", 0, NULL));
	show_state(conn, execute(conn, "", "5"));
	show_state(conn, execute(conn, "", "6"));
	show("both", PQexec(conn, "select 1; deallocate all"));
	show("prepare", PQprepare(conn, "one", "select $1::int", 0, NULL));
	show_state(conn, execute(conn, "one", "7"));
	PQreset(conn);
	show("prepare", PQprepare(conn, "one", "select $1::int", 0, NULL));
	show_state(conn, execute(conn, "one", "8"));
	show("hidden",
		 PQexec(conn, "do $$begin execute 'deal' || 'locate all'; end$$"));
	show_state(conn, execute(conn, "one", "9"));
	show("prepare",
		 PQprepare(conn,
				   "end",
				   "select pg_terminate_backend(pg_backend_pid())",
				   0,
				   NULL));
	show_state(conn, execute(conn, "end", NULL));
	show_state(conn, execute(conn, "one", "10"));
	PQfinish(conn);
}

static void
case_async(void)
{
	PGconn *conn = connect_now();
	PGcancel *cancel;
	char error[256];

	printf("nothing: %p\n", (void *) PQgetResult(conn));
	printf("send %d\n", PQsendQuery(conn, "select 1; select 2"));
	printf("send again %d %s",
		   PQsendQuery(conn, "select 3"),
		   PQerrorMessage(conn));
	show_rest("two", conn);
	printf("send %d\n", PQsendQuery(conn, "select generate_series(1, 3)"));
	printf("single %d\n", PQsetSingleRowMode(conn));
	show_rest("rows", conn);
	printf("send %d\n", PQsendQuery(conn, "selec"));
	show_rest("error", conn);
	printf("send %d\n", PQsendQuery(conn, "select 'open"));
	show_rest("unterminated", conn);
	printf("send %d\n", PQsendQuery(conn, "select 1; select (1"));
	show_rest("half", conn);
	printf("unread %d\n", PQsendQuery(conn, "select 1"));
	show("exec discards", PQexec(conn, "select 2"));
	printf("send %d\n", PQsendQuery(conn, "select pg_sleep(30)"));
	cancel = PQgetCancel(conn);
	(void) usleep(100000);
	printf("cancel %d\n", PQcancel(cancel, error, sizeof(error)));
	PQfreeCancel(cancel);
	show_rest("cancelled", conn);
	printf("unread %d\n", PQsendQuery(conn, "select 1"));
	PQfinish(conn);
}

static void
case_pipeline(void)
{
	const char *values[] = {"0"};
	PGconn *conn = connect_now();
	int i;

	printf("enter %d\n", PQenterPipelineMode(conn));
	printf("sync first %d\n", PQpipelineSync(conn));
	show("not allowed", PQexec(conn, "select 1"));
	for (i = 0; i < 3; i++)
		printf("send %d\n",
			   PQsendQueryParams(
				   conn, "select 1 / $1::int", 1, NULL, values, NULL, NULL, 0));
	printf("prepare %d\n", PQsendPrepare(conn, "p", "select $1::int", 1, NULL));
	printf("sync %d\n", PQpipelineSync(conn));
	printf("prepare %d\n",
		   PQsendPrepare(conn, "q", "select $1::int + 1", 1, NULL));
	for (i = 0; i < 20; i++)
		(void) PQsendQueryPrepared(conn, "q", 1, values, NULL, NULL, 0);
	printf("describe %d\n", PQsendDescribePrepared(conn, "q"));
	printf("sync %d\n", PQpipelineSync(conn));
	printf("exit too early %d\n", PQexitPipelineMode(conn));
	for (i = 0; i < 2;)
	{
		PGresult *result = PQgetResult(conn);

		i = result == NULL ? i + 1 : 0;
		show("pipeline", result);
	}
	printf("exit %d\n", PQexitPipelineMode(conn));
	show("after", PQexec(conn, "select 1"));
	(void) PQenterPipelineMode(conn);
	(void) PQsendQueryParams(conn, "select 2", 0, NULL, NULL, NULL, NULL, 0);
	(void) PQpipelineSync(conn);
	PQfinish(conn);
}

static void
case_copy(void)
{
	PGconn *conn = connect_now();
	char line[64];
	char *buffer;
	int n;

	show("create", PQexec(conn, "create temp table t(a text)"));
	show("copy in", PQexec(conn, "copy t from stdin"));
	printf("put %d\n", PQputCopyData(conn, "one\n", 4));
	printf("end %d\n", PQputCopyEnd(conn, NULL));
	show_rest("copied", conn);
	show("copy in", PQexec(conn, "copy t from stdin"));
	printf("line %d\n", PQputline(conn, "two\n"));
	printf("bytes %d\n", PQputnbytes(conn, "\\.\n", 3));
	printf("endcopy %d\n", PQendcopy(conn));
	show("copy out", PQexec(conn, "copy t to stdout"));
	while ((n = PQgetCopyData(conn, &buffer, 0)) > 0)
	{
		printf("data %d %.*s", n, n, buffer);
		PQfreemem(buffer);
	}
	printf("data %d\n", n);
	show_rest("copied", conn);
	show("copy out", PQexec(conn, "copy t to stdout"));
	while ((n = PQgetline(conn, line, sizeof(line))) == 0 &&
		   strcmp(line, "\\.") != 0)
		printf("line %s\n", line);
	printf("endcopy %d\n", PQendcopy(conn));
	show("copy in", PQexec(conn, "copy t from stdin"));
	printf("fail %d\n", PQputCopyEnd(conn, "given up"));
	show_rest("failed", conn);
	show("copy in", PQexec(conn, "copy t from stdin"));
	show("exec in copy", PQexec(conn, "select 1"));
	show("copy in", PQexec(conn, "copy t from stdin"));
	PQfinish(conn);
}

static void
case_large_object(void)
{
	PGconn *conn = connect_now();
	char data[100] = "data";
	Oid oid;
	int fd;

	show("begin", PQexec(conn, "begin"));
	oid = lo_creat(conn, INV_READ_WRITE);
	printf("created %d\n", oid != InvalidOid);
	fd = lo_open(conn, oid, INV_READ_WRITE);
	printf("write %d\n", lo_write(conn, fd, data, sizeof(data)));
	printf("seek %d\n", lo_lseek(conn, fd, 0, SEEK_SET));
	printf("tell %d\n", lo_tell(conn, fd));
	printf("truncate %d\n", lo_truncate(conn, fd, 50));
	printf("read %d\n", lo_read(conn, fd, data, sizeof(data)));
	printf("close %d\n", lo_close(conn, fd));
	printf("bad fd %d %s", lo_read(conn, 77, data, 1), PQerrorMessage(conn));
	show("rollback", PQexec(conn, "rollback"));
	printf("no file %u %s", lo_import(conn, "/no/such"), PQerrorMessage(conn));
	PQfinish(conn);
}

static void
case_connect(void)
{
	const char *keywords[] = {"dbname", "application_name", NULL};
	const char *values[] = {
		"dbname=postgres options='-c geqo=off'", "api", NULL};
	PGconn *conn = PQconnectdb("nosuch=option");
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	printf("bad option: %s", PQerrorMessage(conn));
	PQfinish(conn);
	conn = PQconnectdb("port=1");
	printf("no server: %d\n", PQstatus(conn) == CONNECTION_BAD);
	show("exec", PQexec(conn, "select 1"));
	PQreset(conn);
	PQfinish(conn);
	conn = PQconnectdb("dbname=nosuch");
	printf("no database: %.7s %d\n", PQerrorMessage(conn), PQstatus(conn));
	PQfinish(conn);
	conn = PQconnectdbParams(keywords, values, 1);
	show("params", PQexec(conn, "show geqo"));
	printf("options '%s'\n", PQoptions(conn));
	(void) PQsendQuery(conn, "select 'lost'");
	PQreset(conn);
	show("reset", PQexec(conn, "show geqo"));
	printf("reset start %d\n", PQresetStart(conn));
	PQfinish(conn);
	conn = PQsetdbLogin(NULL, NULL, "-c work_mem=5MB", NULL, NULL, NULL, NULL);
	show("login", PQexec(conn, "show work_mem"));
	printf("options '%s'\n", PQoptions(conn));
	PQfinish(conn);
	conn = PQconnectStart("");
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
	{
		struct pollfd fd = {PQsocket(conn),
							status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
							0};

		(void) poll(&fd, 1, 1000);
		status = PQconnectPoll(conn);
	}
	show("polled", PQexec(conn, "select 1"));
	PQfinish(conn);
	conn = PQconnectStart("");
	PQfinish(conn);
}

static void
case_gone(void)
{
	PGconn *conn = connect_now();

	show("gone", PQexec(conn, "select pg_terminate_backend(pg_backend_pid())"));
	printf("status %d\n", PQstatus(conn) == CONNECTION_BAD);
	show("after", PQexec(conn, "select 1"));
	printf("send %d\n", PQsendQuery(conn, "select 1"));
	show_rest("nothing", conn);
	PQreset(conn);
	show("reset", PQexec(conn, "select 1"));
	(void) PQsendQuery(conn, "select pg_terminate_backend(pg_backend_pid())");
	show_rest("gone", conn);
	PQfinish(conn);
}

static void
case_big(void)
{
	const size_t size = 10 * 1024 * 1024;
	char *text = malloc(size + 32);
	PGconn *conn = connect_now();
	PGresult *result;

	if (text == NULL)
		return;
	(void) snprintf(text, 32, "select length('");
	memset(text + 15, 'x', size);
	memcpy(text + 15 + size, "')", 3);
	show("big", PQexec(conn, text));
	result = PQexecParams(conn,
						  "select length($1)",
						  1,
						  NULL,
						  (const char *const *) &text,
						  NULL,
						  NULL,
						  0);
	show("big parameter", result);
	free(text);
	PQfinish(conn);
}

static void *
work(void *arg)
{
	long *rows = arg;
	int i;

	for (i = 0; i < TURNS; i++)
	{
		PGconn *conn = PQconnectdb("");
		PGresult *result = PQexec(conn, "select 1");

		*rows += PQntuples(result);
		PQclear(result);
		(void) PQsendQuery(conn, "select 2");
		while ((result = PQgetResult(conn)) != NULL)
		{
			*rows += PQntuples(result);
			PQclear(result);
		}
		PQfinish(conn);
	}
	return NULL;
}

static void
case_threads(void)
{
	pthread_t threads[THREADS];
	long rows[THREADS] = {0};
	long sum = 0;
	int i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, &rows[i]) != 0)
			exit(1);
	for (i = 0; i < THREADS; i++)
	{
		(void) pthread_join(threads[i], NULL);
		sum += rows[i];
	}
	printf("rows %ld\n", sum);
}

/* Connections that several threads use one after another, and thousands of attempts
 * that fail. */
static void *
hand_over(void *conn)
{
	show("elsewhere", PQgetResult(conn));
	show_rest("elsewhere", conn);
	return NULL;
}

static void
case_many(void)
{
	PGconn *conns[80];
	pthread_t thread;
	int i;

	for (i = 0; i < 80; i++)
		conns[i] = connect_now();
	for (i = 0; i < 80; i++)
		PQclear(PQexec(conns[i], "select 1"));
	for (i = 0; i < 80; i++)
		(void) PQsendQuery(conns[i], "select 2");
	if (pthread_create(&thread, NULL, hand_over, conns[0]) != 0)
		exit(1);
	(void) pthread_join(thread, NULL);
	for (i = 79; i >= 0; i--)
		PQfinish(conns[i]);
	for (i = 0; i < 3000; i++)
		PQfinish(PQconnectdb("host=/no/such/directory"));
	printf("done\n");
}

/* The program's own operations and its statements are in one tree. */
static void
case_profiler(void)
{
	PGconn *conn;

	if (osp_init("SECRET_KEY", "the-program", NULL) != OSP_OK)
		exit(1);
	conn = connect_now();
	osp_start("work", NULL);
	show("in", PQexec(conn, "select 1"));
	(void) PQsendQuery(conn, "select 2");
	osp_stop(NULL);
	show_rest("after", conn);
	osp_clean();
	PQfinish(conn);
}

static const struct
{
	const char *name;
	void (*run)(void);
} cases[] = {{"sync", case_sync},
			 {"async", case_async},
			 {"prepared", case_prepared},
			 {"pipeline", case_pipeline},
			 {"copy", case_copy},
			 {"large-object", case_large_object},
			 {"connect", case_connect},
			 {"gone", case_gone},
			 {"big", case_big},
			 {"threads", case_threads},
			 {"many", case_many},
			 {"profiler", case_profiler}};

int
main(int argc, char **argv)
{
	size_t i;

	(void) setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (argc != 2 || strcmp(cases[i].name, argv[1]) != 0)
			continue;
		cases[i].run();
		return 0;
	}
	fprintf(stderr, "usage: api CASE\n");
	return 2;
}
