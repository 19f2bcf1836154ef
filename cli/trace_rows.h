/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_rows.h
 *	  The rows of a list of traces: the newest of those that a collector names,
 *	  as a table or as JSON.
 */
#ifndef OSPROFILER_CLI_TRACE_ROWS_H
#define OSPROFILER_CLI_TRACE_ROWS_H

#include "osprofiler/driver.h"
#include "out.h"

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
	size_t limit; /* only the newest so many are kept; 0: all */
	size_t left_out;
} cli_trace_rows;

void cli_trace_rows_init(cli_trace_rows *rows, size_t limit);
void cli_trace_rows_term(cli_trace_rows *rows);

/* An osp_trace_fn; ctx is a cli_trace_rows. */
osp_status cli_trace_rows_add(void *ctx, const osp_trace_entry *entry);

/* Sorts them, the newest first, and forgets the first skip of them. */
void cli_trace_rows_sort(cli_trace_rows *rows, size_t skip);

/* Writes them as a table of lines, cut to width columns (0: not cut). */
void cli_trace_rows_table(const cli_trace_rows *rows, cli_out *out,
						  unsigned width);

/* Writes {"traces": [...], "next": page}; page empty: null. */
void cli_trace_rows_json(const cli_trace_rows *rows, cli_out *out,
						 osp_str page);

#endif /* OSPROFILER_CLI_TRACE_ROWS_H */
