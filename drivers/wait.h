/* SPDX-License-Identifier: Apache-2.0
 *
 * wait.h
 *	  Waiting for a collector within the bounds of osp_driver_options: the
 *	  silence of one wait, the whole of a call, and the host's interrupts.
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
	int64_t end_ns; /* of the call that is under way, osp_mono_now */
} osp_wait;

void osp__wait_init(osp_wait *wait, const osp_driver_options *options);

/* A call of the driver begins. */
void osp__wait_begin(osp_wait *wait);

/* May the call go on? OSP_EINTR, OSP_EUNAVAIL (its time is up). */
osp_status osp__wait_check(const osp_wait *wait) OSP_MUST_CHECK;

/* Waits until fd is ready for events (poll), timeout_ms at most. OSP_EINTR,
 * OSP_EUNAVAIL. */
osp_status osp__wait_fd(const osp_wait *wait, int fd,
						short events) OSP_MUST_CHECK;

/*
 * Pauses before something is tried again that has been tried since begin_ns
 * (osp_mono_now). OSP_EINTR; OSP_EUNAVAIL: that is timeout_ms ago, or the call's
 * time is up.
 */
osp_status osp__wait_pause(const osp_wait *wait, int64_t begin_ns,
						   unsigned ms) OSP_MUST_CHECK;

#endif /* OSP_WAIT_H */
