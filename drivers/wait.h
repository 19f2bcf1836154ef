/* SPDX-License-Identifier: Apache-2.0
 *
 * wait.h
 *	  Waits for a collector within the limits of osp_driver_options: the time of
 *	  one wait without a byte, the time of a whole call, and interruptions by
 *	  the program.
 */
#ifndef OSP_WAIT_H
#define OSP_WAIT_H

#include "osprofiler/driver.h"

typedef struct osp_wait
{
	unsigned timeout_ms;
	unsigned deadline_ms;
	bool (*interrupted)(void *ctx);
	void *ctx;
	int64_t end_ns; /* when the present call must end, osp_mono_now */
} osp_wait;

void osp__wait_init(osp_wait *wait, const osp_driver_options *options);

/* Notes that a call of the driver begins. */
void osp__wait_begin(osp_wait *wait);

/* May the call continue? OSP_EINTR, OSP_EUNAVAIL (its time is up). */
osp_status osp__wait_check(const osp_wait *wait) OSP_MUST_CHECK;

/* Waits until fd is ready for events (poll), timeout_ms at most. OSP_EINTR,
 * OSP_EUNAVAIL. */
osp_status osp__wait_fd(const osp_wait *wait, int fd,
						short events) OSP_MUST_CHECK;

/*
 * Pauses before the next attempt at something that has been tried since
 * begin_ns (osp_mono_now). OSP_EINTR; OSP_EUNAVAIL: begin_ns is timeout_ms ago,
 * or the call's time is up.
 */
osp_status osp__wait_pause(const osp_wait *wait, int64_t begin_ns,
						   unsigned ms) OSP_MUST_CHECK;

#endif /* OSP_WAIT_H */
