/* SPDX-License-Identifier: Apache-2.0
 *
 * web_reader.c
 *	  A request's turn at the collectors.
 */
#include "web/web_reader.h"

#include "cli.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define READERS_MAX 4
#define TURN_S      30

/* A collector that goes on sending for so long is given up. */
#define DEADLINE_MS 120000

#define MESSAGES_MAX ((size_t) 64 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static unsigned readers;
static volatile bool stopped;

static bool
is_stopped(void *ctx)
{
	(void) ctx;
	return stopped;
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
	while (readers == READERS_MAX && rc != ETIMEDOUT && !stopped)
		rc = pthread_cond_timedwait(&left, &lock, &end);
	taken = readers < READERS_MAX && !stopped;
	readers += taken;
	(void) pthread_mutex_unlock(&lock);
	return taken;
}

bool
web_reader_begin(web_reader *reader, const web_site *site)
{
	reader->source = site->source;
	reader->source.collector.interrupted = is_stopped;
	reader->source.collector.deadline_ms = DEADLINE_MS;
	osp_buf_init(&reader->messages, &osp_allocator_default, MESSAGES_MAX);
	cli_collect_messages(&reader->messages);
	reader->began = take_turn();
	if (!reader->began)
		(void) cli_error("others are reading, and take long; try again");
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

bool
web_reader_load(web_reader *reader, const web_request *request,
				const char *argument, osp_report **report, unsigned *status)
{
	cli_source *source = &reader->source;
	char name[OSP_ID_MAX + 1];
	osp_str id;

	*report = NULL;
	*status = MHD_HTTP_BAD_REQUEST;
	if (!web_argument(request, argument, &id) || id.len == 0 ||
		id.len > OSP_ID_MAX)
	{
		(void) cli_error("the address names no trace");
		return false;
	}
	memcpy(name, id.ptr, id.len);
	name[id.len] = '\0';
	if (cli_load_stored_trace(source, name, report) == CLI_OK)
		return true;

	/* Is the trace not there, or is the collector away? */
	*status =
		source->collector.conn != NULL && (source->missing.code == OSP_OK ||
										   source->missing.code == OSP_ENOENT)
			? MHD_HTTP_NOT_FOUND
			: MHD_HTTP_BAD_GATEWAY;
	return false;
}

void
web_readers_stop(void)
{
	(void) pthread_mutex_lock(&lock);
	stopped = true;
	(void) pthread_cond_broadcast(&left);
	(void) pthread_mutex_unlock(&lock);
}
