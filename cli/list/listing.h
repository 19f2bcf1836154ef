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

/* Which traces are wanted. */
typedef struct cli_list_query
{
	osp_trace_filter filter; /* without its limit */
	cli_list_order order;
	long limit;  /* 0: all */
	long newest; /* read only this many of the newest; 0: all */
} cli_list_query;

typedef struct cli_listing
{
	const cli_collector *collector;
	const cli_list_query *query;
	cli_trace_rows rows;
	size_t skip;       /* how many traces before the rows are left out */
	char next[512];    /* the next page; empty: there is none */
	osp_status status; /* the answer of the collector */
} cli_listing;

/*
 * Reads a list from an open collector. query is borrowed until
 * cli_listing_term(), which has to be called in any case. CLI_FAILED after a
 * message.
 */
int cli_listing_make(cli_listing *list, const cli_collector *collector,
					 const cli_list_query *query) OSP_MUST_CHECK;
void cli_listing_term(cli_listing *list);

/*
 * Finds the order of this name: time, duration, operations or errors. False:
 * there is none.
 */
bool cli_list_order_of(osp_str name, cli_list_order *order) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LISTING_H */
