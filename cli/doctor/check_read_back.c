/* SPDX-License-Identifier: Apache-2.0
 *
 * check_read_back.c
 *	  Can a stored trace be read back from the collector?
 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "record/clock.h"

#define LOOK_MS 20   /* between two attempts to read the trace */
#define WAIT_MS 2000 /* for all attempts */
#define POINTS  2

/* Counts a point; an osp_point_fn. */
static osp_status
count_point(void *ctx, osp_str json)
{
	size_t *count = ctx;

	(void) json;
	(*count)++;
	return OSP_OK;
}

static void
remove_trace(doctor *d, const char *base_id)
{
	osp_str id = osp_str_of(base_id);
	osp_removal what = {.struct_size = sizeof(what), .ids = &id, .count = 1};
	uint64_t removed;

	if ((d->driver->flags & OSP_DRIVER_CAN_REMOVE) != 0)
		(void) d->driver->remove_traces(d->collector, &what, &removed, NULL);
}

osp_status
doctor_read_trace(doctor *d, const char *base_id, size_t count,
				  unsigned wait_ms, size_t *found, osp_error *err)
{
	int64_t end = osp_mono_now() + (int64_t) wait_ms * 1000000;
	osp_status status;

	for (;;)
	{
		*found = 0;
		status = d->driver->get_points(
			d->collector, osp_str_of(base_id), count_point, found, err);
		if (status == OSP_ENOENT)
			status = OSP_OK;
		if (status != OSP_OK || *found >= count || osp_mono_now() >= end)
			break;
		(void) usleep(LOOK_MS * 1000);
	}
	if (status == OSP_OK && *found > 0)
		remove_trace(d, base_id);
	return status;
}

void
check_read_back(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;
	size_t found;

	if ((d->driver->flags & OSP_DRIVER_CAN_READ) == 0)
	{
		doctor_skip(r,
					"this collector cannot be read back: search what stands "
					"behind it for trace %s",
					d->probe_id);
		return;
	}
	status = doctor_read_trace(d, d->probe_id, POINTS, WAIT_MS, &found, &err);
	if (status != OSP_OK)
		doctor_wrong(r,
					 "%s: %s",
					 d->collector_shown,
					 err.msg[0] != '\0' ? err.msg : osp_status_text(status));
	else if (found < POINTS)
		doctor_wrong(r,
					 "%s took the trace %s, but does not give it back",
					 d->collector_shown,
					 d->probe_id);
	else
		doctor_good(
			r,
			"it is there%s",
			(d->driver->flags & OSP_DRIVER_CAN_REMOVE) != 0
				? ", and removed again"
				: "; this collector removes no single traces, so it stays");
	if (r->verdict == DOCTOR_WRONG)
		doctor_advise(r,
					  "readers and writers must name one collector, and both "
					  "be allowed to use it");
}
