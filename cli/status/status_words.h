/* SPDX-License-Identifier: Apache-2.0
 *
 * status_words.h
 *	  What is wrong with a run directory, in words that come before the
 *	  counters: points that wait while nobody delivers them, and points that
 *	  were lost.
 */
#ifndef OSPROFILER_CLI_STATUS_WORDS_H
#define OSPROFILER_CLI_STATUS_WORDS_H

#include "osprofiler/buf.h"
#include "record/runstat.h"

/*
 * Appends a line for each trouble, and returns how many there are. path is that
 * of the run directory, error_time the time of the last error as text. Losses are
 * left out if the last one was before since_ns.
 */
size_t cli_status_troubles(osp_buf *out, const char *path,
						   const osp_run_totals *totals, const char *error_time,
						   int64_t since_ns);

/* --- server_directories.c --- */

/* How many directories of PostgreSQL servers are in this run directory? What they hold
 * is not in its counters. */
size_t cli_server_directories(const char *parent);

#endif /* OSPROFILER_CLI_STATUS_WORDS_H */
