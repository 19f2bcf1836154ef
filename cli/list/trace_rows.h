/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_rows.h
 *	  The rows of a list of traces: the first of those that a collector names, in an
 *	  order. trace_table.h writes them.
 */
#ifndef OSPROFILER_CLI_TRACE_ROWS_H
#define OSPROFILER_CLI_TRACE_ROWS_H

#include "osprofiler/driver.h"

/* What comes first: the newest, the longest, those with most operations or errors.
 * Traces of which that is not known come last. */
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
	size_t limit;    /* only the first so many in this order are kept; 0: all */
	size_t left_out; /* traces that are not among the rows any more */
} cli_trace_rows;

void cli_trace_rows_init(cli_trace_rows *rows, cli_list_order order,
						 size_t limit);
void cli_trace_rows_term(cli_trace_rows *rows);

/* An osp_trace_fn; ctx is a cli_trace_rows. */
osp_status cli_trace_rows_add(void *ctx, const osp_trace_entry *entry);

/* Sorts the rows, which may have been gathered in another order. */
void cli_trace_rows_sort(cli_trace_rows *rows, cli_list_order order);

/* Forgets the first skip rows, and all behind the limit (0: none) that follow. */
void cli_trace_rows_cut(cli_trace_rows *rows, size_t skip, size_t limit);

#endif /* OSPROFILER_CLI_TRACE_ROWS_H */
