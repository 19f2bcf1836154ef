/* SPDX-License-Identifier: Apache-2.0
 *
 * wait.c
 *	  Waits for a collector within limits.
 */
#include "wait.h"
#include "record/clock.h"

#include <errno.h>
#include <poll.h>

#define NS_PER_MS INT64_C(1000000)

/* How often it is checked during a wait whether the program interrupts it. */
#define SLICE_MS 50

void
osp__wait_init(osp_wait *wait, const osp_driver_options *options)
{
	wait->timeout_ms =
		options->timeout_ms != 0 ? options->timeout_ms : OSP_DRIVER_TIMEOUT_MS;
	wait->deadline_ms = options->deadline_ms;
	wait->interrupted = options->interrupted;
	wait->ctx = options->interrupted_ctx;
	osp__wait_begin(wait);
}

void
osp__wait_begin(osp_wait *wait)
{
	wait->end_ns =
		wait->deadline_ms != 0
			? osp_mono_now() + (int64_t) wait->deadline_ms * NS_PER_MS
			: INT64_MAX;
}

osp_status
osp__wait_check(const osp_wait *wait)
{
	if (wait->interrupted != NULL && wait->interrupted(wait->ctx))
		return OSP_EINTR;
	if (wait->end_ns != INT64_MAX && osp_mono_now() >= wait->end_ns)
		return OSP_EUNAVAIL;
	return OSP_OK;
}

/*
 * Returns the time until a wait that began at begin_ns has to end, in ms, but
 * at most one slice.
 */
static int
slice_ms(const osp_wait *wait, int64_t begin_ns)
{
	int64_t end = begin_ns + (int64_t) wait->timeout_ms * NS_PER_MS;
	int64_t left;

	if (end > wait->end_ns)
		end = wait->end_ns;
	left = (end - osp_mono_now() + NS_PER_MS - 1) / NS_PER_MS;
	if (left < 0)
		return 0;
	return left < SLICE_MS ? (int) left : SLICE_MS;
}

osp_status
osp__wait_fd(const osp_wait *wait, int fd, short events)
{
	struct pollfd polled = {fd, events, 0};
	int64_t begin_ns = osp_mono_now();

	for (;;)
	{
		int ms = slice_ms(wait, begin_ns);
		int ready = poll(&polled, 1, ms);

		if (wait->interrupted != NULL && wait->interrupted(wait->ctx))
			return OSP_EINTR;
		if (ready > 0)
			return OSP_OK;
		if (ms == 0 || (ready < 0 && errno != EINTR))
			return OSP_EUNAVAIL;
	}
}

osp_status
osp__wait_pause(const osp_wait *wait, int64_t begin_ns, unsigned ms)
{
	int left = slice_ms(wait, begin_ns);

	if (wait->interrupted != NULL && wait->interrupted(wait->ctx))
		return OSP_EINTR;
	if (left == 0)
		return OSP_EUNAVAIL;
	(void) poll(NULL, 0, (int) ms < left ? (int) ms : left);
	return OSP_OK;
}
