/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_prefix.c
 *	  A trace that is named by the beginning of its id, or as the last one.
 */
#include "trace_prefix.h"
#include "cli.h"

#include <ctype.h>
#include <strings.h>

#define PREFIX_MIN 8

/* Traces that are compared: a store lists so many in some milliseconds. */
#define NEWEST 10000

typedef struct search
{
	const char *prefix;
	size_t matches;
	char id[OSP_ID_MAX + 1]; /* of the first match */
} search;

static bool
is_prefix(const char *name)
{
	size_t len;

	for (len = 0; name[len] != '\0'; len++)
	{
		bool is_dash = len == 8 || len == 13 || len == 18 || len == 23;

		if (is_dash ? name[len] != '-' : !isxdigit((unsigned char) name[len]))
			return false;
	}
	return len >= PREFIX_MIN && len < OSP_UUID_TEXT_LEN;
}

typedef struct newest
{
	int64_t last_ns;
	char id[OSP_ID_MAX + 1];
} newest;

/* An osp_trace_fn: is it newer than those before? */
static osp_status
keep_newest(void *ctx, const osp_trace_entry *entry)
{
	newest *last = (newest *) ctx;

	if (entry->base_id.len > OSP_ID_MAX ||
		(last->id[0] != '\0' && entry->last_ns <= last->last_ns))
		return OSP_OK;
	last->last_ns = entry->last_ns;
	memcpy(last->id, entry->base_id.ptr, entry->base_id.len);
	last->id[entry->base_id.len] = '\0';
	return OSP_OK;
}

static int
list_traces(cli_collector *collector, const osp_trace_filter *filter,
			osp_trace_fn fn, void *ctx)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = collector->driver->list_traces(
		collector->conn, filter, fn, ctx, NULL, &err);

	if (status != OSP_OK && status != OSP_ENOENT)
		return cli_error(
			"cannot list the traces of %s: %s", collector->shown, err.msg);
	return CLI_OK;
}

/* The trace that ended last; of a collector that cannot begin with the newest all
 * are looked at. */
static int
find_last(cli_collector *collector, char id[OSP_ID_MAX + 1])
{
	bool sorted = (collector->driver->flags & OSP_DRIVER_NEWEST_FIRST) != 0;
	osp_trace_filter filter = {.struct_size = sizeof(filter),
							   .limit = sorted ? 1 : 0};
	newest last = {0, ""};

	if (list_traces(collector, &filter, keep_newest, &last) != CLI_OK)
		return CLI_FAILED;
	if (last.id[0] == '\0')
		return cli_error("there is no trace in %s" CLI_NOTHING_YET,
						 collector->shown);
	memcpy(id, last.id, sizeof(last.id));
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
					  char id[OSP_ID_MAX + 1])
{
	osp_trace_filter filter = {.struct_size = sizeof(filter), .limit = NEWEST};
	search wanted = {.prefix = name};

	id[0] = '\0';

	if (strcmp(name, "last") == 0)
		return find_last(collector, id);

	/* A collector that cannot begin with the newest would have to list all. */
	if (!is_prefix(name) ||
		(collector->driver->flags & OSP_DRIVER_NEWEST_FIRST) == 0)
		return CLI_OK;
	if (list_traces(collector, &filter, compare, &wanted) != CLI_OK)
		return CLI_FAILED;
	if (wanted.matches > 1)
		return cli_error("the ids of %zu traces begin with '%s': give more of "
						 "the id",
						 wanted.matches,
						 name);
	memcpy(id, wanted.id, sizeof(wanted.id));
	return CLI_OK;
}
