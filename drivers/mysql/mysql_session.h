/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_session.h
 *	  A session with a MariaDB or MySQL server that makes itself again after a
 *	  failure, by libmariadb's non-blocking calls, which never wait by themselves.
 */
#ifndef OSP_MYSQL_SESSION_H
#define OSP_MYSQL_SESSION_H

#include <mysql.h>

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "wait.h"

/* What the connection string says. Texts are terminated; NULL: not given. */
typedef struct osp_mysql_settings
{
	char *storage; /* of the texts */
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
	MYSQL *session;    /* NULL: there is none */
	MYSQL_RES *result; /* of the statement under way */
	uint64_t sessions; /* so many there have been, with this one */
	osp_status waited; /* why waiting in the call under way has failed */
	unsigned code;     /* of the error that the server gave last */
	char where[128];   /* "mysql at HOST:PORT" */
} osp_mysql;

/* Reads the connection string, without connecting. OSP_EINVAL, OSP_ENOMEM. */
osp_status osp__mysql_init(osp_mysql *mysql, const osp_driver_options *options,
						   osp_error *err) OSP_MUST_CHECK;
void osp__mysql_term(osp_mysql *mysql);

/* A call of the driver begins: makes a session unless there is one in order.
 * OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM, as of all calls below; these drop it. */
osp_status osp__mysql_begin_call(osp_mysql *mysql,
								 osp_error *err) OSP_MUST_CHECK;

/* Ends the session without a word to the server. */
void osp__mysql_drop(osp_mysql *mysql);

/*
 * Runs a statement. Its rows, if it has any, come by osp__mysql_row() and have to
 * be read to the end. OSP_EREFUSED: the server refused it, see code; the session
 * goes on.
 */
osp_status osp__mysql_query(osp_mysql *mysql, osp_str statement,
							osp_error *err) OSP_MUST_CHECK;

/* The next row, borrowed until the next one; columns that are NULL have no ptr.
 * OSP_ENOENT, without a message: there is none. OSP_EREFUSED as above. A row that
 * is longer than memory_max is a lost connection. */
osp_status osp__mysql_row(osp_mysql *mysql, osp_str *columns, unsigned count,
						  osp_error *err) OSP_MUST_CHECK;

/* What the server refused ends the call: OSP_EUNAVAIL with its message in err. */
osp_status osp__mysql_refused(osp_mysql *mysql, osp_status status,
							  osp_error *err);

/* ---- mysql_uri.c ---- */

/* Reads mysql[+driver]://[user[:password]@][host][:port]/database[?...]. */
osp_status osp__mysql_read_uri(osp_mysql_settings *settings,
							   const osp_driver_options *options,
							   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_MYSQL_SESSION_H */
