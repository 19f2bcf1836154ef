/* SPDX-License-Identifier: Apache-2.0
 *
 * last_trace.h
 *	  A trace that is called the last one, or the newest one.
 */
#ifndef OSPROFILER_CLI_LAST_TRACE_H
#define OSPROFILER_CLI_LAST_TRACE_H

#include "collector_options.h"
#include "server/other_sources.h"

/*
 * The places to search: the collector of the command first, then other
 * collectors and servers, all of them open.
 */
#define CLI_PLACES_MAX (1 + 2 * CLI_OTHERS_MAX)
typedef struct cli_places
{
	cli_collector *places[CLI_PLACES_MAX]; /* borrowed */
	size_t count;
	bool others; /* other users trace on this host */
} cli_places;

/* Is the name "last" or "newest", perhaps followed by "~N" with N up to 99? */
bool cli_is_last(const char *name) OSP_MUST_CHECK;

/*
 * Finds the id of the trace that is called "last", "newest", "last~N" or
 * "newest~N".
 *
 * "newest" is the trace that ended last in all places, "newest~N" the one N
 * before it. "last" is the trace of the last `osprofiler run` of this user on
 * this host that delivered to one of the places; if that run made no trace, the
 * call fails. "last~N" is the run N before it; after the earliest run follow
 * traces that ended before it. So without any such run "last" is the newest
 * trace. A message says which trace was taken if another one may have been
 * expected.
 *
 * CLI_FAILED after a message. *listed is the result of reading the list of the
 * first place: OSP_OK also if no list was needed, OSP_ENOENT if there is no
 * store yet.
 */
int cli_last_find(const cli_places *where, const char *name,
				  char id[OSP_ID_MAX + 1], osp_status *listed) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LAST_TRACE_H */
