/* SPDX-License-Identifier: Apache-2.0
 *
 * http_sink.c
 *	  A server that accepts every request and stores nothing. It stands in for a
 *	  receiver of OTLP and, for _bulk, for an Elasticsearch. It listens on a free port
 *	  of loopback, which it prints, and ends when its standard input is closed.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREATED "{\"create\":{\"status\":201}},"

/* A request that is being received. */
typedef struct request
{
	size_t lines;
} request;

static size_t
count_lines(const char *data, size_t size)
{
	const char *end = data + size;
	size_t lines = 0;

	while ((data = memchr(data, '\n', (size_t) (end - data))) != NULL)
	{
		lines++;
		data++;
	}
	return lines;
}

/* Answers with one item for each document. A document is a line of the request, with
 * another line before it. */
static struct MHD_Response *
answer_bulk(size_t documents)
{
	static const char begin[] = "{\"errors\":false,\"items\":[";
	char *text = malloc(sizeof(begin) + documents * sizeof(CREATED) + 8);
	char *p = text;
	size_t i;

	if (text == NULL)
		abort();
	memcpy(p, begin, sizeof(begin) - 1);
	p += sizeof(begin) - 1;
	for (i = 0; i < documents; i++, p += sizeof(CREATED) - 1)
		memcpy(p, CREATED, sizeof(CREATED) - 1);
	if (documents > 0)
		p--; /* the last comma */
	memcpy(p, "]}", 2);
	return MHD_create_response_from_buffer(
		(size_t) (p + 2 - text), text, MHD_RESPMEM_MUST_FREE);
}

static struct MHD_Response *
answer(const char *path, const char *method, size_t lines)
{
	static char version[] = "{\"version\":{\"number\":\"8.0.0\"}}";
	size_t len = strlen(path);

	if (len >= 6 && strcmp(path + len - 6, "/_bulk") == 0)
		return answer_bulk(lines / 2);
	return MHD_create_response_from_buffer(
		strcmp(method, "POST") == 0 ? 0 : sizeof(version) - 1,
		version,
		MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
take(void *ctx, struct MHD_Connection *connection, const char *path,
	 const char *method, const char *version, const char *data, size_t *size,
	 void **state)
{
	request *r = *state;
	struct MHD_Response *response;
	enum MHD_Result result;

	(void) ctx;
	(void) version;
	if (r == NULL)
	{
		r = *state = calloc(1, sizeof(*r));
		return r != NULL ? MHD_YES : MHD_NO;
	}
	if (*size > 0)
	{
		r->lines += count_lines(data, *size);
		*size = 0;
		return MHD_YES;
	}
	response = answer(path, method, r->lines);
	free(r);
	*state = NULL;
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
