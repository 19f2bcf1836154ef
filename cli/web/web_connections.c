/* SPDX-License-Identifier: Apache-2.0
 *
 * web_connections.c
 *	  The connections of browsers, and how long each may take.
 *
 * A connection that takes too long is shut down, not closed: libmicrohttpd, whose
 * descriptor it is, then reads its end and closes it.
 */
#include "web/web_connections.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "record/clock.h"

#define NS_PER_S INT64_C(1000000000)

/*
 * How long a browser may take for the head of a request, and how long the
 * answer may take: the collector's part, and sending a large trace through a
 * slow tunnel.
 */
#define ASK_S    10
#define ANSWER_S 600

typedef struct web_connection
{
	int fd;
	bool answers;
	int64_t since_ns;
	struct web_connection *next;
} web_connection;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static web_connection *connections;

static void
add_connection(struct MHD_Connection *connection, void **state)
{
	const union MHD_ConnectionInfo *info = web_mhd.get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	web_connection *added = calloc(1, sizeof(*added));

	/* If there is no memory, only libmicrohttpd limits the time of this
	 * connection. */
	if (added == NULL || info == NULL)
	{
		free(added);
		return;
	}
	added->fd = info->connect_fd;
	added->since_ns = osp_mono_now();
	*state = added;
	(void) pthread_mutex_lock(&lock);
	added->next = connections;
	connections = added;
	(void) pthread_mutex_unlock(&lock);
}

static void
remove_connection(web_connection *gone)
{
	web_connection **at;

	(void) pthread_mutex_lock(&lock);
	for (at = &connections; *at != NULL && *at != gone; at = &(*at)->next)
		;
	if (*at != NULL)
		*at = gone->next;
	(void) pthread_mutex_unlock(&lock);
	free(gone);
}

void
web_connection_changed(void *ctx, struct MHD_Connection *connection,
					   void **state, enum MHD_ConnectionNotificationCode code)
{
	(void) ctx;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		add_connection(connection, state);
	else if (*state != NULL)
		remove_connection((web_connection *) *state);
}

/* Notes that a connection now answers, or waits for the next request. */
static void
turn(struct MHD_Connection *connection, bool answers)
{
	const union MHD_ConnectionInfo *info = web_mhd.get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	web_connection *turned =
		info != NULL ? (web_connection *) info->socket_context : NULL;

	if (turned == NULL)
		return;
	(void) pthread_mutex_lock(&lock);
	turned->answers = answers;
	turned->since_ns = osp_mono_now();
	(void) pthread_mutex_unlock(&lock);
}

void
web_connection_asked(struct MHD_Connection *connection)
{
	turn(connection, true);
}

void
web_connection_answered(void *ctx, struct MHD_Connection *connection,
						void **request, enum MHD_RequestTerminationCode code)
{
	(void) ctx;
	(void) request;
	(void) code;
	turn(connection, false);
}

void
web_connections_sweep(void)
{
	int64_t now = osp_mono_now();
	web_connection *c;

	(void) pthread_mutex_lock(&lock);
	for (c = connections; c != NULL; c = c->next)
		if (now - c->since_ns > (c->answers ? ANSWER_S : ASK_S) * NS_PER_S)
			(void) shutdown(c->fd, SHUT_RDWR);
	(void) pthread_mutex_unlock(&lock);
}
