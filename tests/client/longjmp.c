/* SPDX-License-Identifier: Apache-2.0
 *
 * longjmp.c
 *	  Leaves calls of libpq by a siglongjmp from a signal handler, as Perl does with
 *	  sigaction and die, and continues.
 *
 *	  longjmp CASE HOW
 *
 * CASE names the call that is left. HOW says what follows: "next" (a statement on
 * another connection, at about the same depth of the stack), "deep" (the same at a much
 * greater depth), or "exit" (nothing). 040_faults.t checks the trace.
 */
#include <libpq-fe.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SLEEP        "select pg_sleep(20)"
#define OID_PG_SLEEP 2626
#define DEPTH        32

static sigjmp_buf target;
static PGconn *conn;

static void
leave(int signo)
{
	(void) signo;
	siglongjmp(target, 1);
}

/* Makes a server that accepts connections and sends nothing. */
static void
listen_silently(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void) snprintf(address.sun_path,
					sizeof(address.sun_path),
					"%s/.s.PGSQL.1",
					getenv("SILENT_DIR"));
	(void) unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(fd, 8) != 0)
		exit(2);
}

static char *
silent(void)
{
	static char info[256];

	(void) snprintf(info, sizeof(info), "host=%s port=1", getenv("SILENT_DIR"));
	return info;
}

static void
wait_in(const char *name)
{
	const char *const keywords[] = {"host", "port", NULL};
	const char *const values[] = {getenv("SILENT_DIR"), "1", NULL};
	PQArgBlock seconds = {.len = 8, .isint = 0};
	int64_t bits = INT64_C(0x4034000000000000); /* 20.0 */
	char big_endian[8];
	char *line;
	int result;
	int len;
	int i;

	for (i = 0; i < 8; i++)
		big_endian[i] = (char) (bits >> (56 - 8 * i));
	seconds.u.ptr = (int *) (void *) big_endian;
	if (strcmp(name, "PQexec") == 0)
		(void) PQexec(conn, SLEEP);
	else if (strcmp(name, "PQexecParams") == 0)
		(void) PQexecParams(conn, SLEEP, 0, NULL, NULL, NULL, NULL, 0);
	else if (strcmp(name, "PQexecPrepared") == 0)
		(void) PQexecPrepared(conn, "sleep", 0, NULL, NULL, NULL, 0);
	else if (strcmp(name, "PQgetResult") == 0)
		(void) PQgetResult(conn);
	else if (strcmp(name, "PQgetCopyData") == 0)
	{
		while (PQgetCopyData(conn, &line, 0) > 0)
			PQfreemem(line);
	}
	else if (strcmp(name, "PQfn") == 0)
		(void) PQfn(conn, OID_PG_SLEEP, &result, &len, 1, &seconds, 1);
	else if (strcmp(name, "PQconnectdb") == 0)
		(void) PQconnectdb(silent());
	else if (strcmp(name, "PQconnectdbParams") == 0)
		(void) PQconnectdbParams(keywords, values, 0);
	else if (strcmp(name, "PQsetdbLogin") == 0)
		(void) PQsetdbLogin(
			getenv("SILENT_DIR"), "1", NULL, NULL, "x", "x", NULL);
	else
		exit(2);
}

/* Sends the statements that the call that will be left needs. */
static void
prepare_for(const char *name)
{
	if (strcmp(name, "PQexecPrepared") == 0)
		PQclear(PQprepare(conn, "sleep", SLEEP, 0, NULL));
	else if (strcmp(name, "PQgetResult") == 0)
		(void) PQsendQuery(conn, SLEEP);
	else if (strcmp(name, "PQgetCopyData") == 0)
		PQclear(
			PQexec(conn,
				   "copy (select case when i > 3000 then pg_sleep(20)::text "
				   "else repeat('x', 100) end from generate_series(1, 4000) i) "
				   "to stdout"));
}

static void
leave_after(int ms)
{
	struct itimerval timer = {{0, 0}, {0, ms * 1000}};
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = leave;
	(void) sigaction(SIGALRM, &action, NULL);
	(void) setitimer(ITIMER_REAL, &timer, NULL);
}

/* Executes a statement on another connection, with this number of further frames on the
 * stack. */
static __attribute__((noinline)) int
go_on(PGconn *other, int depth)
{
	volatile char frame[512];
	PGresult *result;

	memset((char *) frame, depth, sizeof(frame));
	if (depth > 0)
		return go_on(other, depth - 1) + frame[0];
	result = PQexec(other, "select 'after'");
	printf("%s\n", PQgetvalue(result, 0, 0));
	PQclear(result);
	return frame[0];
}

int
main(int argc, char **argv)
{
	PGconn *other = PQconnectdb("");

	if (argc != 3)
		return 2;
	listen_silently();
	conn = PQconnectdb("");
	prepare_for(argv[1]);
	if (sigsetjmp(target, 1) == 0)
	{
		leave_after(300);
		wait_in(argv[1]);
		printf("not left\n");
	}
	if (strcmp(argv[2], "exit") == 0)
		return 0;
	(void) go_on(other, strcmp(argv[2], "deep") == 0 ? DEPTH : 0);
	(void) go_on(other, 0);
	PQfinish(conn);
	PQfinish(other);
	return 0;
}
