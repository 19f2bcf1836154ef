/* SPDX-License-Identifier: Apache-2.0
 *
 * pg_session.c
 *	  A session with a PostgreSQL server.
 */
#include "pg_session.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Options that keep a server from tracing the statements of its own collector. */
#define SESSION_OPTIONS "-c osprofiler.untraced=on"

#define SETTINGS_MAX 64
#define OPTIONS_MAX  1024
#define SAYS_MAX     150

/* ---- the connection string ---- */

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"postgresql: %s; expected postgresql://[user[:password]@][host][:port]"
		"[/database] with options of libpq, as ?sslmode=verify-full",
		what);
}

static const char *
setting(const osp_pg *pg, const char *name)
{
	const PQconninfoOption *option;

	for (option = pg->settings; option->keyword != NULL; option++)
		if (strcmp(option->keyword, name) == 0 && option->val != NULL &&
			option->val[0] != '\0')
			return option->val;
	return NULL;
}

/*
 * Removes the name of a driver from the scheme: libpq does not know upstream's
 * postgresql+psycopg2://.
 */
static char *
without_driver_name(const osp_driver_options *options)
{
	osp_str text = options->connection_string;
	const char *colon = memchr(text.ptr, ':', text.len);
	size_t scheme = colon != NULL ? (size_t) (colon - text.ptr) : 0;
	osp_buf buf;

	osp_buf_init(&buf, options->alc, text.len + 32);
	osp_buf_add_str(&buf, OSP_STR("postgresql"));
	osp_buf_add_str(&buf, osp_str_n(text.ptr + scheme, text.len - scheme));
	return osp_buf_take(&buf);
}

osp_status
osp__pg_init(osp_pg *pg, const osp_driver_options *options, osp_error *err)
{
	char *uri = without_driver_name(options);
	const char *host;
	const char *port;

	memset(pg, 0, sizeof(*pg));
	osp__wait_init(&pg->wait, options);
	if (uri == NULL)
		return osp_error_set(err, OSP_ENOMEM, "postgresql: out of memory");
	pg->settings = PQconninfoParse(uri, NULL);
	osp_free(options->alc, uri);
	if (pg->settings == NULL)
		return bad_string(err, "libpq does not understand it");
	host = setting(pg, "host");
	port = setting(pg, "port");
	if (port != NULL && strspn(port, "0123456789,") < strlen(port))
		return bad_string(err, "the port is no number");
	(void) snprintf(pg->where,
					sizeof(pg->where),
					"postgresql at %.80s:%.10s",
					host != NULL ? host : "localhost",
					port != NULL ? port : "5432");
	return OSP_OK;
}

void
osp__pg_term(osp_pg *pg)
{
	osp__pg_drop(pg);
	PQconninfoFree(pg->settings);
}

void
osp__pg_drop(osp_pg *pg)
{
	PQfinish(pg->session);
	pg->session = NULL;
}

/* ---- failures ---- */

/* Stores the first line of libpq's or the server's message in err. */
static osp_status
says(osp_pg *pg, osp_status status, const char *text, osp_error *err)
{
	size_t len = strcspn(text, "\n");

	return osp_error_set(err,
						 status,
						 "%.80s: %.*s",
						 pg->where,
						 (int) (len < SAYS_MAX ? len : SAYS_MAX),
						 text);
}

static osp_status
failed(osp_pg *pg, osp_error *err)
{
	const char *text = PQerrorMessage(pg->session);

	(void) says(
		pg, OSP_EUNAVAIL, text[0] != '\0' ? text : "no connection", err);
	osp__pg_drop(pg);
	return OSP_EUNAVAIL;
}

/* Waits for the server; if that fails the session is dropped. */
static osp_status
wait_for(osp_pg *pg, short events, osp_error *err)
{
	osp_status status = osp__wait_check(&pg->wait);

	if (status == OSP_OK)
		status = osp__wait_fd(&pg->wait, PQsocket(pg->session), events);
	if (status == OSP_OK)
		return OSP_OK;
	(void) osp_error_set(err,
						 status,
						 status == OSP_EINTR
							 ? "interrupted while waiting for %s"
							 : "%s does not answer within the time it has",
						 pg->where);
	osp__pg_drop(pg);
	return status;
}

osp_status
osp__pg_refused(osp_pg *pg, osp_status status, osp_error *err)
{
	if (status != OSP_EREFUSED)
		return status;
	if (err != NULL)
		err->code = OSP_EUNAVAIL;
	osp__pg_drop(pg);
	return OSP_EUNAVAIL;
}

/* ---- connecting ---- */

static osp_status
poll_connection(osp_pg *pg, osp_error *err)
{
	for (;;)
	{
		PostgresPollingStatusType next = PQconnectPoll(pg->session);
		osp_status status;

		if (next == PGRES_POLLING_OK)
			return PQsetnonblocking(pg->session, 1) == 0 ? OSP_OK
														 : failed(pg, err);
		if (next == PGRES_POLLING_FAILED)
			return failed(pg, err);
		status =
			wait_for(pg, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, err);
		if (status != OSP_OK)
			return status;
	}
}

static void
ignore_notice(void *ctx, const PGresult *result)
{
	(void) ctx;
	(void) result;
}

static osp_status
connect_session(osp_pg *pg, osp_error *err)
{
	const char *names[SETTINGS_MAX + 1] = {
		"options", "client_encoding", "fallback_application_name"};
	const char *values[SETTINGS_MAX + 1] = {NULL, "UTF8", "osprofiler"};
	const PQconninfoOption *option;
	char session_options[OPTIONS_MAX];
	const char *given = setting(pg, "options");
	size_t count = 3;

	(void) snprintf(session_options,
					sizeof(session_options),
					"%s %s",
					given != NULL ? given : "",
					SESSION_OPTIONS);
	values[0] = session_options;
	for (option = pg->settings; option->keyword != NULL && count < SETTINGS_MAX;
		 option++)
	{
		if (option->val == NULL || strcmp(option->keyword, "options") == 0 ||
			strcmp(option->keyword, "client_encoding") == 0)
			continue;
		names[count] = option->keyword;
		values[count++] = option->val;
	}
	pg->session = PQconnectStartParams(names, values, 0);
	if (pg->session == NULL)
		return osp_error_set(err, OSP_ENOMEM, "postgresql: out of memory");
	if (PQstatus(pg->session) == CONNECTION_BAD)
		return failed(pg, err);
	(void) PQsetNoticeReceiver(pg->session, ignore_notice, NULL);
	pg->sessions++;
	return poll_connection(pg, err);
}

/* Does the session still work, or has the server closed it meanwhile? */
static bool
is_in_order(osp_pg *pg)
{
	/*
	 * The first call reads the server's last message, and only the second one
	 * notices the end.
	 */
	return pg->session != NULL && PQconsumeInput(pg->session) == 1 &&
		   PQconsumeInput(pg->session) == 1 &&
		   PQstatus(pg->session) == CONNECTION_OK &&
		   PQtransactionStatus(pg->session) == PQTRANS_IDLE;
}

osp_status
osp__pg_begin_call(osp_pg *pg, osp_error *err)
{
	osp__wait_begin(&pg->wait);
	if (is_in_order(pg))
		return OSP_OK;
	osp__pg_drop(pg);
	return connect_session(pg, err);
}

/* ---- statements ---- */

/* Sends all bytes that libpq has buffered, and reads those that arrive meanwhile. */
static osp_status
flush(osp_pg *pg, osp_error *err)
{
	for (;;)
	{
		int left = PQflush(pg->session);
		osp_status status;

		/* If sending fails, reading will show the reason. */
		if (left <= 0)
			return OSP_OK;
		status = wait_for(pg, POLLIN | POLLOUT, err);
		if (status != OSP_OK)
			return status;
		if (PQconsumeInput(pg->session) != 1)
			return failed(pg, err);
	}
}

osp_status
osp__pg_query(osp_pg *pg, const char *statement, const char *parameter,
			  osp_error *err)
{
	if (PQsendQueryParams(pg->session,
						  statement,
						  parameter != NULL,
						  NULL,
						  &parameter,
						  NULL,
						  NULL,
						  0) != 1)
		return failed(pg, err);
	(void) PQsetSingleRowMode(pg->session);
	return flush(pg, err);
}

osp_status
osp__pg_result(osp_pg *pg, PGresult **result, osp_error *err)
{
	const char *sqlstate;
	osp_status status;

	*result = NULL;
	while (PQisBusy(pg->session))
	{
		status = wait_for(pg, POLLIN, err);
		if (status != OSP_OK)
			return status;
		if (PQconsumeInput(pg->session) != 1)
			return failed(pg, err);
	}
	*result = PQgetResult(pg->session);
	if (*result == NULL || (PQresultStatus(*result) != PGRES_FATAL_ERROR &&
							PQresultStatus(*result) != PGRES_BAD_RESPONSE))
		return PQstatus(pg->session) == CONNECTION_OK ? OSP_OK
													  : failed(pg, err);
	sqlstate = PQresultErrorField(*result, PG_DIAG_SQLSTATE);
	(void) snprintf(pg->sqlstate,
					sizeof(pg->sqlstate),
					"%s",
					sqlstate != NULL ? sqlstate : "");
	(void) says(pg, OSP_EREFUSED, PQresultErrorMessage(*result), err);
	PQclear(*result);
	*result = NULL;
	if (sqlstate != NULL && PQstatus(pg->session) == CONNECTION_OK)
		return OSP_EREFUSED;
	if (err != NULL)
		err->code = OSP_EUNAVAIL;
	osp__pg_drop(pg);
	return OSP_EUNAVAIL;
}

/* Reads all results of a statement; the first failure is returned. */
static osp_status
read_all(osp_pg *pg, osp_error *err)
{
	osp_status first = OSP_OK;

	for (;;)
	{
		PGresult *result;
		osp_error other;
		osp_status status =
			osp__pg_result(pg, &result, first == OSP_OK ? err : &other);

		if (status != OSP_OK && status != OSP_EREFUSED)
			return first == OSP_OK ? status : OSP_EUNAVAIL;
		if (first == OSP_OK)
			first = status;
		if (status == OSP_OK && result == NULL)
			return first;
		PQclear(result);
	}
}

osp_status
osp__pg_run(osp_pg *pg, const char *statement, const char *parameter,
			osp_error *err)
{
	osp_status status = osp__pg_query(pg, statement, parameter, err);

	return status == OSP_OK ? read_all(pg, err) : status;
}

osp_status
osp__pg_copy(osp_pg *pg, osp_str rows, osp_error *err)
{
	for (;;)
	{
		int taken = PQputCopyData(pg->session, rows.ptr, (int) rows.len);
		osp_status status;

		if (taken < 0)
			return failed(pg, err);
		status = flush(pg, err);
		if (taken > 0 || status != OSP_OK)
			return status;
	}
}

osp_status
osp__pg_end_copy(osp_pg *pg, osp_error *err)
{
	osp_status status = OSP_OK;
	int taken;

	while ((taken = PQputCopyEnd(pg->session, NULL)) == 0 && status == OSP_OK)
		status = flush(pg, err);
	if (taken < 0)
		return failed(pg, err);
	if (status == OSP_OK)
		status = flush(pg, err);
	return status == OSP_OK ? read_all(pg, err) : status;
}
