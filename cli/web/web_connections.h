/* SPDX-License-Identifier: Apache-2.0
 *
 * web_connections.h
 *	  The connections of browsers, and how long each may take.
 *
 * libmicrohttpd ends an idle connection. But one that sends a byte now and then
 * would last for ever, and keep others out, since the number of connections is
 * limited.
 */
#ifndef OSPROFILER_CLI_WEB_CONNECTIONS_H
#define OSPROFILER_CLI_WEB_CONNECTIONS_H

#include "web/web_library.h"

#include "osprofiler/base.h"

/* How many connections there may be at the same time. */
#define WEB_CONNECTIONS_MAX 64

/* After how many seconds without a byte libmicrohttpd ends a connection. */
#define WEB_IDLE_S 10

/* Notes that a connection begins or ends; an MHD_NotifyConnectionCallback. */
void web_connection_changed(void *ctx, struct MHD_Connection *connection,
							void **state,
							enum MHD_ConnectionNotificationCode code);

/* Notes that the head of a request has arrived. */
void web_connection_asked(struct MHD_Connection *connection);

/* Notes that the answer has been sent; an MHD_RequestCompletedCallback. */
void web_connection_answered(void *ctx, struct MHD_Connection *connection,
							 void **request,
							 enum MHD_RequestTerminationCode code);

/* Shuts down connections that take too long, to ask or to read the answer. */
void web_connections_sweep(void);

#endif /* OSPROFILER_CLI_WEB_CONNECTIONS_H */
