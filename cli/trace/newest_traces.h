/* SPDX-License-Identifier: Apache-2.0
 *
 * newest_traces.h
 *	  The traces that ended last in one or several collectors.
 */
#ifndef OSPROFILER_CLI_NEWEST_TRACES_H
#define OSPROFILER_CLI_NEWEST_TRACES_H

#include "collector_options.h"
#include "osprofiler/ids.h"

/* How many of the newest traces may be wanted. */
#define CLI_NEWEST_MAX 128

typedef struct cli_ended
{
	int64_t last_ns;
	const cli_collector *place; /* borrowed */
	char id[OSP_ID_MAX + 1];
} cli_ended;

/* The newest traces, with the one that ended last first. */
typedef struct cli_newest
{
	cli_ended traces[CLI_NEWEST_MAX];
	size_t count;
	size_t wanted;
	int64_t until_ns;
	const cli_collector *place; /* the collector that is being read */
} cli_newest;

/*
 * Prepares for wanted traces, at most CLI_NEWEST_MAX, that ended at until_ns or
 * before.
 */
void cli_newest_init(cli_newest *newest, size_t wanted, int64_t until_ns);

/*
 * Adds the newest traces of an open collector. CLI_FAILED after a message.
 * *listed is the result of reading the list; OSP_ENOENT, there is no store yet,
 * is no failure.
 */
int cli_newest_add(cli_newest *newest, cli_collector *place,
				   osp_status *listed) OSP_MUST_CHECK;

/*
 * Lists traces of a collector for fn, as its driver's list_traces does. The
 * result and *listed are those of cli_newest_add.
 */
int cli_list_traces(cli_collector *collector, const osp_trace_filter *filter,
					osp_trace_fn fn, void *ctx,
					osp_status *listed) OSP_MUST_CHECK;

/* Does an open collector hold a notification of this trace? */
bool cli_trace_is_stored(cli_collector *collector,
						 osp_str base_id) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_NEWEST_TRACES_H */
