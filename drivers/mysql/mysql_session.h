/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_session.h
 *	  A session with a MariaDB or MySQL server, which is made again after a
 *	  failure. It uses libmariadb's non-blocking calls, which never wait
 *	  themselves.
 */
#ifndef OSP_MYSQL_SESSION_H
#define OSP_MYSQL_SESSION_H

#include <mysql.h>

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "wait.h"

/* The settings of the connection string. Texts are terminated; NULL: not given. */
typedef struct osp_mysql_settings
{
	char *storage; /* for the texts */
	const char *host;
	unsigned port;
	const char *user;
	const char *password;
	const char *database;
	const char *unix_socket;
	bool tls;
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
} osp_mysql_settings;

typedef struct osp_mysql
{
	osp_mysql_settings settings;
	const osp_allocator *alc;
	osp_wait wait;
	size_t memory_max;
	MYSQL *session;    /* NULL: there is no session */
	MYSQL_RES *result; /* of the present statement */
	uint64_t sessions; /* number of sessions, including this one */
	osp_status waited; /* why waiting in the present call failed */
	unsigned code;     /* of the server's last error */
	char where[128];   /* "mysql at HOST:PORT" */
} osp_mysql;

/* Reads the connection string, without connecting. OSP_EINVAL, OSP_ENOMEM. */
osp_status osp__mysql_init(osp_mysql *mysql, const osp_driver_options *options,
						   osp_error *err) OSP_MUST_CHECK;
void osp__mysql_term(osp_mysql *mysql);

/*
 * Begins a call of the driver: makes a session unless there is a working one.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM. After one of these errors, in this call
 * or one of those below, the session is dropped.
 */
osp_status osp__mysql_begin_call(osp_mysql *mysql,
								 osp_error *err) OSP_MUST_CHECK;

/* Ends the session without a message to the server. */
void osp__mysql_drop(osp_mysql *mysql);

/*
 * Runs a statement. Its rows, if it has any, are read by osp__mysql_row(), up
 * to the end. OSP_EREFUSED: the server refused the statement, see code; the
 * session remains.
 */
osp_status osp__mysql_query(osp_mysql *mysql, osp_str statement,
							osp_error *err) OSP_MUST_CHECK;

/*
 * Reads the next row, borrowed until the next call; columns that are NULL have
 * a NULL ptr. OSP_ENOENT, without a message: there is none. OSP_EREFUSED as for
 * osp__mysql_query(). A row longer than memory_max counts as a lost connection.
 */
osp_status osp__mysql_row(osp_mysql *mysql, osp_str *columns, unsigned count,
						  osp_error *err) OSP_MUST_CHECK;

/*
 * Turns a refusal of the server into OSP_EUNAVAIL with its message and drops
 * the session, which ends a call of the driver. Other results stay the same.
 */
osp_status osp__mysql_refused(osp_mysql *mysql, osp_status status,
							  osp_error *err);

/* ---- mysql_uri.c ---- */

/* Reads mysql[+driver]://[user[:password]@][host][:port]/database[?...]. */
osp_status osp__mysql_read_uri(osp_mysql_settings *settings,
							   const osp_driver_options *options,
							   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_MYSQL_SESSION_H */
