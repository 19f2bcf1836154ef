/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_prefix.c
 *	  Finds a trace by the beginning of its id.
 */
#include "trace/trace_prefix.h"
#include "cli.h"
#include "trace/newest_traces.h"

#include <ctype.h>
#include <strings.h>

/*
 * How many of the newest traces are compared. A store lists that many in some
 * milliseconds.
 */
#define NEWEST 10000

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

/* Notes a trace whose id has the wanted beginning; an osp_trace_fn. */
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

	id[0] = '\0';
	*listed = OSP_OK;

	/* A collector that cannot list the newest traces first would have to list all. */
	if (!cli_is_trace_prefix(name) ||
		(collector->driver->flags & OSP_DRIVER_NEWEST_FIRST) == 0)
		return CLI_OK;
	if (cli_list_traces(collector, &filter, compare, &wanted, listed) != CLI_OK)
		return CLI_FAILED;
	if (wanted.matches > 1)
		return cli_error("the ids of %zu traces begin with '%s': give more of "
						 "the id",
						 wanted.matches,
						 name);
	memcpy(id, wanted.id, sizeof(wanted.id));
	return CLI_OK;
}
