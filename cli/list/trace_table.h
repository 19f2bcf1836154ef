/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_table.h
 *	  Traces as lines of a table.
 */
#ifndef OSPROFILER_CLI_TRACE_TABLE_H
#define OSPROFILER_CLI_TRACE_TABLE_H

#include "osprofiler/driver.h"
#include "osprofiler/report.h"
#include "out.h"

/* The widths of the table's columns; 0: the column is left out. */
typedef struct cli_table_layout
{
	unsigned id;
	unsigned time;
	unsigned duration;
	unsigned operations;
	unsigned errors;
	unsigned service;
} cli_table_layout;

typedef struct cli_trace_table
{
	osp_draw_options options;
	cli_table_layout layout;
	osp_buf line; /* the line that is being written */
	size_t columns;
} cli_trace_table;

/*
 * Makes a table. The options say which characters can be shown, and how wide
 * lines are. Narrow lines have shortened ids and times, and fewer columns.
 * Lines of width 0 have all columns, and texts are cut at 72 columns.
 */
void cli_trace_table_init(cli_trace_table *table,
						  const osp_draw_options *options);
void cli_trace_table_term(cli_trace_table *table);

/* Write a line. If that fails, out has the error. */
void cli_trace_table_head(cli_trace_table *table, cli_out *out);
void cli_trace_table_row(cli_trace_table *table, const osp_trace_entry *entry,
						 cli_out *out);

#endif /* OSPROFILER_CLI_TRACE_TABLE_H */
