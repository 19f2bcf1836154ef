/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_receiver.c
 *	  A receiver of OTLP for tests.
 *
 * A thread of libmicrohttpd handles the requests; the lock protects the data that it
 * shares with the test. Spans stay at their addresses until receiver_reset().
 */
#include "otlp_receiver.h"

#include "tap.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "osprofiler/buf.h"

#define REQUESTS_MAX 4096
#define HEADERS_MAX  32
#define BODY_MAX     ((size_t) 512 * 1024 * 1024)
#define GZIP_WINDOW  (15 + 16)

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest
	request;

typedef struct kept_span
{
	const otlp_test_span *span;
	const otlp_test_resource *resource;
} kept_span;

static struct
{
	pthread_mutex_t lock;
	struct MHD_Daemon *daemon;
	int port;
	char *key;
	char *certificate;

	unsigned status;
	const char *retry_after;
	osp_str body;
	unsigned times;

	size_t seen;
	char path[256];
	char headers[HEADERS_MAX][2][512];
	size_t header_count;

	request *requests[REQUESTS_MAX];
	size_t request_count;
	kept_span *spans;
	size_t span_count;
	size_t span_room;
} receiver = {.lock = PTHREAD_MUTEX_INITIALIZER, .status = 200};

static void
keep_span(const otlp_test_span *span, const otlp_test_resource *resource)
{
	if (receiver.span_count == receiver.span_room)
	{
		receiver.span_room = 2 * receiver.span_room + 64;
		receiver.spans =
			realloc(receiver.spans, receiver.span_room * sizeof(kept_span));
		if (receiver.spans == NULL)
			abort();
	}
	receiver.spans[receiver.span_count].span = span;
	receiver.spans[receiver.span_count++].resource = resource;
}

/* Decodes and keeps a request. False: the bytes are no valid request. */
static bool
keep_request(osp_str bytes)
{
	request *r =
		opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
			NULL, bytes.len, (const uint8_t *) bytes.ptr);
	size_t i;
	size_t j;
	size_t k;

	if (r == NULL || receiver.request_count == REQUESTS_MAX)
		return false;
	receiver.requests[receiver.request_count++] = r;
	for (i = 0; i < r->n_resource_spans; i++)
		for (j = 0; j < r->resource_spans[i]->n_scope_spans; j++)
			for (k = 0; k < r->resource_spans[i]->scope_spans[j]->n_spans; k++)
				keep_span(r->resource_spans[i]->scope_spans[j]->spans[k],
						  r->resource_spans[i]->resource);
	return true;
}

static bool
decompress(const osp_buf *from, osp_buf *to)
{
	z_stream z;
	int result;

	memset(&z, 0, sizeof(z));
	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return false;
	z.next_in = (Bytef *) from->ptr;
	z.avail_in = (uInt) from->len;
	do
	{
		if (!osp_buf_reserve(to, 1024 * 1024))
			abort();
		z.next_out = (Bytef *) to->ptr + to->len;
		z.avail_out = 1024 * 1024;
		result = inflate(&z, Z_NO_FLUSH);
		to->len += 1024 * 1024 - z.avail_out;
	}
	while (result == Z_OK);
	(void) inflateEnd(&z);
	return result == Z_STREAM_END && z.avail_in == 0;
}

static enum MHD_Result
note_header(void *ctx, enum MHD_ValueKind kind, const char *name,
			const char *value)
{
	(void) ctx;
	(void) kind;
	if (receiver.header_count < HEADERS_MAX)
	{
		size_t n = receiver.header_count++;

		(void) snprintf(receiver.headers[n][0], 512, "%s", name);
		(void) snprintf(receiver.headers[n][1], 512, "%s", value);
	}
	return MHD_YES;
}

/* Keeps a request that is complete, and chooses the answer. */
static struct MHD_Response *
take(struct MHD_Connection *connection, const char *path, const osp_buf *body,
	 unsigned *status)
{
	struct MHD_Response *response;
	osp_buf plain;
	bool good = true;

	osp_buf_init(&plain, &osp_allocator_default, BODY_MAX);
	receiver.seen++;
	receiver.header_count = 0;
	(void) snprintf(receiver.path, sizeof(receiver.path), "%s", path);
	(void) MHD_get_connection_values(
		connection, MHD_HEADER_KIND, note_header, NULL);
	if (receiver.status == 200)
	{
		const char *encoding = MHD_lookup_connection_value(
			connection, MHD_HEADER_KIND, "Content-Encoding");

		if (encoding != NULL && strcmp(encoding, "gzip") == 0)
			good =
				decompress(body, &plain) && keep_request(osp_buf_str(&plain));
		else
			good = keep_request(osp_buf_str(body));
	}
	osp_buf_term(&plain);
	*status = good ? receiver.status : 400;
	response = MHD_create_response_from_buffer(
		receiver.body.len, (void *) receiver.body.ptr, MHD_RESPMEM_MUST_COPY);
	(void) MHD_add_response_header(
		response, "Content-Type", "application/x-protobuf");
	if (receiver.retry_after != NULL)
		(void) MHD_add_response_header(response,
									   *status / 100 == 3 ? "Location"
														  : "Retry-After",
									   receiver.retry_after);
	if (receiver.times > 0 && --receiver.times == 0)
	{
		receiver.status = 200;
		receiver.retry_after = NULL;
		receiver.body = OSP_STR("");
	}
	return response;
}

static enum MHD_Result
handle(void *ctx, struct MHD_Connection *connection, const char *path,
	   const char *method, const char *version, const char *data, size_t *size,
	   void **state)
{
	struct MHD_Response *response;
	osp_buf *body = *state;
	enum MHD_Result result;
	unsigned status;

	(void) ctx;
	(void) version;
	if (body == NULL)
	{
		body = malloc(sizeof(*body));
		if (body == NULL || strcmp(method, "POST") != 0)
			abort();
		osp_buf_init(body, &osp_allocator_default, BODY_MAX);
		*state = body;
		return MHD_YES;
	}
	if (*size > 0)
	{
		osp_buf_add(body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	(void) pthread_mutex_lock(&receiver.lock);
	response = take(connection, path, body, &status);
	(void) pthread_mutex_unlock(&receiver.lock);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void
forget_body(void *ctx, struct MHD_Connection *connection, void **state,
			enum MHD_RequestTerminationCode code)
{
	(void) ctx;
	(void) connection;
	(void) code;
	if (*state != NULL)
		osp_buf_term(*state);
	free(*state);
}

/* Returns the text of a file, owned. */
static char *
read_text(const char *dir, const char *name)
{
	char path[512];
	char *text = calloc(1, 16384);
	FILE *file;

	(void) snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 16383, file) > 0);
	(void) fclose(file);
	return text;
}

void
receiver_start(const char *tls_dir)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD;
	struct sockaddr_in address = {.sin_family = AF_INET};
	int tries;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t) receiver.port);
	if (tls_dir != NULL)
	{
		flags |= MHD_USE_TLS;
		receiver.key = read_text(tls_dir, "key.pem");
		receiver.certificate = read_text(tls_dir, "cert.pem");
	}
	for (tries = 0; tries < 50 && receiver.daemon == NULL; tries++)
	{
		struct MHD_OptionItem options[] = {
			{MHD_OPTION_SOCK_ADDR, 0, &address},
			{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t) forget_body, NULL},
			{tls_dir != NULL ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END,
			 0,
			 receiver.key},
			{MHD_OPTION_HTTPS_MEM_CERT, 0, receiver.certificate},
			{MHD_OPTION_END, 0, NULL}};

		receiver.daemon = MHD_start_daemon(flags,
										   0,
										   NULL,
										   NULL,
										   handle,
										   NULL,
										   MHD_OPTION_LISTENING_ADDRESS_REUSE,
										   1u,
										   MHD_OPTION_ARRAY,
										   options,
										   MHD_OPTION_END);
		if (receiver.daemon == NULL)
			(void) poll(NULL, 0, 20);
	}
	assert_non_null(receiver.daemon);
	receiver.port =
		MHD_get_daemon_info(receiver.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void
receiver_stop(void)
{
	if (receiver.daemon != NULL)
		MHD_stop_daemon(receiver.daemon);
	receiver.daemon = NULL;
	free(receiver.key);
	free(receiver.certificate);
	receiver.key = receiver.certificate = NULL;
}

void
receiver_set_port(int port)
{
	receiver.port = port;
}

int
receiver_port(void)
{
	return receiver.port;
}

void
receiver_reset(void)
{
	size_t i;

	(void) pthread_mutex_lock(&receiver.lock);
	for (i = 0; i < receiver.request_count; i++)
		opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked(
			receiver.requests[i], NULL);
	free(receiver.spans);
	receiver.spans = NULL;
	receiver.span_count = receiver.span_room = 0;
	receiver.request_count = 0;
	receiver.seen = 0;
	receiver.status = 200;
	receiver.retry_after = NULL;
	receiver.body = OSP_STR("");
	receiver.times = 0;
	(void) pthread_mutex_unlock(&receiver.lock);
}

void
receiver_answer(unsigned status, const char *retry_after, osp_str body,
				unsigned times)
{
	(void) pthread_mutex_lock(&receiver.lock);
	receiver.status = status;
	receiver.retry_after = retry_after;
	receiver.body = body;
	receiver.times = times;
	(void) pthread_mutex_unlock(&receiver.lock);
}

size_t
receiver_requests(void)
{
	size_t seen;

	(void) pthread_mutex_lock(&receiver.lock);
	seen = receiver.seen;
	(void) pthread_mutex_unlock(&receiver.lock);
	return seen;
}

/* No lock is needed: when a test calls these functions, the driver has its answer, so
 * no request changes the data. */
const char *
receiver_header(const char *name)
{
	size_t i;

	for (i = 0; i < receiver.header_count; i++)
		if (strcasecmp(receiver.headers[i][0], name) == 0)
			return receiver.headers[i][1];
	return "";
}

const char *
receiver_path(void)
{
	return receiver.path;
}

size_t
receiver_spans(void)
{
	size_t count;

	(void) pthread_mutex_lock(&receiver.lock);
	count = receiver.span_count;
	(void) pthread_mutex_unlock(&receiver.lock);
	return count;
}

/* The list may move while requests arrive; the spans do not. */
static kept_span
kept(size_t i)
{
	kept_span found;

	(void) pthread_mutex_lock(&receiver.lock);
	assert_true(i < receiver.span_count);
	found = receiver.spans[i];
	(void) pthread_mutex_unlock(&receiver.lock);
	return found;
}

const otlp_test_span *
receiver_span(size_t i)
{
	return kept(i).span;
}

const otlp_test_resource *
receiver_resource(size_t i)
{
	return kept(i).resource;
}

static bool
has_id(const otlp_test_span *span, const char *span_id)
{
	char text[2 * 8 + 1] = "";
	size_t i;

	for (i = 0; i < span->span_id.len && i < 8; i++)
		(void) snprintf(text + 2 * i, 3, "%02x", span->span_id.data[i]);
	return span->span_id.len == 8 && strcmp(text, span_id) == 0;
}

size_t
receiver_copies(const char *span_id)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < receiver.span_count; i++)
		count += has_id(receiver.spans[i].span, span_id);
	return count;
}

const otlp_test_span *
receiver_find(const char *span_id)
{
	size_t i;

	assert_int_equal(receiver_copies(span_id), 1);
	for (i = 0; !has_id(receiver.spans[i].span, span_id); i++)
		;
	return receiver.spans[i].span;
}

static const otlp_test_value *
find_value(Opentelemetry__Proto__Common__V1__KeyValue **list, size_t count,
		   const char *key)
{
	const otlp_test_value *found = NULL;
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (strcmp(list[i]->key, key) != 0)
			continue;
		assert_null(found);
		found = list[i]->value;
	}
	return found;
}

static const char *
text_of(const otlp_test_value *value)
{
	if (value == NULL)
		return "";
	assert_int_equal(
		value->value_case,
		OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE);
	return value->string_value;
}

const otlp_test_value *
receiver_attribute(const otlp_test_span *span, const char *key)
{
	return find_value(span->attributes, span->n_attributes, key);
}

const char *
receiver_text(const otlp_test_span *span, const char *key)
{
	return text_of(receiver_attribute(span, key));
}

const char *
receiver_resource_text(const otlp_test_resource *resource, const char *key)
{
	return text_of(
		find_value(resource->attributes, resource->n_attributes, key));
}
