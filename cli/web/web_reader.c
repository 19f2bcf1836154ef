/* SPDX-License-Identifier: Apache-2.0
 *
 * web_reader.c
 *	  A request's turn to read from the collectors.
 */
#include "web/web_reader.h"

#include "cli.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "record/clock.h"

#define READERS_MAX 4
#define TURN_S      30

/* After this time a collector that is still sending is given up. */
#define DEADLINE_MS 120000

/* How often it is checked whether the browser is still connected. */
#define LOOK_NS (50 * INT64_C(1000000))

#define MESSAGES_MAX ((size_t) 64 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static unsigned readers;
static bool stopped;

/*
 * The connection of the request that this thread answers, and when to check it
 * again.
 */
static __thread int client;
static __thread int64_t look_ns;

static bool
is_stopped(void)
{
	return __atomic_load_n(&stopped, __ATOMIC_RELAXED);
}

/* Has the browser closed the connection? */
static bool
is_gone(void)
{
	int64_t now = osp_mono_now();
	char byte;

	if (now < look_ns)
		return false;
	look_ns = now + LOOK_NS;
	return recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Should reading end? Drivers call this often. */
static bool
is_interrupted(void *ctx)
{
	(void) ctx;
	return is_stopped() || is_gone();
}

/* Waits for a turn; false: it took too long. */
static bool
take_turn(void)
{
	struct timespec end;
	bool taken;
	int rc = 0;

	(void) clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += TURN_S;
	(void) pthread_mutex_lock(&lock);
	while (readers == READERS_MAX && rc != ETIMEDOUT && !is_stopped())
		rc = pthread_cond_timedwait(&left, &lock, &end);
	taken = readers < READERS_MAX && !is_stopped();
	readers += taken;
	(void) pthread_mutex_unlock(&lock);
	return taken;
}

bool
web_reader_begin(web_reader *reader, const web_request *request)
{
	const union MHD_ConnectionInfo *info = web_mhd.get_connection_info(
		request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	client = info != NULL ? info->connect_fd : -1;
	reader->source = request->site->source;
	cli_source_bound(&reader->source, is_interrupted, DEADLINE_MS);
	osp_buf_init(&reader->messages, &osp_allocator_default, MESSAGES_MAX);
	cli_collect_messages(&reader->messages);
	reader->began = take_turn();
	if (!reader->began)
		(void) cli_error("the server is busy with other requests; try again");
	return reader->began;
}

void
web_reader_end(web_reader *reader)
{
	cli_collect_messages(NULL);
	osp_buf_term(&reader->messages);
	cli_source_term(&reader->source);
	if (!reader->began)
		return;
	(void) pthread_mutex_lock(&lock);
	readers--;
	(void) pthread_cond_signal(&left);
	(void) pthread_mutex_unlock(&lock);
}

/* Reads the id of a trace; false after a message. */
static bool
read_id(const web_request *request, const char *argument, osp_str *id)
{
	const char *fault = web_argument(request, argument, id);

	if (fault == NULL && id->len > OSP_ID_MAX)
		fault = "is longer than the id of any trace";
	if (fault != NULL)
		(void) cli_error("%s %s", argument, fault);
	else if (id->len == 0)
		(void) cli_error("the address names no trace");
	return fault == NULL && id->len > 0;
}

bool
web_reader_load(web_reader *reader, const web_request *request,
				const char *argument, osp_report **report, unsigned *status)
{
	cli_source *source = &reader->source;
	char name[OSP_ID_MAX + 1];
	osp_str id;

	*report = NULL;
	*status = MHD_HTTP_BAD_REQUEST;
	if (!read_id(request, argument, &id))
		return false;
	memcpy(name, id.ptr, id.len);
	name[id.len] = '\0';
	if (cli_load_stored_trace(source, name, report) == CLI_OK)
		return true;

	/* The status says whether the trace is missing, or the collector is away. */
	*status = source->collector.conn != NULL && source->missing.code == OSP_OK
				  ? MHD_HTTP_NOT_FOUND
				  : MHD_HTTP_BAD_GATEWAY;
	return false;
}

void
web_readers_stop(void)
{
	(void) pthread_mutex_lock(&lock);
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
	(void) pthread_cond_broadcast(&left);
	(void) pthread_mutex_unlock(&lock);
}
