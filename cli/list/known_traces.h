/* SPDX-License-Identifier: Apache-2.0
 *
 * known_traces.h
 *	  The traces that the collector had when it was asked last.
 */
#ifndef OSPROFILER_CLI_KNOWN_TRACES_H
#define OSPROFILER_CLI_KNOWN_TRACES_H

#include "osprofiler/driver.h"

/* How many traces are remembered. Further ones are not followed. */
#define CLI_KNOWN_TRACES_MAX 100000

typedef struct cli_known_trace
{
	uint64_t hash; /* of the trace's id; 0: this place is free */
	int64_t last_ns;
	uint64_t operations;
	unsigned asked; /* how many answers had the trace */
	bool listed;
} cli_known_trace;

typedef struct cli_known_traces
{
	cli_known_trace *now;    /* traces of this answer of the collector */
	cli_known_trace *before; /* traces of the answer before */
	size_t count;            /* of traces in now */
	size_t left_out;         /* traces without a place in the table */
} cli_known_traces;

/* Makes empty tables. False: no memory. */
bool cli_known_traces_init(cli_known_traces *traces) OSP_MUST_CHECK;
void cli_known_traces_term(cli_known_traces *traces);

/* Begins a new answer of the collector. Traces that it does not name are forgotten. */
void cli_known_traces_begin(cli_known_traces *traces);

/*
 * Notes a trace that the collector has named. Returns what was known about it
 * before (nothing if asked is 0), for the caller to update. NULL: there is no
 * room, or this answer has named it already.
 */
cli_known_trace *cli_known_traces_see(cli_known_traces *traces,
									  osp_str base_id);

#endif /* OSPROFILER_CLI_KNOWN_TRACES_H */
