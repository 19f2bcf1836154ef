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

/* Columns of the table, and their widths; 0: it is left out. */
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
	osp_buf line; /* that is being made */
	size_t columns;
} cli_trace_table;

/*
 * What can be shown, and how wide the lines are, stands in the options. Narrow lines
 * have the beginnings of ids, shorter times, and fewer columns. Lines of no width have
 * all columns, and texts are cut at 72.
 */
void cli_trace_table_init(cli_trace_table *table,
						  const osp_draw_options *options);
void cli_trace_table_term(cli_trace_table *table);

/* Write a line; out has the error if that fails. */
void cli_trace_table_head(cli_trace_table *table, cli_out *out);
void cli_trace_table_row(cli_trace_table *table, const osp_trace_entry *entry,
						 cli_out *out);

#endif /* OSPROFILER_CLI_TRACE_TABLE_H */
