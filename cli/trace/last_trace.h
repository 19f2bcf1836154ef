/* SPDX-License-Identifier: Apache-2.0
 *
 * last_trace.h
 *	  A trace that is named as the last one, or as the newest one.
 */
#ifndef OSPROFILER_CLI_LAST_TRACE_H
#define OSPROFILER_CLI_LAST_TRACE_H

#include "collector_options.h"
#include "server/other_sources.h"

/* What is searched: the collector of the command first, then others and servers, all of
 * them open. */
#define CLI_PLACES_MAX (1 + 2 * CLI_OTHERS_MAX)
typedef struct cli_places
{
	cli_collector *places[CLI_PLACES_MAX]; /* borrowed */
	size_t count;
	bool others; /* other users trace on this host */
} cli_places;

/* Is it "last", "newest", or one of them with "~N" behind it, up to 99? */
bool cli_is_last(const char *name) OSP_MUST_CHECK;

/*
 * The id of such a name.
 *
 * "newest" is the trace that ended last in all places, "newest~N" the one N before it.
 * "last" is the trace of the last `osprofiler run` of this user on this host that
 * delivered to one of the places; to ask for a run that made no trace is a failure.
 * "last~N" is the run N before it, and then the traces that ended before the first of
 * these runs. So without any such run "last" is the newest one. A message says which trace
 * it is where another one may have been expected.
 *
 * CLI_FAILED after a message. *listed says how the list of the first place was read:
 * OSP_OK also if no list was needed, OSP_ENOENT if there is no store yet.
 */
int cli_last_find(const cli_places *where, const char *name,
				  char id[OSP_ID_MAX + 1], osp_status *listed) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LAST_TRACE_H */
