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
 * otherwise. Returned owned. OSP_ENOENT: there is no libpq; OSP_EINVAL: conninfo cannot
 * be read, in words that quote nothing of it; OSP_EUNAVAIL: no server answers;
 * OSP_EREFUSED: one does, and lets nobody in. Both with the words of libpq, in one line.
 */
osp_status cli_server_open(const char *conninfo, cli_server **out,
						   osp_error *err) OSP_MUST_CHECK;

/*
 * The same, for a command that root may call. If the server does not let root in, it is
 * tried again as the user of this host who has the role's name, then as the user as whom
 * the server runs. Whoever this process acts as stays that.
 */
osp_status cli_server_open_for_root(const char *conninfo, cli_server **out,
									osp_error *err) OSP_MUST_CHECK;

/* The same, as a superuser, to a server that lets nobody in, for its settings name a library
 * that is gone: the session has none of the libraries of session_preload_libraries and
 * local_preload_libraries, nor has psql of cli_server_add_psql. */
osp_status cli_server_open_bare(const char *conninfo, cli_server **out,
								osp_error *err) OSP_MUST_CHECK;

/* As cli_server_open_for_root, to another database of that server. */
osp_status cli_server_open_database(const char *conninfo, const char *database,
									cli_server **out,
									osp_error *err) OSP_MUST_CHECK;

/* A process with threads acts as nobody else: cli_server_open_for_root is then as
 * cli_server_open. */
void cli_server_stay_self(void);

/* The user as whom root was let in by cli_server_open_for_root. NULL: the connection is
 * that of the process's own user. */
const cli_user *cli_server_login(const cli_server *server);

/* The name of a server in messages and pages, as a CONNINFO with "***" for secrets, cut
 * to size. Messages never show the conninfo itself. */
#define CLI_SERVER_NAME_MAX 256
void cli_server_name(const char *conninfo, char *out, size_t size);

/* Is this a name of this host, or a directory of sockets? */
bool cli_host_is_local(const char *host);

/* Is the server on this host? */
bool cli_server_is_local(const cli_server *server);

/* NULL is fine. */
void cli_server_close(cli_server *server);

/* Has an answer given up when interrupted() says so (OSP_EINTR), or when it takes longer
 * than deadline_ms (OSP_EUNAVAIL; 0: any time). Every other statement of the connection
 * then fails in the same way. */
void cli_server_bound(cli_server *server, bool (*interrupted)(void *ctx),
					  unsigned deadline_ms);

/*
 * Executes a statement with count text parameters. The answer is returned owned,
 * NULL after a failure: then err has the message, and cli_server_sqlstate() the
 * code.
 *
 * The names in it that no schema qualifies are PostgreSQL's own: whoever owns the
 * database may have given others to functions and operators, and a search path to the
 * database, and they would be executed with the rights of this user.
 *
 * Each statement is a transaction, and whatever is set is set for that alone. What is
 * set for a session would stay in a connection which a pooler gives to others later.
 */
osp_status cli_server_ask(cli_server *server, const char *sql, int count,
						  const char *const *params, cli_answer **answer,
						  osp_error *err) OSP_MUST_CHECK;

/* The statements until cli_server_commit are one transaction: what one of them sets for
 * the transaction, or knows of its session, holds for the others. With the first one that
 * fails it has ended. */
osp_status cli_server_begin(cli_server *server, osp_error *err) OSP_MUST_CHECK;
osp_status cli_server_commit(cli_server *server, osp_error *err) OSP_MUST_CHECK;

/* The server is to trace nothing of what is asked from now on. */
void cli_server_untraced(cli_server *server);

/* Of the last failure, "42501"; empty: the server sent none. Borrowed until the
 * next statement. */
const char *cli_server_sqlstate(const cli_server *server);

/* Adds to the message of the last failure, of a statement with objects of the extension,
 * what is missing: the extension, or the right. */
void cli_server_explain(const cli_server *server, osp_error *err);

int cli_answer_rows(const cli_answer *answer);

/* A value as text, borrowed; NULL: SQL's null. */
const char *cli_answer_value(const cli_answer *answer, int row, int column);

/* NULL is fine. */
void cli_answer_free(cli_answer *answer);

/* May the user of this connection do everything? */
bool cli_server_is_superuser(const cli_server *server) OSP_MUST_CHECK;

/* The user of the operating system as whom the server runs, by the owner of its Unix
 * socket. False: it is not connected by one. */
bool cli_server_owner(const cli_server *server, uid_t *uid, char *name,
					  size_t size) OSP_MUST_CHECK;

/* The ports of other servers of this host, by their sockets beside that of the connection,
 * in order. Returns their number; 0 also if it is not connected by one. */
size_t cli_server_other_ports(const cli_server *server,
							  long ports[CLI_PORTS_MAX]);

/* Appends a CONNINFO, as one word of a shell, of the same database as whoever runs
 * the command. */
void cli_server_add_place(const cli_server *server, osp_buf *out);

/* The same, with the superuser that initdb made. */
void cli_server_add_superuser_place(cli_server *server, osp_buf *out);

/* Appends a call of psql for a shell, which connects to the same database as a
 * superuser: as the same user if that is one, else as the one that initdb made.
 * Without a password. It ends with the first statement that fails. */
void cli_server_add_psql(cli_server *server, osp_buf *out);

#endif /* OSPROFILER_CLI_SERVER_CONNECTION_H */
