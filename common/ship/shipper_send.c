/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_send.c
 *	  The sender: a thread that does nothing but call the driver.
 *
 * Locking: the lock guards job, result and the three flags. The thread works on
 * a job without the lock; only the thread uses driver and connection.
 */
#include "ship/shipper_send.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "record/clock.h"

/* How long the last job may take when the sender is to end. */
#define LAST_NS INT64_C(500000000)

struct osp_sender
{
	osp_driver_options options; /* its texts are copies */
	char *connection_string;
	char *state_directory; /* or NULL */
	int event_fd;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t cond;

	/* guarded by the lock */
	const osp_notification *items;
	size_t count;
	bool job;  /* a job is waiting or in progress */
	bool done; /* a result is ready */
	bool quit;
	osp_send_result result;

	int64_t end_ns; /* deadline of the last job; atomic; INT64_MAX: none */

	/* used by the thread only */
	const osp_driver *driver;
	osp_driver_conn *conn;
};

/* Has the deadline passed? A silent collector must not delay the end of the program. */
static bool
must_end(void *ctx)
{
	const osp_sender *sender = ctx;

	return osp_mono_now() >= __atomic_load_n(&sender->end_ns, __ATOMIC_RELAXED);
}

/* Finds and opens the driver, unless that was done before. */
static osp_status
open_driver(osp_sender *sender, osp_error *err)
{
	osp_status status = OSP_OK;

	if (sender->driver == NULL)
		status = osp_driver_find(
			sender->options.connection_string, &sender->driver, err);
	if (status == OSP_OK && sender->conn == NULL)
		status = sender->driver->open(&sender->options, &sender->conn, err);
	return status;
}

static void
work(osp_sender *sender, const osp_notification *items, size_t count,
	 osp_send_result *result)
{
	memset(result, 0, sizeof(*result));
	result->status = open_driver(sender, &result->err);
	if (result->status != OSP_OK || count == 0)
		return;
	result->status = sender->driver->notify(
		sender->conn, items, count, &result->accepted, &result->err);
	if (result->status == OSP_OK)
		result->accepted = count;
	else if (result->status == OSP_EREFUSED)
		result->refused =
			count - (result->accepted < count ? result->accepted : count);
}

static void *
run(void *arg)
{
	osp_sender *sender = arg;
	const uint64_t one = 1;

	(void) pthread_mutex_lock(&sender->lock);
	for (;;)
	{
		const osp_notification *items = sender->items;
		size_t count = sender->count;
		osp_send_result result;

		if (!sender->job)
		{
			if (sender->quit)
				break;
			(void) pthread_cond_wait(&sender->cond, &sender->lock);
			continue;
		}
		(void) pthread_mutex_unlock(&sender->lock);
		work(sender, items, count, &result);
		(void) pthread_mutex_lock(&sender->lock);
		sender->result = result;
		sender->job = false;
		sender->done = true;

		/* The counter cannot be full: the drainer empties it for every job. */
		while (write(sender->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
	(void) pthread_mutex_unlock(&sender->lock);
	if (sender->conn != NULL)
		sender->driver->close(sender->conn);
	return NULL;
}

/* Starts the thread with all signals blocked, so that it never runs a signal handler of
 * the program. */
static int
start_thread(osp_sender *sender)
{
	sigset_t all;
	sigset_t before;
	int code;

	(void) sigfillset(&all);
	(void) pthread_sigmask(SIG_BLOCK, &all, &before);
	code = pthread_create(&sender->thread, NULL, run, sender);
	(void) pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

osp_status
osp__sender_start(const osp_driver_options *options, int event_fd,
				  osp_sender **out, osp_error *err)
{
	const osp_allocator *alc = options->alc;
	osp_sender *sender = osp_calloc(alc, 1, sizeof(*sender));

	*out = NULL;
	if (sender == NULL)
		return osp_error_set(err, OSP_ENOMEM, "shipper: out of memory");
	sender->options = *options;
	sender->options.interrupted = must_end;
	sender->options.interrupted_ctx = sender;
	sender->end_ns = INT64_MAX;
	sender->event_fd = event_fd;
	(void) pthread_mutex_init(&sender->lock, NULL);
	(void) pthread_cond_init(&sender->cond, NULL);
	sender->connection_string = osp_strdup(alc, options->connection_string);
	if (options->state_directory != NULL)
		sender->state_directory =
			osp_strdup(alc, osp_str_of(options->state_directory));
	if (sender->connection_string == NULL ||
		(options->state_directory != NULL && sender->state_directory == NULL))
	{
		osp__sender_free(sender);
		return osp_error_set(err, OSP_ENOMEM, "shipper: out of memory");
	}
	sender->options.connection_string = osp_str_of(sender->connection_string);
	sender->options.state_directory = sender->state_directory;
	if (start_thread(sender) != 0)
	{
		osp__sender_free(sender);
		return osp_error_set(err, OSP_ENOMEM, "cannot make a thread");
	}
	sender->started = true;
	*out = sender;
	return OSP_OK;
}

void
osp__sender_send(osp_sender *sender, const osp_notification *items,
				 size_t count)
{
	(void) pthread_mutex_lock(&sender->lock);
	sender->items = items;
	sender->count = count;
	sender->job = true;
	(void) pthread_cond_signal(&sender->cond);
	(void) pthread_mutex_unlock(&sender->lock);
}

bool
osp__sender_take(osp_sender *sender, osp_send_result *out)
{
	bool done;

	(void) pthread_mutex_lock(&sender->lock);
	done = sender->done;
	if (done)
		*out = sender->result;
	sender->done = false;
	(void) pthread_mutex_unlock(&sender->lock);
	return done;
}

void
osp__sender_stop(osp_sender *sender)
{
	if (sender == NULL || !sender->started)
		return;
	(void) pthread_mutex_lock(&sender->lock);
	sender->quit = true;
	__atomic_store_n(
		&sender->end_ns, osp_mono_now() + LAST_NS, __ATOMIC_RELAXED);
	(void) pthread_cond_signal(&sender->cond);
	(void) pthread_mutex_unlock(&sender->lock);
	(void) pthread_join(sender->thread, NULL);
	sender->started = false;
}

void
osp__sender_free(osp_sender *sender)
{
	if (sender == NULL)
		return;
	osp__sender_stop(sender);
	(void) pthread_mutex_destroy(&sender->lock);
	(void) pthread_cond_destroy(&sender->cond);
	osp_free(sender->options.alc, sender->connection_string);
	osp_free(sender->options.alc, sender->state_directory);
	osp_free(sender->options.alc, sender);
}
