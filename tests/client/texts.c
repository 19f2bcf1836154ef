/* SPDX-License-Identifier: Apache-2.0
 *
 * texts.c
 *	  Executes the texts of a file in all ways in which libpq can send a text, and
 *	  prints everything that a client can see of the results.
 *
 * 060_texts.t runs it with and without tracing and compares.
 *
 *	  texts FILE      (texts are separated by NUL bytes)
 *
 * A text "!encoding NAME" sets the client's encoding; "!verbosity N" sets the verbosity
 * of messages.
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16 * 1024 * 1024)

static const char fields[] = {PG_DIAG_SEVERITY,
							  PG_DIAG_SQLSTATE,
							  PG_DIAG_MESSAGE_PRIMARY,
							  PG_DIAG_MESSAGE_DETAIL,
							  PG_DIAG_MESSAGE_HINT,
							  PG_DIAG_STATEMENT_POSITION,
							  PG_DIAG_INTERNAL_POSITION,
							  PG_DIAG_INTERNAL_QUERY,
							  PG_DIAG_CONTEXT,
							  '\0'};

static void
show_notice(void *arg, const PGresult *result)
{
	(void) arg;
	printf("  notice: %s", PQresultErrorMessage(result));
}

/* Prints a result, and clears it. */
static void
show(PGconn *conn, const char *how, PGresult *result)
{
	const char *field;
	char *verbose;
	int verbosity;
	int i;

	printf("%s: %s '%s'\n",
		   how,
		   PQresStatus(PQresultStatus(result)),
		   PQcmdStatus(result));
	for (i = 0; i < PQntuples(result) && PQnfields(result) > 0; i++)
		printf("  row: %s\n", PQgetvalue(result, i, 0));
	for (i = 0; fields[i] != '\0'; i++)
	{
		field = PQresultErrorField(result, fields[i]);
		if (field != NULL)
			printf("  %c: %s\n", fields[i], field);
	}
	printf("  result: %s\n  connection: %s\n",
		   PQresultErrorMessage(result),
		   PQerrorMessage(conn));
	for (verbosity = PQERRORS_TERSE; verbosity <= PQERRORS_VERBOSE; verbosity++)
	{
		verbose = PQresultVerboseErrorMessage(
			result, (PGVerbosity) verbosity, PQSHOW_CONTEXT_ALWAYS);
		printf("  verbosity %d: %s\n", verbosity, verbose);
		PQfreemem(verbose);
	}
	PQclear(result);
}

static void
show_all(PGconn *conn, const char *how)
{
	PGresult *result;
	int nulls = 0;

	while (nulls < (PQpipelineStatus(conn) == PQ_PIPELINE_OFF ? 1 : 2))
	{
		result = PQgetResult(conn);
		if (result == NULL)
		{
			nulls++;
			continue;
		}
		nulls = 0;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			PQclear(result);
			break;
		}
		show(conn, how, result);
	}
}

/* Sends two statements in a pipeline; the text is the second one. */
static void
send_in_pipeline(PGconn *conn, const char *text)
{
	if (!PQenterPipelineMode(conn))
	{
		printf("pipeline: %s", PQerrorMessage(conn));
		return;
	}
	if (!PQsendQueryParams(
			conn, "select 1 where", 0, NULL, NULL, NULL, NULL, 0) ||
		!PQpipelineSync(conn) ||
		!PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0) ||
		!PQpipelineSync(conn))
		printf("pipeline: %s", PQerrorMessage(conn));
	show_all(conn, "pipeline, first");
	show_all(conn, "pipeline, second");
	(void) PQexitPipelineMode(conn);
}

/* Calls that fail in libpq itself, which appends the reason to the connection's
 * message. */
static void
fail_in_libpq(PGconn *conn, const char *text)
{
	char *data = NULL;

	PQclear(PQexec(conn, text));
	(void) PQgetCopyData(conn, &data, 0);
	printf("no COPY to read: %s", PQerrorMessage(conn));
	(void) PQputCopyEnd(conn, NULL);
	printf("no COPY to end: %s", PQerrorMessage(conn));
	(void) PQpipelineSync(conn);
	(void) PQputCopyData(conn, "a", 1);
	printf("no pipeline: %s", PQerrorMessage(conn));
	if (!PQsendQuery(conn, text))
		return;
	PQclear(PQgetResult(conn));
	(void) PQsendQuery(conn, "select 2");
	printf("not read to the end: %s", PQerrorMessage(conn));
	(void) PQenterPipelineMode(conn);
	printf("no time for a pipeline: %s", PQerrorMessage(conn));
	(void) PQsendPrepare(conn, "name", NULL, 0, NULL);
	(void) PQsetSingleRowMode(conn);
	printf("nothing to prepare: %s", PQerrorMessage(conn));
	show_all(conn, "the rest");
	if (!PQenterPipelineMode(conn))
		return;
	PQclear(PQexec(conn, "select 3"));
	printf("in a pipeline: %s", PQerrorMessage(conn));
	(void) PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0);
	(void) PQpipelineSync(conn);
	PQclear(PQgetResult(conn));
	(void) PQexitPipelineMode(conn);
	PQclear(PQexec(conn, "select 4"));
	printf("still in a pipeline: %s", PQerrorMessage(conn));
	show_all(conn, "the end of the pipeline");
	(void) PQexitPipelineMode(conn);
	(void) PQgetCopyData(conn, &data, 0);
	printf("after the pipeline: %s", PQerrorMessage(conn));
}

static void
execute(PGconn *conn, const char *text)
{
	PGresult *kept;
	const char *message;

	printf("--- %s\n", text);
	show(conn, "exec", PQexec(conn, text));
	show(
		conn, "params", PQexecParams(conn, text, 0, NULL, NULL, NULL, NULL, 0));
	if (PQsendQuery(conn, text))
		show_all(conn, "send");
	if (PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0))
		show_all(conn, "send params");
	send_in_pipeline(conn, text);
	fail_in_libpq(conn, text);

	/* This result is kept while a later statement fails. */
	kept = PQexec(conn, text);
	PQclear(PQexec(conn, "select 1 +"));
	show(conn, "kept", kept);
	show(conn, "made", PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR));
	show(conn, "made, no error", PQmakeEmptyPGresult(conn, PGRES_TUPLES_OK));

	/* The memory of a message lives as long as its connection. */
	message = PQerrorMessage(conn);
	PQclear(PQexec(conn, "rollback"));
	printf("message after the next call: %s\n", message);
}

/* A pointer that the program has had before shows libpq's own memory, which an error
 * of the first statement has enlarged. */
static void
keep_pointer(PGconn *conn)
{
	const char *message;
	int len;

	PQclear(PQexec(
		conn,
		"do $$ begin raise '%', repeat('x', 2000); end $$ language plpgsql"));
	PQclear(PQexec(conn, "select 1"));
	message = PQerrorMessage(conn);
	PQclear(PQexec(conn, "select 1 +"));
	len = (int) strlen(message);
	while (len > 0 && message[len - 1] == ' ')
		len--;
	printf("--- kept pointer\n%.*s", len, message);
	PQclear(PQexec(conn, "select 1"));
	printf("then: %s\n", message);
}

static char *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	char *bytes = malloc(FILE_MAX);

	if (file == NULL || bytes == NULL)
		exit(2);
	*len = fread(bytes, 1, FILE_MAX - 1, file);
	bytes[*len] = '\0';
	(void) fclose(file);
	return bytes;
}

int
main(int argc, char **argv)
{
	PGconn *conn = PQconnectdb("");
	const char *text;
	char *bytes;
	size_t len;

	if (argc != 2 || PQstatus(conn) != CONNECTION_OK)
		return 2;
	(void) PQsetNoticeReceiver(conn, show_notice, NULL);
	keep_pointer(conn);
	bytes = read_file(argv[1], &len);
	for (text = bytes; text < bytes + len; text += strlen(text) + 1)
	{
		if (strncmp(text, "!encoding ", 10) == 0)
			printf("%s: %d\n", text, PQsetClientEncoding(conn, text + 10));
		else if (strncmp(text, "!verbosity ", 11) == 0)
			(void) PQsetErrorVerbosity(
				conn, (PGVerbosity) strtol(text + 11, NULL, 10));
		else
			execute(conn, text);
	}
	PQfinish(conn);
	free(bytes);
	return 0;
}
