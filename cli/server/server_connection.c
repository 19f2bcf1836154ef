/* SPDX-License-Identifier: Apache-2.0
 *
 * server_connection.c
 *	  A connection to a PostgreSQL server, for the commands that ask one.
 *
 * The functions of libpq that are used here are in one table, with their types
 * as libpq-fe.h declares them. So building needs no libpq, either.
 */
#include "server/server_connection.h"
#include "server/conninfo_text.h"
#include "shell_text.h"

#include <dlfcn.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/uri.h"
#include "record/clock.h"

#define LIBRARY "libpq.so.5"

/* How often interrupted() is called. */
#define SLICE_MS  100
#define NS_PER_MS INT64_C(1000000)

/* Constants of libpq-fe.h, whose values never change. */
enum
{
	CONNECTION_OK = 0,
	CONNECTION_BAD = 1,
	PGRES_POLLING_FAILED = 0,
	PGRES_POLLING_READING = 1,
	PGRES_POLLING_WRITING = 2,
	PGRES_POLLING_OK = 3,
	PGRES_COMMAND_OK = 1,
	PGRES_TUPLES_OK = 2,
	PG_DIAG_SQLSTATE = 'C',
	PG_DIAG_MESSAGE_PRIMARY = 'M',
	PG_DIAG_MESSAGE_DETAIL = 'D'
};

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

/* One setting of a connection string. */
typedef struct PQconninfoOption
{
	char *keyword;
	char *envvar;
	char *compiled;
	char *val; /* NULL: not in the string */
	char *label;
	char *dispchar; /* "*": it is a password */
	int dispsize;
} PQconninfoOption;

/* The functions of libpq that are used here, as libpq-fe.h declares them. */
typedef struct libpq
{
	PQconninfoOption *(*PQconninfoParse)(const char *conninfo, char **message);
	void (*PQconninfoFree)(PQconninfoOption *options);
	PGconn *(*PQconnectdbParams)(const char *const *keywords,
								 const char *const *values, int expand_dbname);
	PGconn *(*PQconnectStartParams)(const char *const *keywords,
									const char *const *values,
									int expand_dbname);
	int (*PQconnectPoll)(PGconn *conn);
	void (*PQfinish)(PGconn *conn);
	int (*PQstatus)(const PGconn *conn);
	char *(*PQerrorMessage)(const PGconn *conn);
	char *(*PQhost)(const PGconn *conn);
	char *(*PQport)(const PGconn *conn);
	char *(*PQuser)(const PGconn *conn);
	char *(*PQdb)(const PGconn *conn);
	const char *(*PQparameterStatus)(const PGconn *conn, const char *name);
	int (*PQsendQuery)(PGconn *conn, const char *commands);
	int (*PQsendQueryParams)(PGconn *conn, const char *command, int count,
							 const unsigned *types, const char *const *values,
							 const int *lengths, const int *formats,
							 int result_format);
	int (*PQsocket)(const PGconn *conn);
	int (*PQconsumeInput)(PGconn *conn);
	int (*PQisBusy)(PGconn *conn);
	PGresult *(*PQgetResult)(PGconn *conn);
	int (*PQresultStatus)(const PGresult *result);
	char *(*PQresultErrorField)(const PGresult *result, int field);
	int (*PQntuples)(const PGresult *result);
	int (*PQgetisnull)(const PGresult *result, int row, int column);
	char *(*PQgetvalue)(const PGresult *result, int row, int column);
	void (*PQclear)(PGresult *result);
} libpq;

#define FUNCTION(name)               \
	{                                \
#name, offsetof(libpq, name) \
	}

static const struct
{
	const char *name;
	size_t offset;
} functions[] = {
	FUNCTION(PQconninfoParse),
	FUNCTION(PQconninfoFree),
	FUNCTION(PQconnectdbParams),
	FUNCTION(PQconnectStartParams),
	FUNCTION(PQconnectPoll),
	FUNCTION(PQfinish),
	FUNCTION(PQstatus),
	FUNCTION(PQerrorMessage),
	FUNCTION(PQhost),
	FUNCTION(PQport),
	FUNCTION(PQuser),
	FUNCTION(PQdb),
	FUNCTION(PQparameterStatus),
	FUNCTION(PQsendQuery),
	FUNCTION(PQsendQueryParams),
	FUNCTION(PQsocket),
	FUNCTION(PQconsumeInput),
	FUNCTION(PQisBusy),
	FUNCTION(PQgetResult),
	FUNCTION(PQresultStatus),
	FUNCTION(PQresultErrorField),
	FUNCTION(PQntuples),
	FUNCTION(PQgetisnull),
	FUNCTION(PQgetvalue),
	FUNCTION(PQclear),
};

struct cli_server
{
	PGconn *conn;
	bool (*interrupted)(void *ctx); /* may be NULL */
	unsigned deadline_ms;           /* for one answer; 0: no limit */
	osp_error given_up;             /* why waiting for an answer was given up */
	bool untraced;                  /* the server does not trace transactions */
	bool in_transaction;            /* cli_server_begin() has begun one */
	bool is_bare;                   /* from cli_server_open_bare() */
	char sqlstate[8];
	bool has_login;
	cli_user login; /* see cli_server_login() */
};

static bool stays_self; /* see cli_server_stay_self() */
static libpq pq;
static void *library; /* stays loaded; NULL: not loaded yet */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static osp_status
load_functions(osp_error *err)
{
	size_t i;

	if (library == NULL)
		library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return osp_error_set(err,
							 OSP_ENOENT,
							 "PostgreSQL's client library, " LIBRARY
							 ", is not installed (Debian's package libpq5)");
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		void *function = dlsym(library, functions[i].name);

		if (function == NULL)
			return osp_error_set(err,
								 OSP_ENOENT,
								 LIBRARY " has no function %s",
								 functions[i].name);
		memcpy((char *) &pq + functions[i].offset, &function, sizeof(function));
	}
	return OSP_OK;
}

/*
 * Loads libpq with a lock, since several threads of `osprofiler web` may be the
 * first to ask a server.
 */
static osp_status
load_libpq(osp_error *err)
{
	osp_status status;

	(void) pthread_mutex_lock(&loading);
	status = load_functions(err);
	(void) pthread_mutex_unlock(&loading);
	return status;
}

/* Stores the first line of the server's message in err. */
static osp_status
set_message(osp_error *err, osp_status status, const char *text)
{
	size_t len = strcspn(text, "\n");

	return osp_error_set(err, status, "%.*s", (int) len, text);
}

/*
 * Does the connection string have settings, or is it a URI? libpq takes any
 * other text as the name of a database.
 */
static bool
has_settings(const char *conninfo)
{
	return strchr(conninfo, '=') != NULL ||
		   osp__uri_scheme(osp_str_of(conninfo)).len > 0;
}

static const char *
find_setting(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
			return options->val;
	return "";
}

/*
 * Parses a connection string that has settings; the result is owned. NULL:
 * libpq does not understand it, or misunderstands it, so that a part of the
 * password becomes the name of a host or a port. libpq's own message is not
 * used, since it may quote the password.
 */
static PQconninfoOption *
parse_settings(const char *conninfo)
{
	PQconninfoOption *options;
	const char *port;

	if (!osp__uri_has_one_login(osp_str_of(conninfo)))
		return NULL;
	options = pq.PQconninfoParse(conninfo, NULL);
	if (options == NULL)
		return NULL;
	port = find_setting(options, "port");
	if (port[strspn(port, "0123456789, ")] == '\0')
		return options;
	pq.PQconninfoFree(options);
	return NULL;
}

static osp_status
check_conninfo(const char *conninfo, osp_error *err)
{
	PQconninfoOption *options;

	if (!has_settings(conninfo))
		return OSP_OK;
	options = parse_settings(conninfo);
	if (options == NULL)
		return osp_error_set(
			err,
			OSP_EINVAL,
			"libpq does not understand this connection string; expected "
			"'host=... port=... user=...' with quotes around spaces, or "
			"postgresql://user@host:port/database (in a password write "
			"@ : / %% as %%40 %%3A %%2F %%25)");
	pq.PQconninfoFree(options);
	return OSP_OK;
}

/* The value that is shown for a setting; NULL: the setting is not shown. */
static const char *
show_setting(const PQconninfoOption *option)
{
	static const char *const places[] = {
		"host", "hostaddr", "port", "dbname", "user", "service"};
	size_t i;

	if (option->val == NULL)
		return NULL;
	if (strchr(option->dispchar, '*') != NULL)
		return "***";
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(option->keyword, places[i]) == 0)
			return has_settings(option->val) ? "***" : option->val;
	return NULL;
}

void
cli_server_name(const char *conninfo, char *out, size_t size)
{
	PQconninfoOption *options = NULL;
	const PQconninfoOption *option;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	if (!has_settings(conninfo))
		cli_conninfo_add(&text, "dbname", conninfo);
	else if (load_libpq(NULL) == OSP_OK)
		options = parse_settings(conninfo);
	for (option = options; option != NULL && option->keyword != NULL; option++)
		cli_conninfo_add(&text, option->keyword, show_setting(option));
	if (text.len == 0 || osp_buf_status(&text) != OSP_OK)
		(void) snprintf(out, size, "the server");
	else
		(void) snprintf(out, size, "%.*s", (int) text.len, text.ptr);
	if (options != NULL)
		pq.PQconninfoFree(options);
	osp_buf_term(&text);
}

/* A server, and one of its databases; NULL: the database that conninfo names. */
typedef struct server_place
{
	const char *conninfo;
	const char *database;
	bool is_bare;                   /* preload no library that settings name */
	bool (*interrupted)(void *ctx); /* ends the attempt; may be NULL */
} server_place;

/* Start-up options that only a superuser may give. */
#define BARE_OPTIONS "-c session_preload_libraries= -c local_preload_libraries="

/* How long connecting may take, in seconds. connect_timeout is set to it, too, but only
 * blocking connections obey that. */
#define CONNECT_TIMEOUT   5
#define TEXT_OF(value)    TEXT_OF_IT(value)
#define TEXT_OF_IT(value) #value

/* Continues connecting until that succeeds or fails. If it gives up, it writes the
 * reason to server->given_up. */
static void
await_connection(cli_server *server)
{
	int64_t end_ns =
		osp_mono_now() + CONNECT_TIMEOUT * INT64_C(1000) * NS_PER_MS;
	int state = PGRES_POLLING_WRITING;

	while (pq.PQstatus(server->conn) != CONNECTION_BAD &&
		   state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED)
	{
		struct pollfd polled = {pq.PQsocket(server->conn),
								state == PGRES_POLLING_READING ? POLLIN
															   : POLLOUT,
								0};

		(void) poll(&polled, 1, SLICE_MS);
		if (server->interrupted(NULL))
		{
			(void) osp_error_set(&server->given_up, OSP_EINTR, "interrupted");
			return;
		}
		if (osp_mono_now() >= end_ns)
		{
			(void) osp_error_set(&server->given_up,
								 OSP_EUNAVAIL,
								 "the server does not answer within %d s",
								 CONNECT_TIMEOUT);
			return;
		}
		if (polled.revents != 0)
			state = pq.PQconnectPoll(server->conn);
	}
}

/* Connects with these settings. If the server has an interrupted(), that can end the
 * attempt. */
static void
connect_with(cli_server *server, const char *const *keywords,
			 const char *const *values)
{
	if (server->interrupted == NULL)
	{
		server->conn = pq.PQconnectdbParams(keywords, values, 1);
		return;
	}
	server->conn = pq.PQconnectStartParams(keywords, values, 1);
	if (server->conn != NULL)
		await_connection(server);
}

/* Tries to connect. Returned owned, also if the server refuses; NULL: no memory. */
static cli_server *
try_to_connect(const server_place *place)
{
	/*
	 * A later keyword replaces an earlier one. The first dbname may be a whole
	 * connection string, which libpq parses.
	 */
	const char *keywords[] = {"connect_timeout",
							  "fallback_application_name",
							  "dbname",
							  place->is_bare ? "options" : NULL,
							  NULL,
							  NULL};
	const char *values[] = {TEXT_OF(CONNECT_TIMEOUT),
							"osprofiler",
							place->conninfo,
							BARE_OPTIONS,
							NULL,
							NULL};
	cli_server *server = calloc(1, sizeof(*server));

	if (place->database != NULL)
	{
		keywords[place->is_bare ? 4 : 3] = "dbname";
		values[place->is_bare ? 4 : 3] = place->database;
	}
	if (server != NULL)
	{
		server->interrupted = place->interrupted;
		server->is_bare = place->is_bare;
		connect_with(server, keywords, values);
	}
	if (server == NULL || server->conn != NULL)
		return server;
	free(server);
	return NULL;
}

static bool
is_connected(const cli_server *server)
{
	return server != NULL && pq.PQstatus(server->conn) == CONNECTION_OK;
}

/*
 * Appends the ports of other servers to a message that no server listens at the
 * socket.
 */
static void
add_ports(osp_error *err)
{
	long ports[CLI_PORTS_MAX];
	size_t count = err != NULL ? cli_other_ports(err->msg, ports) : 0;
	size_t len = err != NULL ? strlen(err->msg) : 0;
	size_t i;

	for (i = 0; i < count && len < sizeof(err->msg); i++)
		len += (size_t) snprintf(err->msg + len,
								 sizeof(err->msg) - len,
								 "%s%ld%s",
								 i == 0 ? " (servers there: port=" : ", port=",
								 ports[i],
								 i + 1 == count ? ")" : "");
}

/*
 * Writes the path of the Unix socket of the server's connection, which may have
 * ended. False: the connection uses TCP.
 */
static bool
find_socket(const cli_server *server, char path[PATH_MAX])
{
	const char *directory = pq.PQhost(server->conn);

	return directory != NULL && directory[0] == '/' &&
		   snprintf(path,
					PATH_MAX,
					"%s/.s.PGSQL.%s",
					directory,
					pq.PQport(server->conn)) < PATH_MAX;
}

/*
 * Names the socket in the message that no server listens there, in the words of
 * libpq 14 and later. libpq 13 names it in a second line, which is not kept.
 */
static void
name_socket(const cli_server *server, osp_error *err)
{
	static const char before[] = "could not connect to server: ";
	char path[PATH_MAX];
	char why[sizeof(err->msg)];

	if (err == NULL || strncmp(err->msg, before, strlen(before)) != 0 ||
		!find_socket(server, path))
		return;
	(void) snprintf(why, sizeof(why), "%s", err->msg + strlen(before));
	(void) osp_error_set(err,
						 err->code,
						 "connection to server on socket \"%s\" failed: %s",
						 path,
						 why);
}

/* Has a server answered in any way? If there is none, libpq closes the socket. */
static bool
has_answered(const cli_server *server)
{
	return pq.PQsocket(server->conn) >= 0;
}

/* Hands the connection to the caller, or closes it and reports why it failed. */
static osp_status
hand_over(cli_server *server, cli_server **out, osp_error *err)
{
	osp_status status;
	bool answered;

	*out = NULL;
	if (is_connected(server))
	{
		*out = server;
		return OSP_OK;
	}
	if (server == NULL)
		return osp_error_set(err, OSP_ENOMEM, "out of memory");
	if (server->given_up.code != OSP_OK)
	{
		status = osp_error_set(
			err, server->given_up.code, "%s", server->given_up.msg);
		cli_server_close(server);
		return status;
	}
	answered = has_answered(server);
	status = set_message(err,
						 answered ? OSP_EREFUSED : OSP_EUNAVAIL,
						 pq.PQerrorMessage(server->conn));
	if (!answered)
	{
		name_socket(server, err);
		add_ports(err);
	}
	cli_server_close(server);
	return status;
}

static osp_status
prepare_to_connect(const char *conninfo, osp_error *err)
{
	osp_status status = load_libpq(err);

	return status == OSP_OK ? check_conninfo(conninfo, err) : status;
}

osp_status
cli_server_open(const char *conninfo, cli_server **out, osp_error *err)
{
	return cli_server_open_bound(conninfo, NULL, 0, out, err);
}

osp_status
cli_server_open_bound(const char *conninfo, bool (*interrupted)(void *ctx),
					  unsigned deadline_ms, cli_server **out, osp_error *err)
{
	const server_place place = {.conninfo = conninfo,
								.interrupted = interrupted};
	osp_status status = prepare_to_connect(conninfo, err);

	*out = NULL;
	if (status == OSP_OK)
		status = hand_over(try_to_connect(&place), out, err);
	if (status == OSP_OK)
		cli_server_bound(*out, interrupted, deadline_ms);
	return status;
}

/* Connects as this user of the host. Replaces *server if that succeeds. */
static void
connect_as(const cli_user *user, const server_place *place, cli_server **server)
{
	cli_server *other;

	if (!cli_act_as(user))
		return;
	other = try_to_connect(place);
	cli_act_as_root();
	if (!is_connected(other))
	{
		cli_server_close(other);
		return;
	}
	cli_server_close(*server);
	*server = other;
	other->has_login = true;
	other->login = *user;
}

/* After root was refused, tries the users whom the server may let in. */
static void
connect_as_others(const server_place *place, cli_server **server)
{
	char name[CLI_USER_NAME_MAX];
	cli_user user;
	uid_t uid;

	if (cli_user_named(pq.PQuser((*server)->conn), &user) && user.uid != 0)
		connect_as(&user, place, server);
	if (!is_connected(*server) &&
		cli_server_owner(*server, &uid, name, sizeof(name)) && uid != 0 &&
		cli_user_numbered(uid, &user))
		connect_as(&user, place, server);
}

void
cli_server_stay_self(void)
{
	stays_self = true;
}

static osp_status
open_for_root(const server_place *place, cli_server **out, osp_error *err)
{
	osp_status status = prepare_to_connect(place->conninfo, err);
	uid_t acting = geteuid();
	cli_server *server;
	cli_user before;

	*out = NULL;
	if (status != OSP_OK)
		return status;
	if (stays_self || !cli_may_act_as_others() ||
		(acting != 0 && !cli_user_numbered(acting, &before)))
		return hand_over(try_to_connect(place), out, err);
	if (acting != 0)
		cli_act_as_root();
	server = try_to_connect(place);
	if (server != NULL && !is_connected(server))
		connect_as_others(place, &server);
	if (acting != 0 && !cli_act_as(&before))
		abort();
	return hand_over(server, out, err);
}

osp_status
cli_server_open_for_root(const char *conninfo, cli_server **out, osp_error *err)
{
	return open_for_root(&(server_place){.conninfo = conninfo}, out, err);
}

osp_status
cli_server_open_bare(const char *conninfo, cli_server **out, osp_error *err)
{
	return open_for_root(
		&(server_place){.conninfo = conninfo, .is_bare = true}, out, err);
}

osp_status
cli_server_open_database(const char *conninfo, const char *database,
						 cli_server **out, osp_error *err)
{
	return open_for_root(
		&(server_place){.conninfo = conninfo, .database = database}, out, err);
}

const cli_user *
cli_server_login(const cli_server *server)
{
	return server->has_login ? &server->login : NULL;
}

bool
cli_host_is_local(const char *host)
{
	return host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 ||
		   strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

bool
cli_server_is_local(const cli_server *server)
{
	const char *host = pq.PQhost(server->conn);

	return host == NULL || host[0] == '\0' || cli_host_is_local(host);
}

void
cli_server_close(cli_server *server)
{
	if (server == NULL)
		return;
	if (server->conn != NULL)
		pq.PQfinish(server->conn);
	free(server);
}

void
cli_server_bound(cli_server *server, bool (*interrupted)(void *ctx),
				 unsigned deadline_ms)
{
	server->interrupted = interrupted;
	server->deadline_ms = deadline_ms;
}

/*
 * Waits for the answer to a statement, or notes why it gives up. A broken
 * connection is OSP_OK, too: PQgetResult reports it.
 */
static osp_status
await_answer(cli_server *server)
{
	int64_t end_ns = osp_mono_now() + (int64_t) server->deadline_ms * NS_PER_MS;

	while (pq.PQisBusy(server->conn) != 0)
	{
		struct pollfd polled = {pq.PQsocket(server->conn), POLLIN, 0};

		(void) poll(&polled, 1, SLICE_MS);
		if (server->interrupted != NULL && server->interrupted(NULL))
			return osp_error_set(&server->given_up, OSP_EINTR, "interrupted");
		if (server->deadline_ms > 0 && osp_mono_now() >= end_ns)
			return osp_error_set(&server->given_up,
								 OSP_EUNAVAIL,
								 "the server does not answer within %u ms",
								 server->deadline_ms);
		if (polled.revents != 0 && pq.PQconsumeInput(server->conn) == 0)
			break;
	}
	return OSP_OK;
}

/* Takes the last result, which is that of the statement; NULL: the connection broke. */
static PGresult *
take_result(cli_server *server)
{
	PGresult *last = NULL;
	PGresult *next = pq.PQgetResult(server->conn);

	for (; next != NULL; next = pq.PQgetResult(server->conn))
	{
		pq.PQclear(last);
		last = next;
	}
	return last;
}

/* Waits for the result if the statement was sent; NULL: there is no result. */
static PGresult *
await_result(cli_server *server, int sent)
{
	return sent != 0 && await_answer(server) == OSP_OK ? take_result(server)
													   : NULL;
}

/* Sends a statement and takes its result; NULL: there is none. */
static PGresult *
execute(cli_server *server, const char *sql, int count,
		const char *const *params)
{
	if (server->given_up.code != OSP_OK)
		return NULL;
	return await_result(
		server,
		pq.PQsendQueryParams(
			server->conn, sql, count, NULL, params, NULL, NULL, 0));
}

/*
 * Sends a text of several statements and takes the result of the last one;
 * NULL: there is none.
 */
static PGresult *
execute_all(cli_server *server, const char *statements)
{
	if (server->given_up.code != OSP_OK)
		return NULL;
	return await_result(server, pq.PQsendQuery(server->conn, statements));
}

/* Stores the server's message in err, and notes its SQLSTATE. */
static osp_status
report_failure(cli_server *server, const PGresult *result, osp_error *err)
{
	const char *code = pq.PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message =
		pq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = pq.PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	if (server->given_up.code != OSP_OK)
		return osp_error_set(
			err, server->given_up.code, "%s", server->given_up.msg);
	(void) snprintf(server->sqlstate,
					sizeof(server->sqlstate),
					"%s",
					code != NULL ? code : "");
	if (message != NULL && detail != NULL)
		return osp_error_set(err, OSP_EREFUSED, "%s: %s", message, detail);
	return set_message(err,
					   OSP_EREFUSED,
					   message != NULL ? message
									   : pq.PQerrorMessage(server->conn));
}

static bool
is_good(const PGresult *result)
{
	int status = pq.PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Takes the result of a statement that returns no rows. */
static osp_status
check_done(cli_server *server, PGresult *result, osp_error *err)
{
	osp_status status =
		is_good(result) ? OSP_OK : report_failure(server, result, err);

	pq.PQclear(result);
	return status;
}

void
cli_server_untraced(cli_server *server)
{
	server->untraced = true;
}

/* A comment that shows in the server's lists of statements that this is ours. */
#define OURS " /* osprofiler */"

/*
 * Begins a transaction, and makes settings for it. All statements of one text
 * run in one transaction, which the BEGIN at the end only continues. So the
 * settings apply until that transaction ends, and osprofiler.untraced, which is
 * set first, also covers the BEGIN.
 */
#define START "SET LOCAL search_path = pg_catalog, pg_temp" OURS "; BEGIN" OURS

#define UNTRACED "SET LOCAL osprofiler.untraced = on" OURS "; "

/* How much longer the server works on an answer that is given up here. */
#define GIVEN_UP_MS 1000

osp_status
cli_server_begin(cli_server *server, osp_error *err)
{
	char bound[96] = "";
	char statements[512];
	osp_status status;

	if (server->deadline_ms > 0)
		(void) snprintf(bound,
						sizeof(bound),
						"SET LOCAL statement_timeout = %u" OURS "; ",
						server->deadline_ms + GIVEN_UP_MS);
	(void) snprintf(statements,
					sizeof(statements),
					"%s%s" START,
					server->untraced ? UNTRACED : "",
					bound);
	server->sqlstate[0] = '\0';
	status = check_done(server, execute_all(server, statements), err);
	server->in_transaction = status == OSP_OK;
	return status;
}

osp_status
cli_server_commit(cli_server *server, osp_error *err)
{
	if (!server->in_transaction)
		return OSP_OK;
	server->in_transaction = false;
	return check_done(server, execute(server, "COMMIT" OURS, 0, NULL), err);
}

static void
roll_back(cli_server *server)
{
	server->in_transaction = false;
	pq.PQclear(execute(server, "ROLLBACK" OURS, 0, NULL));
}

osp_status
cli_server_ask(cli_server *server, const char *sql, int count,
			   const char *const *params, cli_answer **answer, osp_error *err)
{
	bool alone = !server->in_transaction;
	PGresult *result;
	osp_status status = OSP_OK;

	*answer = NULL;
	server->sqlstate[0] = '\0';
	if (alone)
		status = cli_server_begin(server, err);
	if (status != OSP_OK)
		return status;
	result = execute(server, sql, count, params);
	if (!is_good(result))
	{
		status = report_failure(server, result, err);
		roll_back(server);
	}
	else if (alone)
		status = cli_server_commit(server, err);
	if (status == OSP_OK)
		*answer = (cli_answer *) result;
	else
		pq.PQclear(result);
	return status;
}

const char *
cli_server_sqlstate(const cli_server *server)
{
	return server->sqlstate;
}

void
cli_server_explain(const cli_server *server, osp_error *err)
{
	static const struct
	{
		const char *code;
		const char *meaning;
	} meanings[] = {
		{"3F000", "in this database: CREATE EXTENSION osprofiler"},
		{"42P01", "in this database: CREATE EXTENSION osprofiler"},
		{"42883", "an earlier version: ALTER EXTENSION osprofiler UPDATE"},
		{"42501", "it takes a member of pg_read_all_stats"},
	};
	size_t len = strlen(err->msg);
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(server->sqlstate, meanings[i].code) == 0)
			(void) snprintf(err->msg + len,
							sizeof(err->msg) - len,
							" (%s)",
							meanings[i].meaning);
}

int
cli_answer_rows(const cli_answer *answer)
{
	return pq.PQntuples((const PGresult *) answer);
}

const char *
cli_answer_value(const cli_answer *answer, int row, int column)
{
	const PGresult *result = (const PGresult *) answer;

	return pq.PQgetisnull(result, row, column)
			   ? NULL
			   : pq.PQgetvalue(result, row, column);
}

void
cli_answer_free(cli_answer *answer)
{
	if (answer != NULL)
		pq.PQclear((PGresult *) answer);
}

bool
cli_server_is_superuser(const cli_server *server)
{
	const char *is = pq.PQparameterStatus(server->conn, "is_superuser");

	return is != NULL && strcmp(is, "on") == 0;
}

size_t
cli_server_other_ports(const cli_server *server, long ports[CLI_PORTS_MAX])
{
	char path[PATH_MAX];

	return find_socket(server, path) ? cli_other_ports(path, ports) : 0;
}

bool
cli_server_owner(const cli_server *server, uid_t *uid, char *name, size_t size)
{
	struct passwd entry;
	struct passwd *owner = NULL;
	char space[1024];
	char path[PATH_MAX];
	struct stat st;

	if (!find_socket(server, path) || stat(path, &st) != 0)
		return false;
	*uid = st.st_uid;
	return getpwuid_r(st.st_uid, &entry, space, sizeof(space), &owner) == 0 &&
		   owner != NULL &&
		   snprintf(name, size, "%s", owner->pw_name) < (int) size;
}

/*
 * The superuser that initdb made. The name lies in *answer, which is owned.
 * NULL: unknown.
 */
static const char *
first_superuser(cli_server *server, cli_answer **answer)
{
	if (cli_server_ask(server,
					   "SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10",
					   0,
					   NULL,
					   answer,
					   NULL) != OSP_OK ||
		cli_answer_rows(*answer) == 0)
		return NULL;
	return cli_answer_value(*answer, 0, 0);
}

void
cli_server_add_psql(cli_server *server, osp_buf *out)
{
	cli_answer *answer = NULL;
	const struct
	{
		const char *option;
		const char *value;
	} parts[] = {
		{" -h ", pq.PQhost(server->conn)},
		{" -p ", pq.PQport(server->conn)},
		{" -U ",
		 cli_server_is_superuser(server) ? pq.PQuser(server->conn)
										 : first_superuser(server, &answer)},
		{" -d ", pq.PQdb(server->conn)},
	};
	size_t i;

	if (server->is_bare)
		osp_buf_add_str(out, OSP_STR("env PGOPTIONS='" BARE_OPTIONS "' "));
	osp_buf_add_str(out, OSP_STR("psql -X -v ON_ERROR_STOP=1"));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i].value == NULL || parts[i].value[0] == '\0')
			continue;
		osp_buf_add_str(out, osp_str_of(parts[i].option));
		cli_add_quoted(out, osp_str_of(parts[i].value));
	}
	osp_buf_add_str(out,
					OSP_STR(" -c 'SET search_path = pg_catalog, pg_temp'"));
	cli_answer_free(answer);
}

/*
 * Appends the CONNINFO of the connection's database as a word for a shell, with
 * this user unless it is NULL.
 */
static void
add_place(const cli_server *server, const char *user, osp_buf *out)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	cli_conninfo_add(&text, "host", pq.PQhost(server->conn));
	cli_conninfo_add(&text, "port", pq.PQport(server->conn));
	cli_conninfo_add(&text, "dbname", pq.PQdb(server->conn));
	cli_conninfo_add(&text, "user", user);
	cli_add_quoted(out, osp_buf_str(&text));
	osp_buf_term(&text);
}

void
cli_server_add_place(const cli_server *server, osp_buf *out)
{
	add_place(server, NULL, out);
}

void
cli_server_add_superuser_place(cli_server *server, osp_buf *out)
{
	cli_answer *answer = NULL;

	add_place(server, first_superuser(server, &answer), out);
	cli_answer_free(answer);
}
