/* SPDX-License-Identifier: Apache-2.0
 *
 * listing.h
 *	  A part of the list of a collector's traces.
 */
#ifndef OSPROFILER_CLI_LISTING_H
#define OSPROFILER_CLI_LISTING_H

#include "collector_options.h"
#include "list/trace_rows.h"

#define CLI_LIST_LIMIT_MAX 100000000

/* Which traces are asked for. */
typedef struct cli_list_query
{
	osp_trace_filter filter; /* without its limit */
	cli_list_order order;
	long limit;  /* 0: all */
	long newest; /* only so many of the newest are looked at; 0: all */
} cli_list_query;

typedef struct cli_listing
{
	const cli_collector *collector;
	const cli_list_query *query;
	cli_trace_rows rows;
	size_t skip;       /* the first so many are not among the rows */
	char next[512];    /* the page behind it; empty: there is none */
	osp_status status; /* what the collector has answered */
} cli_listing;

/*
 * Asks an open collector. Ended by cli_listing_term() in any case; until then query is
 * borrowed. CLI_FAILED after a message.
 */
int cli_listing_make(cli_listing *list, const cli_collector *collector,
					 const cli_list_query *query) OSP_MUST_CHECK;
void cli_listing_term(cli_listing *list);

/* The order of this name: time, duration, operations or errors. False: there is none. */
bool cli_list_order_of(osp_str name, cli_list_order *order) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LISTING_H */
