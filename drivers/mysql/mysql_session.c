/* SPDX-License-Identifier: Apache-2.0
 *
 * mysql_session.c
 *	  A session with a MariaDB or MySQL server.
 *
 * A call of the library that has to wait returns the events that it needs, and
 * is continued once they have happened. If our own wait fails, the socket is
 * shut down, so that the library's call ends at once and frees its memory.
 *
 * A host name is looked up by the system, and takes as long as the system
 * allows.
 */
#include "mysql_session.h"
#include "sqltable.h"

#include <errmsg.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define SAYS_MAX 150

/*
 * Methods of login that do not send the password in the clear. The server
 * cannot choose another one. Libraries before 3.3 have no such list; without
 * plug-ins they know no other method.
 */
#define LOGIN_METHODS \
	"mysql_native_password,client_ed25519,caching_sha2_password,sha256_password"
#define LIBRARY_WITH_METHODS 30300
#define NO_PLUGINS           "/nonexistent"

/* The space for a row besides its column data. */
#define ROW_EXTRA ((size_t) 64 * 1024)

#define TLS_VERSIONS "TLSv1.2,TLSv1.3"

/*
 * A value is stored unchanged or not at all, and each statement is a
 * transaction of its own.
 */
static const char session_mode[] =
	"SET SESSION sql_mode = 'STRICT_ALL_TABLES', autocommit = 1";

osp_status
osp__mysql_init(osp_mysql *mysql, const osp_driver_options *options,
				osp_error *err)
{
	const osp_mysql_settings *settings = &mysql->settings;
	osp_status status;

	memset(mysql, 0, sizeof(*mysql));
	mysql->alc = options->alc;
	mysql->memory_max =
		options->memory_max != 0 ? options->memory_max : OSP_DRIVER_MEMORY_MAX;
	osp__wait_init(&mysql->wait, options);
	status = osp__mysql_read_uri(&mysql->settings, options, err);
	if (status == OSP_OK && settings->unix_socket != NULL)
		(void) snprintf(mysql->where,
						sizeof(mysql->where),
						"mysql at %.100s",
						settings->unix_socket);
	else if (status == OSP_OK)
		(void) snprintf(mysql->where,
						sizeof(mysql->where),
						"mysql at %.80s:%u",
						settings->host,
						settings->port);
	return status;
}

/* Closes the session, with a message to the server if the session works. */
static void
close_session(osp_mysql *mysql)
{
	if (mysql->result != NULL)
		mysql_free_result(mysql->result);
	mysql->result = NULL;
	if (mysql->session != NULL)
		mysql_close(mysql->session);
	mysql->session = NULL;
}

static void
shut_down(osp_mysql *mysql)
{
	my_socket fd = mysql_get_socket(mysql->session);

	if (fd >= 0)
		(void) shutdown(fd, SHUT_RDWR);
}

void
osp__mysql_drop(osp_mysql *mysql)
{
	if (mysql->session != NULL)
		shut_down(mysql);
	close_session(mysql);
}

void
osp__mysql_term(osp_mysql *mysql)
{
	if (mysql->result != NULL)
		osp__mysql_drop(mysql);
	close_session(mysql);
	osp_free(mysql->alc, mysql->settings.storage);
}

/* ---- waiting and failures ---- */

/*
 * Waits for the events that a call of the library needs, and returns those that
 * happened.
 */
static int
wait_for(osp_mysql *mysql, int events)
{
	short polled = (short) ((events & MYSQL_WAIT_READ ? POLLIN : 0) |
							(events & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
							(events & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));

	if (mysql->waited == OSP_OK)
		mysql->waited = osp__wait_check(&mysql->wait);
	if (mysql->waited == OSP_OK)
		mysql->waited = osp__wait_fd(
			&mysql->wait, mysql_get_socket(mysql->session), polled);
	if (mysql->waited == OSP_OK)
		return events & ~MYSQL_WAIT_TIMEOUT;
	shut_down(mysql);
	return MYSQL_WAIT_TIMEOUT;
}

/* Stores the first line of the library's or server's message in err. */
static osp_status
says(osp_mysql *mysql, osp_status status, osp_error *err)
{
	const char *text = mysql_error(mysql->session);
	size_t len = strcspn(text, "\n");

	return osp_error_set(err,
						 status,
						 "%.80s: %.*s",
						 mysql->where,
						 (int) (len < SAYS_MAX ? len : SAYS_MAX),
						 text);
}

/* Drops the session, which is lost, and reports why. */
static osp_status
lost(osp_mysql *mysql, osp_error *err)
{
	osp_status status = mysql->waited;

	if (status == OSP_OK)
		status = says(mysql, OSP_EUNAVAIL, err);
	else
		(void) osp_error_set(err,
							 status,
							 status == OSP_EINTR
								 ? "interrupted while waiting for %s"
								 : "%s does not answer within the time it has",
							 mysql->where);
	osp__mysql_drop(mysql);
	return status;
}

/*
 * Handles the failure of a statement: refused by the server, or with the
 * session lost.
 */
static osp_status
failed(osp_mysql *mysql, osp_error *err)
{
	unsigned code = mysql_errno(mysql->session);

	mysql->code = code;
	if (mysql->waited != OSP_OK || code == 0 || IS_MYSQL_ERROR(code) ||
		IS_MARIADB_ERROR(code))
		return lost(mysql, err);
	return says(mysql, OSP_EREFUSED, err);
}

osp_status
osp__mysql_refused(osp_mysql *mysql, osp_status status, osp_error *err)
{
	if (status != OSP_EREFUSED)
		return status;
	if (err != NULL)
		err->code = OSP_EUNAVAIL;
	osp__mysql_drop(mysql);
	return OSP_EUNAVAIL;
}

/* ---- connecting ---- */

static void
set_options(MYSQL *session, const osp_mysql_settings *settings,
			size_t memory_max)
{
	const unsigned protocol = settings->unix_socket != NULL
								  ? MYSQL_PROTOCOL_SOCKET
								  : MYSQL_PROTOCOL_TCP;
	const size_t packet_max = memory_max + ROW_EXTRA;
	const unsigned no_files = 0;
	const my_bool on = 1;

	(void) mysql_options(session, MYSQL_OPT_NONBLOCK, NULL);
	(void) mysql_options(session, MYSQL_OPT_PROTOCOL, &protocol);
	(void) mysql_options(session, MYSQL_OPT_LOCAL_INFILE, &no_files);
	(void) mysql_options(session, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
	(void) mysql_options(session, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	(void) mysql_options(session, MYSQL_INIT_COMMAND, session_mode);
#if MARIADB_PACKAGE_VERSION_ID >= LIBRARY_WITH_METHODS
	(void) mysql_options(session, MARIADB_OPT_RESTRICTED_AUTH, LOGIN_METHODS);
#else
	(void) mysql_options(session, MYSQL_PLUGIN_DIR, NO_PLUGINS);
#endif
	if (!settings->tls)
		return;
	(void) mysql_options(session, MYSQL_OPT_SSL_ENFORCE, &on);
	(void) mysql_options(session, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
	(void) mysql_options(session, MARIADB_OPT_TLS_VERSION, TLS_VERSIONS);
	(void) mysql_ssl_set(session,
						 settings->key_file,
						 settings->cert_file,
						 settings->ca_file,
						 NULL,
						 NULL);
}

static osp_status
connect_session(osp_mysql *mysql, osp_error *err)
{
	const osp_mysql_settings *settings = &mysql->settings;

	/* The client library ignores unix_socket if a host other than localhost is given. */
	const char *host = settings->unix_socket != NULL ? NULL : settings->host;
	MYSQL *connected = NULL;
	int events;

	mysql->session = mysql_init(NULL);
	if (mysql->session == NULL)
		return osp_error_set(err, OSP_ENOMEM, "mysql: out of memory");
	set_options(mysql->session, settings, mysql->memory_max);
	mysql->sessions++;
	events = mysql_real_connect_start(&connected,
									  mysql->session,
									  host,
									  settings->user,
									  settings->password,
									  settings->database,
									  settings->port,
									  settings->unix_socket,
									  0);
	while (events != 0)
		events = mysql_real_connect_cont(
			&connected, mysql->session, wait_for(mysql, events));
	if (connected == NULL)
		return lost(mysql, err);
	(void) fcntl(mysql_get_socket(mysql->session), F_SETFD, FD_CLOEXEC);
	return OSP_OK;
}

/*
 * Does the session work? A server sends nothing unasked, except that it closes
 * the session.
 */
static bool
is_in_order(osp_mysql *mysql)
{
	struct pollfd polled = {-1, POLLIN, 0};

	if (mysql->session == NULL || mysql->result != NULL)
		return false;
	polled.fd = mysql_get_socket(mysql->session);
	return poll(&polled, 1, 0) == 0;
}

osp_status
osp__mysql_begin_call(osp_mysql *mysql, osp_error *err)
{
	osp__wait_begin(&mysql->wait);
	mysql->waited = OSP_OK;
	mysql->code = 0;
	if (is_in_order(mysql))
		return OSP_OK;
	osp__mysql_drop(mysql);
	return connect_session(mysql, err);
}

/* ---- statements ---- */

osp_status
osp__mysql_query(osp_mysql *mysql, osp_str statement, osp_error *err)
{
	int result = 1;
	int events = mysql_real_query_start(
		&result, mysql->session, statement.ptr, statement.len);

	while (events != 0)
		events = mysql_real_query_cont(
			&result, mysql->session, wait_for(mysql, events));
	if (result != 0)
		return failed(mysql, err);
	mysql->result = mysql_use_result(mysql->session);
	return mysql->result != NULL || mysql_field_count(mysql->session) == 0
			   ? OSP_OK
			   : failed(mysql, err);
}

/* Finds out why there is no row: none is left, or it could not be read. */
static osp_status
no_row(osp_mysql *mysql, osp_error *err)
{
	if (mysql_errno(mysql->session) != 0 || mysql->waited != OSP_OK)
		return failed(mysql, err);
	mysql_free_result(mysql->result);
	mysql->result = NULL;
	return OSP_ENOENT;
}

osp_status
osp__mysql_row(osp_mysql *mysql, osp_str *columns, unsigned count,
			   osp_error *err)
{
	const unsigned long *lengths;
	MYSQL_ROW row = NULL;
	unsigned i;
	int events = mysql_fetch_row_start(&row, mysql->result);

	while (events != 0)
		events =
			mysql_fetch_row_cont(&row, mysql->result, wait_for(mysql, events));
	if (row == NULL)
		return no_row(mysql, err);
	lengths = mysql_fetch_lengths(mysql->result);
	for (i = 0; i < count; i++)
		columns[i] = osp__table_column(row[i], lengths[i]);
	return OSP_OK;
}
