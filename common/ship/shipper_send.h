/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_send.h
 *	  The sender: a thread that does nothing but call the driver.
 *
 * It does one job at a time: the drainer gives it a batch, continues with other
 * work, and takes the result when event_fd becomes readable.
 */
#ifndef OSP_SHIPPER_SEND_H
#define OSP_SHIPPER_SEND_H

#include "osprofiler/driver.h"

typedef struct osp_sender osp_sender;

typedef struct osp_send_result
{
	osp_status status; /* OSP_OK or OSP_EREFUSED: every point is settled */
	osp_error err;
	size_t accepted;
	size_t refused;
} osp_send_result;

/*
 * Starts the thread, all signals blocked in it. The texts of options are copied.
 * event_fd is an eventfd, written to when a job is done.
 */
osp_status osp__sender_start(const osp_driver_options *options, int event_fd,
							 osp_sender **out, osp_error *err) OSP_MUST_CHECK;

/* Gives the sender a batch, borrowed until the result is taken. If count is 0, it only
 * opens the driver. */
void osp__sender_send(osp_sender *sender, const osp_notification *items,
					  size_t count);

/* Takes the result of the job; false while there is none. */
bool osp__sender_take(osp_sender *sender, osp_send_result *out) OSP_MUST_CHECK;

/* Waits for the job in progress, whose result can still be taken. */
void osp__sender_stop(osp_sender *sender);
void osp__sender_free(osp_sender *sender);

#endif /* OSP_SHIPPER_SEND_H */
