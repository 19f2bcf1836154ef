/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_json.h
 *	  Traces of a list as JSON.
 */
#ifndef OSPROFILER_CLI_TRACE_JSON_H
#define OSPROFILER_CLI_TRACE_JSON_H

#include "list/trace_rows.h"
#include "out.h"

/* Appends one trace as an object on one line. */
void cli_trace_json_row(osp_buf *json, const osp_trace_entry *entry);

/* Writes {"traces": [...], "next": page}; an empty page is written as null. */
void cli_trace_json_list(const cli_trace_rows *rows, cli_out *out,
						 osp_str page);

#endif /* OSPROFILER_CLI_TRACE_JSON_H */
