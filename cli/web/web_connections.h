/* SPDX-License-Identifier: Apache-2.0
 *
 * web_connections.h
 *	  The connections of browsers, and how long each may take.
 *
 * libmicrohttpd ends a connection on which nothing happens. One on which a byte comes
 * now and then would live for ever, and keep others out: there are only so many.
 */
#ifndef OSPROFILER_CLI_WEB_CONNECTIONS_H
#define OSPROFILER_CLI_WEB_CONNECTIONS_H

#include "web/web_library.h"

#include "osprofiler/base.h"

/* At once. */
#define WEB_CONNECTIONS_MAX 64

/* Without a byte. */
#define WEB_IDLE_S 10

/* An MHD_NotifyConnectionCallback: keeps account of connections. */
void web_connection_changed(void *ctx, struct MHD_Connection *connection,
							void **state,
							enum MHD_ConnectionNotificationCode code);

/* The head of a request has come. */
void web_connection_asked(struct MHD_Connection *connection);

/* An MHD_RequestCompletedCallback: the answer has been sent. */
void web_connection_answered(void *ctx, struct MHD_Connection *connection,
							 void **request,
							 enum MHD_RequestTerminationCode code);

/* Ends those that take too long: to ask, or to read the answer. */
void web_connections_sweep(void);

#endif /* OSPROFILER_CLI_WEB_CONNECTIONS_H */
