/* SPDX-License-Identifier: Apache-2.0
 *
 * web_head.c
 *	  Limits for the head of a request.
 */
#include "web/web_head.h"

#include <stdio.h>
#include <sys/socket.h>

/*
 * Limits for a request. For each argument and each header libmicrohttpd needs
 * less than 100 bytes besides its text. All together leave a third of
 * WEB_HEAD_MEMORY for the answer.
 */
#define ADDRESS_MAX   ((size_t) 16 * 1024)
#define ARGUMENTS_MAX 64
#define HEADERS_BYTES ((size_t) 32 * 1024)
#define HEADERS_MAX   100

char web_head_answered[1];
char web_head_cut[1];

/* Sends an answer on the socket, and closes it for sending, so that nothing follows. */
static void
answer_directly(struct MHD_Connection *connection, const char *status,
				const char *text)
{
	const union MHD_ConnectionInfo *info = web_mhd.get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char answer[512];
	int len = snprintf(answer,
					   sizeof(answer),
					   "HTTP/1.1 %s\r\n"
					   "Content-Type: text/plain; charset=utf-8\r\n"
					   "Content-Length: %zu\r\n"
					   "Cache-Control: no-store\r\n"
					   "X-Content-Type-Options: nosniff\r\n"
					   "Connection: close\r\n\r\n%s",
					   status,
					   strlen(text),
					   text);

	if (info == NULL)
		return;
	(void) send(
		info->connect_fd, answer, (size_t) len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void) shutdown(info->connect_fd, SHUT_WR);
}

/* Does the path of an address contain a NUL? */
static bool
has_nul(const char *address)
{
	const char *nul = strstr(address, "%00");
	const char *arguments = strchr(address, '?');

	return nul != NULL && (arguments == NULL || nul < arguments);
}

void *
web_head_address(void *ctx, const char *address,
				 struct MHD_Connection *connection)
{
	unsigned arguments = 1;
	const char *p;

	(void) ctx;
	for (p = address; *p != '\0' && arguments <= ARGUMENTS_MAX; p++)
		arguments += *p == '&';
	if (arguments <= ARGUMENTS_MAX && (size_t) (p - address) <= ADDRESS_MAX)
		return has_nul(address) ? web_head_cut : NULL;
	answer_directly(connection,
					"414 URI Too Long",
					"The address is too long, or has too many arguments.\n");
	return web_head_answered;
}

bool
web_head_refused(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = web_mhd.get_connection_info(
		connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	int count = web_mhd.get_connection_values(
		connection, MHD_HEADER_KIND | MHD_COOKIE_KIND, NULL, NULL);

	if (count <= HEADERS_MAX &&
		(info == NULL || info->header_size <= HEADERS_BYTES))
		return false;
	answer_directly(connection,
					"431 Request Header Fields Too Large",
					"The headers are too many, or too long.\n");
	return true;
}
