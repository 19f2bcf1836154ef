/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_prefix.c
 *	  A trace that is named by the beginning of its id, or as the last one.
 */
#include "trace/trace_prefix.h"
#include "cli.h"
#include "last_run.h"

#include <ctype.h>
#include <strings.h>

/* Traces that are compared: a store lists so many in some milliseconds. */
#define NEWEST 10000

/* How far last~N goes back. */
#define BACK_MAX 99

typedef struct search
{
	const char *prefix;
	size_t matches;
	char id[OSP_ID_MAX + 1]; /* of the first match */
} search;

bool
cli_is_trace_prefix(const char *name)
{
	size_t len;

	for (len = 0; name[len] != '\0'; len++)
	{
		bool is_dash = len == 8 || len == 13 || len == 18 || len == 23;

		if (is_dash ? name[len] != '-' : !isxdigit((unsigned char) name[len]))
			return false;
	}
	return len >= CLI_PREFIX_MIN && len < OSP_UUID_TEXT_LEN;
}

typedef struct ended
{
	int64_t last_ns;
	char id[OSP_ID_MAX + 1];
} ended;

/* The traces that ended last, the newest first. */
typedef struct newest
{
	ended traces[BACK_MAX + 1];
	unsigned count;
	unsigned wanted;
} newest;

/* An osp_trace_fn: is it among the newest of those so far? */
static osp_status
keep_newest(void *ctx, const osp_trace_entry *entry)
{
	newest *last = (newest *) ctx;
	unsigned at = last->count;
	ended *place;

	if (entry->base_id.len > OSP_ID_MAX)
		return OSP_OK;
	while (at > 0 && last->traces[at - 1].last_ns < entry->last_ns)
		at--;
	if (at == last->wanted)
		return OSP_OK;
	if (last->count < last->wanted)
		last->count++;
	place = &last->traces[at];
	memmove(place + 1, place, (last->count - 1 - at) * sizeof(*place));
	place->last_ns = entry->last_ns;
	memcpy(place->id, entry->base_id.ptr, entry->base_id.len);
	place->id[entry->base_id.len] = '\0';
	return OSP_OK;
}

static int
list_traces(cli_collector *collector, const osp_trace_filter *filter,
			osp_trace_fn fn, void *ctx, osp_status *listed)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = collector->driver->list_traces(
		collector->conn, filter, fn, ctx, NULL, &err);

	*listed = status;
	if (status != OSP_OK && status != OSP_ENOENT)
		return cli_collector_failed(
			collector, "list the traces of", status, &err);
	return CLI_OK;
}

/* Is name "last", or "last~N" with a number of traces to go back? */
static bool
is_last(const char *name, unsigned *back)
{
	const char *at = name + 4;

	*back = 0;
	if (strncmp(name, "last", 4) != 0)
		return false;
	if (*at == '\0')
		return true;
	if (*at++ != '~' || *at == '\0')
		return false;
	for (; isdigit((unsigned char) *at) && *back <= BACK_MAX; at++)
		*back = *back * 10 + (unsigned) (*at - '0');
	return *at == '\0' && *back <= BACK_MAX;
}

/* The trace that ended last, or some before it; a last run that made no trace counts as
 * one. Of a collector that cannot begin
 * with the newest all are looked at. */
static int
find_last(cli_collector *collector, unsigned back, char id[OSP_ID_MAX + 1],
		  osp_status *listed)
{
	bool sorted = (collector->driver->flags & OSP_DRIVER_NEWEST_FIRST) != 0;
	char why[CLI_LAST_RUN_MAX];
	unsigned at = back;
	osp_trace_filter filter = {.struct_size = sizeof(filter),
							   .limit = sorted ? back + 1 : 0};
	newest last;

	last.count = 0;
	last.wanted = back + 1;
	if (list_traces(collector, &filter, keep_newest, &last, listed) != CLI_OK)
		return CLI_FAILED;
	if (last.count == 0)
		return cli_error("there is no trace in %s" CLI_NOTHING_YET,
						 collector->shown);
	if (cli_last_run_is_absent(&collector->config,
							   collector->shown,
							   last.traces[0].last_ns,
							   why) &&
		at-- == 0)
		return cli_error("there is no trace of the last run: %s ('last~1' is "
						 "the trace before)",
						 why);
	if (last.count <= at)
		return cli_error("'last~%u' goes back too far: there %s %u trace%s in "
						 "%s",
						 back,
						 last.count == 1 ? "is" : "are",
						 last.count,
						 last.count == 1 ? "" : "s",
						 collector->shown);
	memcpy(id, last.traces[at].id, sizeof(last.traces[at].id));
	return CLI_OK;
}

/* An osp_trace_fn: does the id of the trace begin so? */
static osp_status
compare(void *ctx, const osp_trace_entry *entry)
{
	search *wanted = (search *) ctx;
	size_t len = strlen(wanted->prefix);

	if (entry->base_id.len < len || entry->base_id.len > OSP_ID_MAX ||
		strncasecmp(entry->base_id.ptr, wanted->prefix, len) != 0)
		return OSP_OK;
	if (wanted->matches++ == 0)
	{
		memcpy(wanted->id, entry->base_id.ptr, entry->base_id.len);
		wanted->id[entry->base_id.len] = '\0';
	}
	return OSP_OK;
}

int
cli_trace_prefix_find(cli_collector *collector, const char *name,
					  char id[OSP_ID_MAX + 1], osp_status *listed)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = NEWEST};
	search wanted = {.prefix = name};
	unsigned back;

	id[0] = '\0';
	*listed = OSP_OK;
	if (is_last(name, &back))
		return find_last(collector, back, id, listed);

	/* A collector that cannot begin with the newest would have to list all. */
	if (!cli_is_trace_prefix(name) ||
		(collector->driver->flags & OSP_DRIVER_NEWEST_FIRST) == 0)
		return CLI_OK;
	if (list_traces(collector, &filter, compare, &wanted, listed) != CLI_OK)
		return CLI_FAILED;
	if (wanted.matches > 1)
		return cli_error("the ids of %zu traces begin with '%s': give more of "
						 "the id",
						 wanted.matches,
						 name);
	memcpy(id, wanted.id, sizeof(wanted.id));
	return CLI_OK;
}
