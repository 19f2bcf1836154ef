/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_prefix.h
 *	  Finds a trace by the beginning of its id.
 */
#ifndef OSPROFILER_CLI_TRACE_PREFIX_H
#define OSPROFILER_CLI_TRACE_PREFIX_H

#include "collector_options.h"
#include "osprofiler/ids.h"

/* The shortest beginning of an id that is searched for. */
#define CLI_PREFIX_MIN 8

/*
 * If name may be the beginning of an id (at least CLI_PREFIX_MIN hex digits,
 * dashes where a UUID has them), finds the one trace among the newest ones
 * whose id begins with it. CLI_OK and an empty id: there is none, or name is
 * something else. CLI_FAILED after a message, if several ids begin with it, or
 * the list cannot be read. *listed is the result of reading the list: OSP_OK
 * also if no list was needed, OSP_ENOENT if there is no store yet.
 */
int cli_trace_prefix_find(cli_collector *collector, const char *name,
						  char id[OSP_ID_MAX + 1],
						  osp_status *listed) OSP_MUST_CHECK;

/* Is the name the beginning of a UUID, long enough to be searched for? */
bool cli_is_trace_prefix(const char *name) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_PREFIX_H */
