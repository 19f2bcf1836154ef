/* SPDX-License-Identifier: Apache-2.0
 *
 * follow_wait.c
 *	  The pauses of a command that follows new data until the user ends it.
 *
 * The signals are blocked except during pauses, so that none is lost between
 * the check for a signal and the wait for one.
 */
#include "view/follow_wait.h"

#include <poll.h>
#include <stddef.h>
#include <unistd.h>

#include "record/clock.h"

#define NS_PER_MS INT64_C(1000000)

/* A pause lasts PAUSE_FACTOR times as long as the collector took to answer, but at most
 * PAUSE_MAX_MS. */
#define PAUSE_FACTOR 10
#define PAUSE_MAX_MS 60000

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t ended;

static void
note_end(int sig)
{
	(void) sig;
	ended = 1;
}

void
cli_follow_begin(cli_follow_wait *wait)
{
	struct sigaction action = {.sa_handler = note_end};
	struct sigaction old;
	sigset_t set;
	size_t i;

	(void) sigemptyset(&set);
	(void) sigemptyset(&action.sa_mask);
	for (i = 0; i < SIGNAL_COUNT; i++)
	{
		/* A signal that is ignored, as by nohup, stays ignored. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void) sigaction(signals[i], &action, NULL);
		(void) sigaddset(&set, signals[i]);
	}
	(void) sigprocmask(SIG_BLOCK, &set, &wait->mask);
	wait->begun_ns = 0;
}

void
cli_follow_end(const cli_follow_wait *wait)
{
	size_t i;

	(void) sigprocmask(SIG_SETMASK, &wait->mask, NULL);
	for (i = 0; i < SIGNAL_COUNT; i++)
	{
		struct sigaction now;

		if (sigaction(signals[i], NULL, &now) == 0 &&
			now.sa_handler == note_end)
			(void) signal(signals[i], SIG_DFL);
	}
}

bool
cli_follow_is_ended(void *ctx)
{
	sigset_t set;
	size_t i;

	(void) ctx;
	if (ended || sigpending(&set) != 0)
		return ended != 0;
	for (i = 0; i < SIGNAL_COUNT; i++)
		if (sigismember(&set, signals[i]) == 1)
			return true;
	return false;
}

void
cli_follow_ask(cli_follow_wait *wait)
{
	wait->begun_ns = osp_mono_now();
}

bool
cli_follow_pause(const cli_follow_wait *wait)
{
	int64_t now_ns = osp_mono_now();
	int64_t ms = (now_ns - wait->begun_ns) / NS_PER_MS * PAUSE_FACTOR;
	int64_t end_ns;

	if (ms < CLI_FOLLOW_PAUSE_MS)
		ms = CLI_FOLLOW_PAUSE_MS;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	for (end_ns = now_ns + ms * NS_PER_MS; now_ns < end_ns && !ended;
		 now_ns = osp_mono_now())
	{
		struct pollfd out = {.fd = STDOUT_FILENO};
		int64_t left_ns = end_ns - now_ns;
		struct timespec left = {
			.tv_sec = (time_t) (left_ns / (1000 * NS_PER_MS)),
			.tv_nsec = (long) (left_ns % (1000 * NS_PER_MS))};

		if (ppoll(&out, 1, &left, &wait->mask) > 0)
			return false;
	}
	return !ended;
}
