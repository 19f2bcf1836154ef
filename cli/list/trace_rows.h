/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_rows.h
 *	  The rows of a list of traces: the first ones of a collector in some order.
 *	  trace_table.h writes them.
 */
#ifndef OSPROFILER_CLI_TRACE_ROWS_H
#define OSPROFILER_CLI_TRACE_ROWS_H

#include "osprofiler/driver.h"

/*
 * Which traces come first: the newest, the longest, those with most operations
 * or errors. Traces whose value is unknown come last.
 */
typedef enum cli_list_order
{
	CLI_ORDER_TIME,
	CLI_ORDER_DURATION,
	CLI_ORDER_OPERATIONS,
	CLI_ORDER_ERRORS
} cli_list_order;

/* One trace; its entry's texts lie in text, which the row owns. */
typedef struct cli_trace_row
{
	osp_trace_entry entry;
	char *text;
} cli_trace_row;

typedef struct cli_trace_rows
{
	cli_trace_row *rows;
	size_t count;
	size_t room;
	cli_list_order order;
	size_t limit;    /* how many rows are kept at most; 0: all */
	size_t left_out; /* traces that are no longer among the rows */
} cli_trace_rows;

void cli_trace_rows_init(cli_trace_rows *rows, cli_list_order order,
						 size_t limit);
void cli_trace_rows_term(cli_trace_rows *rows);

/* Adds a row; an osp_trace_fn whose ctx is a cli_trace_rows. */
osp_status cli_trace_rows_add(void *ctx, const osp_trace_entry *entry);

/*
 * Sorts the rows, in an order that may differ from the one in which they were
 * gathered.
 */
void cli_trace_rows_sort(cli_trace_rows *rows, cli_list_order order);

/* Removes the first skip rows, and those beyond the limit (0: none) after that. */
void cli_trace_rows_cut(cli_trace_rows *rows, size_t skip, size_t limit);

#endif /* OSPROFILER_CLI_TRACE_ROWS_H */
