/* SPDX-License-Identifier: Apache-2.0
 *
 * server_connection.h
 *	  A connection to a PostgreSQL server, for the commands that ask one.
 *
 * libpq is loaded when it is needed: most commands need none, and an installation
 * for SQLite alone has none.
 */
#ifndef OSPROFILER_CLI_SERVER_CONNECTION_H
#define OSPROFILER_CLI_SERVER_CONNECTION_H

#include <sys/types.h>

#include "as_user.h"
#include "osprofiler/buf.h"
#include "server/other_ports.h"

typedef struct cli_server cli_server;
typedef struct cli_answer cli_answer; /* the rows of one statement */

/*
 * Connects, with libpq's rules for what conninfo leaves out; it may be empty, a
 * list of key=value, or a URI. Waits at most five seconds unless conninfo says
 * otherwise. Returned owned. OSP_ENOENT: there is no libpq; OSP_EINVAL:
 * conninfo cannot be parsed, and the message quotes nothing of it;
 * OSP_EUNAVAIL: no server answers; OSP_EREFUSED: a server answers, but refuses
 * the connection. The last two have libpq's message, in one line.
 */
osp_status cli_server_open(const char *conninfo, cli_server **out,
						   osp_error *err) OSP_MUST_CHECK;

/*
 * Connects as cli_server_open does, bound as by cli_server_bound(): interrupted() also
 * ends the wait for the connection.
 */
osp_status cli_server_open_bound(const char *conninfo,
								 bool (*interrupted)(void *ctx),
								 unsigned deadline_ms, cli_server **out,
								 osp_error *err) OSP_MUST_CHECK;

/*
 * Connects as cli_server_open does, for a command that root may call. By a Unix socket
 * root connects as the user of this host with the name that conninfo demands, else as
 * the system user of the server. If the server refuses that user, and by TCP, it is
 * tried as root, then as these users. So usually no refused attempt is left in the
 * server's log. If a user is let in, but not to this database, that is the message.
 * Afterwards this process acts as the same user as before.
 */
osp_status cli_server_open_for_root(const char *conninfo, cli_server **out,
									osp_error *err) OSP_MUST_CHECK;

/*
 * Connects as cli_server_open_for_root does, as a superuser, to a server that
 * refuses every session since its settings name a missing library. The session,
 * and the psql of cli_server_add_psql, load none of session_preload_libraries
 * and local_preload_libraries.
 */
osp_status cli_server_open_bare(const char *conninfo, cli_server **out,
								osp_error *err) OSP_MUST_CHECK;

/* Connects as cli_server_open_for_root does, but to another database of the server. */
osp_status cli_server_open_database(const char *conninfo, const char *database,
									cli_server **out,
									osp_error *err) OSP_MUST_CHECK;

/*
 * Makes cli_server_open_for_root connect only as this process's own user, as
 * cli_server_open does. A process with threads cannot act as another user.
 */
void cli_server_stay_self(void);

/*
 * The user as whom cli_server_open_for_root connected for root. NULL: it
 * connected as the process's own user.
 */
const cli_user *cli_server_login(const cli_server *server);

/* The name of a server in messages and pages, as a CONNINFO with "***" for secrets, cut
 * to size. Messages never show the conninfo itself. */
#define CLI_SERVER_NAME_MAX 256
void cli_server_name(const char *conninfo, char *out, size_t size);

/* Is this a name of this host, or a directory for sockets? */
bool cli_host_is_local(const char *host);

/* Is the server on this host? */
bool cli_server_is_local(const cli_server *server);

/* Closes a connection, which may be NULL. */
void cli_server_close(cli_server *server);

/*
 * Limits the wait for an answer. It ends when interrupted() returns true
 * (OSP_EINTR), or after deadline_ms (OSP_EUNAVAIL; 0: no limit). Every later
 * statement of the connection then fails in the same way.
 */
void cli_server_bound(cli_server *server, bool (*interrupted)(void *ctx),
					  unsigned deadline_ms);

/*
 * Executes a statement with count text parameters. The answer is returned
 * owned. It is NULL after a failure; then err has the message, and
 * cli_server_sqlstate() the code.
 *
 * Names without a schema mean PostgreSQL's own objects: the search path is set
 * for the statement. Otherwise the owner of the database could have his own
 * functions and operators executed with the rights of this user.
 *
 * Each statement is a transaction, and settings last only for that. A setting
 * of the session would stay in a connection that a pooler gives to others
 * later.
 */
osp_status cli_server_ask(cli_server *server, const char *sql, int count,
						  const char *const *params, cli_answer **answer,
						  osp_error *err) OSP_MUST_CHECK;

/*
 * Begin and end a transaction of several statements. A setting that one of them
 * makes for the transaction, or a fact that it learns about the session, is
 * valid for the others. The first statement that fails ends the transaction.
 */
osp_status cli_server_begin(cli_server *server, osp_error *err) OSP_MUST_CHECK;
osp_status cli_server_commit(cli_server *server, osp_error *err) OSP_MUST_CHECK;

/* Has the server trace nothing that is asked from now on. */
void cli_server_untraced(cli_server *server);

/*
 * The SQLSTATE of the last failure, such as "42501"; empty: the server sent
 * none. Borrowed until the next statement.
 */
const char *cli_server_sqlstate(const cli_server *server);

/*
 * Appends to the message of the last failure what is missing, if the statement
 * used objects of the extension: the extension, or a right.
 */
void cli_server_explain(const cli_server *server, osp_error *err);

int cli_answer_rows(const cli_answer *answer);

/* A value as text, borrowed; NULL: SQL's null. */
const char *cli_answer_value(const cli_answer *answer, int row, int column);

/* Frees an answer, which may be NULL. */
void cli_answer_free(cli_answer *answer);

/* Is the role of this connection a superuser? */
bool cli_server_is_superuser(const cli_server *server) OSP_MUST_CHECK;

/*
 * Finds the system user of the server, who owns its Unix socket. False: the
 * connection does not use one.
 */
bool cli_server_owner(const cli_server *server, uid_t *uid, char *name,
					  size_t size) OSP_MUST_CHECK;

/*
 * Lists the ports of other servers whose sockets are in the same directory as
 * the connection's, in order. Returns their number, which is 0 also if the
 * connection does not use a socket.
 */
size_t cli_server_other_ports(const cli_server *server,
							  long ports[CLI_PORTS_MAX]);

/* Appends a CONNINFO of the same database, without a user, as one word for a shell. */
void cli_server_add_place(const cli_server *server, osp_buf *out);

/*
 * Appends a CONNINFO of the same database with the superuser that initdb made,
 * as one word for a shell.
 */
void cli_server_add_superuser_place(cli_server *server, osp_buf *out);

/*
 * Appends a call of psql for a shell, without a password, which connects to the
 * same database as a superuser: as the user of this connection if that is one,
 * else as the one that initdb made. psql ends with the first statement that
 * fails.
 */
void cli_server_add_psql(cli_server *server, osp_buf *out);

#endif /* OSPROFILER_CLI_SERVER_CONNECTION_H */
