/* SPDX-License-Identifier: Apache-2.0
 *
 * server_connection.c
 *	  Connects to a PostgreSQL server, for root also as the users whom it may let in.
 */
#include "server/server_state.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/clock.h"

static bool stays_self; /* see cli_server_stay_self() */

/* A server, and one of its databases; NULL: the database that conninfo names. */
typedef struct server_place
{
	const char *conninfo;
	const char *database;
	bool is_bare;                   /* preload no library that settings name */
	bool (*interrupted)(void *ctx); /* ends the attempt; may be NULL */
} server_place;

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

	while (cli_pq.PQstatus(server->conn) != CONNECTION_BAD &&
		   state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED)
	{
		struct pollfd polled = {cli_pq.PQsocket(server->conn),
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
			state = cli_pq.PQconnectPoll(server->conn);
	}
}

/* Connects with these settings, or only begins to. If the server has an interrupted(),
 * that can end the attempt. */
static void
connect_with(cli_server *server, const char *const *keywords,
			 const char *const *values, bool begin_only)
{
	if (begin_only)
	{
		server->conn = cli_pq.PQconnectStartParams(keywords, values, 1);
		return;
	}
	if (server->interrupted == NULL)
	{
		server->conn = cli_pq.PQconnectdbParams(keywords, values, 1);
		return;
	}
	server->conn = cli_pq.PQconnectStartParams(keywords, values, 1);
	if (server->conn != NULL)
		await_connection(server);
}

/*
 * Tries to connect, or only begins to, so that the server is not told a name yet.
 * Returned owned, also if the server refuses; NULL: no memory.
 */
static cli_server *
connect_or_begin(const server_place *place, bool begin_only)
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
		connect_with(server, keywords, values, begin_only);
	}
	if (server == NULL || server->conn != NULL)
		return server;
	free(server);
	return NULL;
}

static cli_server *
try_to_connect(const server_place *place)
{
	return connect_or_begin(place, false);
}

static bool
is_connected(const cli_server *server)
{
	return server != NULL && cli_pq.PQstatus(server->conn) == CONNECTION_OK;
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
		!cli_find_socket(server, path))
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
	return cli_pq.PQsocket(server->conn) >= 0;
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
	status = cli_set_message(err,
							 answered ? OSP_EREFUSED : OSP_EUNAVAIL,
							 cli_pq.PQerrorMessage(server->conn));
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
	osp_status status = cli_load_libpq(err);

	return status == OSP_OK ? cli_check_conninfo(conninfo, err) : status;
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

/*
 * Does the server say why it refuses the connection of a user whom it would let in? Its
 * messages may be in another language; then the cause counts as unknown.
 */
static bool
knows_user(const cli_server *server)
{
	static const char *const causes[] = {
		"FATAL:  database \"",
		"FATAL:  could not access file \"",
		"FATAL:  could not load library \"",
		"FATAL:  permission denied for database",
		"FATAL:  the database system is ",
		"FATAL:  sorry, too many clients",
		"FATAL:  remaining connection slots",
		"FATAL:  too many connections for",
	};
	const char *message =
		server != NULL ? cli_pq.PQerrorMessage(server->conn) : "";
	size_t i = 0;

	while (i < sizeof(causes) / sizeof(causes[0]) &&
		   strstr(message, causes[i]) == NULL)
		i++;
	return i < sizeof(causes) / sizeof(causes[0]);
}

/*
 * Connects as this user of the host. Replaces *server, which may be NULL, if that
 * succeeds, or if the server lets this user in and says why it cannot be used. Then it
 * returns true.
 */
static bool
connect_as(const cli_user *user, const server_place *place, cli_server **server)
{
	cli_server *other;

	if (!cli_act_as(user))
		return false;
	other = try_to_connect(place);
	cli_act_as_root();
	if (!is_connected(other) && !knows_user(other))
	{
		cli_server_close(other);
		return false;
	}
	cli_server_close(*server);
	*server = other;
	other->has_login = true;
	other->login = *user;
	return true;
}

/* After root was refused, tries the users whom the server may let in. */
static void
connect_as_others(const server_place *place, cli_server **server)
{
	char name[CLI_USER_NAME_MAX];
	cli_user user;
	uid_t uid;

	if (cli_user_named(cli_pq.PQuser((*server)->conn), &user) &&
		user.uid != 0 && connect_as(&user, place, server))
		return;
	if (cli_server_owner(*server, &uid, name, sizeof(name)) && uid != 0 &&
		cli_user_numbered(uid, &user))
		(void) connect_as(&user, place, server);
}

/*
 * Finds the user of this host whom the server most likely lets in by a Unix socket: the
 * one of the name that the connection string demands, else the socket's owner. False:
 * there is none but root.
 */
static bool
find_likely_user(const server_place *place, cli_user *user)
{
	cli_server *begun = connect_or_begin(place, true);
	char name[CLI_USER_NAME_MAX];
	bool found = false;
	uid_t owner;

	if (begun != NULL && cli_pq.PQstatus(begun->conn) != CONNECTION_BAD &&
		cli_server_owner(begun, &owner, name, sizeof(name)))
		found = (cli_user_named(cli_pq.PQuser(begun->conn), user) &&
				 user->uid != 0) ||
				(owner != 0 && cli_user_numbered(owner, user));
	cli_server_close(begun);
	return found;
}

/*
 * Connects as root or as a user whom the server may let in. The likely one is tried
 * first, since each attempt that is refused leaves a line in the server's log.
 */
static cli_server *
connect_as_any(const server_place *place)
{
	cli_server *server = NULL;
	cli_user likely;

	if (cli_conninfo_has_socket(place->conninfo) &&
		find_likely_user(place, &likely) && connect_as(&likely, place, &server))
		return server;
	server = try_to_connect(place);
	if (server != NULL && !is_connected(server))
		connect_as_others(place, &server);
	return server;
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
	server = connect_as_any(place);
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

void
cli_server_close(cli_server *server)
{
	if (server == NULL)
		return;
	if (server->conn != NULL)
		cli_pq.PQfinish(server->conn);
	free(server);
}
