/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_sink.c
 *	  A receiver of OTLP that takes everything and keeps nothing, on a free port
 *	  of loopback, which it prints. Ends with its standard input.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static enum MHD_Result
take(void *ctx, struct MHD_Connection *connection, const char *path,
	 const char *method, const char *version, const char *data, size_t *size,
	 void **state)
{
	static int seen;
	struct MHD_Response *response;
	enum MHD_Result result;

	(void) ctx;
	(void) path;
	(void) method;
	(void) version;
	(void) data;
	if (*state == NULL || *size > 0)
	{
		*state = &seen;
		*size = 0;
		return MHD_YES;
	}
	response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

int
main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct MHD_Daemon *daemon;
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD,
							  0,
							  NULL,
							  NULL,
							  take,
							  NULL,
							  MHD_OPTION_SOCK_ADDR,
							  (struct sockaddr *) &address,
							  MHD_OPTION_CONNECTION_MEMORY_LIMIT,
							  (size_t) 1024 * 1024,
							  MHD_OPTION_END);
	if (daemon == NULL)
		return 1;
	(void) printf("%d\n",
				  MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	(void) fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(daemon);
	return 0;
}
