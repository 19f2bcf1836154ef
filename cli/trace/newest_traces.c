/* SPDX-License-Identifier: Apache-2.0
 *
 * newest_traces.c
 *	  The traces that ended last in one or several collectors.
 */
#include "trace/newest_traces.h"

#include <string.h>

#include "cli.h"

void
cli_newest_init(cli_newest *newest, size_t wanted, int64_t until_ns)
{
	newest->count = 0;
	newest->wanted = wanted <= CLI_NEWEST_MAX ? wanted : CLI_NEWEST_MAX;
	newest->until_ns = until_ns;
	newest->place = NULL;
}

/*
 * Removes an earlier entry of the same trace, which another place has as well.
 * False: the earlier entry ended no earlier, and stays.
 */
static bool
forget_copy(cli_newest *newest, const osp_trace_entry *entry)
{
	size_t i = 0;

	while (i < newest->count &&
		   !osp_str_eq(osp_str_of(newest->traces[i].id), entry->base_id))
		i++;
	if (i == newest->count)
		return true;
	if (newest->traces[i].last_ns >= entry->last_ns)
		return false;
	newest->count--;
	memmove(&newest->traces[i],
			&newest->traces[i + 1],
			(newest->count - i) * sizeof(newest->traces[i]));
	return true;
}

/* Keeps a trace that is among the newest so far; an osp_trace_fn. */
static osp_status
keep_newest(void *ctx, const osp_trace_entry *entry)
{
	cli_newest *newest = (cli_newest *) ctx;
	size_t at;
	cli_ended *place;

	if (entry->base_id.len > OSP_ID_MAX || entry->last_ns > newest->until_ns ||
		!forget_copy(newest, entry))
		return OSP_OK;
	at = newest->count;
	while (at > 0 && newest->traces[at - 1].last_ns < entry->last_ns)
		at--;
	if (at == newest->wanted)
		return OSP_OK;
	if (newest->count < newest->wanted)
		newest->count++;
	place = &newest->traces[at];
	memmove(place + 1, place, (newest->count - 1 - at) * sizeof(*place));
	place->last_ns = entry->last_ns;
	place->place = newest->place;
	memcpy(place->id, entry->base_id.ptr, entry->base_id.len);
	place->id[entry->base_id.len] = '\0';
	return OSP_OK;
}

int
cli_list_traces(cli_collector *collector, const osp_trace_filter *filter,
				osp_trace_fn fn, void *ctx, osp_status *listed)
{
	osp_error err = {OSP_OK, ""};

	*listed = collector->driver->list_traces(
		collector->conn, filter, fn, ctx, NULL, &err);
	if (*listed != OSP_OK && *listed != OSP_ENOENT)
		return cli_collector_failed(
			collector, "list the traces of", *listed, &err);
	return CLI_OK;
}

/*
 * All traces are read, without a limit, if the collector does not list the
 * newest first, or if only traces up to a moment are wanted: a limit could then
 * leave out wanted traces.
 */
int
cli_newest_add(cli_newest *newest, cli_collector *place, osp_status *listed)
{
	bool sorted = (place->driver->flags & OSP_DRIVER_NEWEST_FIRST) != 0;
	osp_trace_filter filter = {.struct_size = sizeof(filter)};

	if (sorted && newest->until_ns == INT64_MAX)
		filter.limit = newest->wanted;
	newest->place = place;
	return cli_list_traces(place, &filter, keep_newest, newest, listed);
}

/* Notes that there is a point, and ends the reading; an osp_point_fn. */
static osp_status
stop_reading(void *ctx, osp_str json)
{
	(void) json;
	*(bool *) ctx = true;
	return OSP_EINTR;
}

bool
cli_trace_is_stored(cli_collector *collector, osp_str base_id)
{
	bool found = false;

	(void) collector->driver->get_points(
		collector->conn, base_id, stop_reading, &found, NULL);
	return found;
}
