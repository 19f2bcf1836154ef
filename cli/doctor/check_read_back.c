/* SPDX-License-Identifier: Apache-2.0
 *
 * check_read_back.c
 *	  Can a stored trace be read back from the collector?
 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "collector_advice.h"
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

/*
 * Removes a trace where the collector can do that. An attempt that fails for lack of
 * room may make room for the second one: SQLite then begins its log anew.
 */
static osp_status
remove_trace(doctor *d, const char *base_id, osp_error *err)
{
	osp_str id = osp_str_of(base_id);
	osp_removal what = {.struct_size = sizeof(what), .ids = &id, .count = 1};
	osp_status status;
	uint64_t removed;

	if ((d->driver->flags & OSP_DRIVER_CAN_REMOVE) == 0)
		return OSP_OK;
	status = d->driver->remove_traces(d->collector, &what, &removed, err);
	if (status != OSP_OK && cli_collector_is_full(err->msg))
		status = d->driver->remove_traces(d->collector, &what, &removed, err);
	return status;
}

osp_status
doctor_read_trace(doctor *d, const char *base_id, size_t count,
				  unsigned wait_ms, size_t *found, osp_error *kept,
				  osp_error *err)
{
	int64_t end = osp_mono_now() + (int64_t) wait_ms * 1000000;
	osp_status status;

	*kept = (osp_error){OSP_OK, ""};
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
		kept->code = remove_trace(d, base_id, kept);
	return status;
}

void
doctor_report_kept(doctor_result *r, const char *base_id, const osp_error *kept)
{
	const char *why =
		kept->msg[0] != '\0' ? kept->msg : osp_status_text(kept->code);

	if (!cli_collector_is_full(why))
	{
		doctor_good(
			r, "; it cannot be removed, so trace %s stays: %s", base_id, why);
		return;
	}
	doctor_wrong(r, "; it cannot be removed: %s", why);
	doctor_advise(r,
				  "free or enlarge its file system, for removing needs room, "
				  "too; then remove the trace of this test, %s",
				  base_id);
}

/* Reports that the trace is there, and whether it was removed. */
static void
report_found(const doctor *d, doctor_result *r, const osp_error *kept)
{
	doctor_good(r, "it is there");
	if (kept->code != OSP_OK)
		doctor_report_kept(r, d->probe_id, kept);
	else if ((d->driver->flags & OSP_DRIVER_CAN_REMOVE) != 0)
		doctor_good(r, ", and removed again");
	else
		doctor_good(r,
					"; this collector removes no single traces, so it stays");
}

void
check_read_back(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	osp_error kept;
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
	status =
		doctor_read_trace(d, d->probe_id, POINTS, WAIT_MS, &found, &kept, &err);
	if (status == OSP_OK && found >= POINTS)
	{
		report_found(d, r, &kept);
		return;
	}
	if (status != OSP_OK)
		doctor_wrong(r,
					 "%s: %s",
					 d->collector_shown,
					 err.msg[0] != '\0' ? err.msg : osp_status_text(status));
	else
		doctor_wrong(r,
					 "%s took the trace %s, but does not give it back",
					 d->collector_shown,
					 d->probe_id);
	doctor_advise(r,
				  "readers and writers must name one collector, and both "
				  "be allowed to use it");
}
