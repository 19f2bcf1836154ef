/* SPDX-License-Identifier: Apache-2.0
 *
 * known_traces.h
 *	  The traces that were in the collector when it was asked last.
 */
#ifndef OSPROFILER_CLI_KNOWN_TRACES_H
#define OSPROFILER_CLI_KNOWN_TRACES_H

#include "osprofiler/driver.h"

/* So many are remembered; others are not followed. */
#define CLI_KNOWN_TRACES_MAX 100000

typedef struct cli_known_trace
{
	uint64_t hash; /* of its id; 0: this place is free */
	int64_t last_ns;
	uint64_t operations;
	unsigned asked; /* how often the collector had it */
	bool listed;
} cli_known_trace;

typedef struct cli_known_traces
{
	cli_known_trace *now;    /* found while the collector is being asked */
	cli_known_trace *before; /* found when it was asked before */
	size_t count;            /* in now */
	size_t left_out;         /* for which there was no room */
} cli_known_traces;

/* False: no memory. */
bool cli_known_traces_init(cli_known_traces *traces) OSP_MUST_CHECK;
void cli_known_traces_term(cli_known_traces *traces);

/* The collector is about to be asked. What it does not name this time is forgotten. */
void cli_known_traces_begin(cli_known_traces *traces);

/*
 * The collector has named a trace: what was known of it before (asked is 0: nothing),
 * to be changed by the caller. NULL: there is no room, or it was named already.
 */
cli_known_trace *cli_known_traces_see(cli_known_traces *traces,
									  osp_str base_id);

#endif /* OSPROFILER_CLI_KNOWN_TRACES_H */
