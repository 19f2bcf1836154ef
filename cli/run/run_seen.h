/* SPDX-License-Identifier: Apache-2.0
 *
 * run_seen.h
 *	  What the operations of a run's command were.
 */
#ifndef OSPROFILER_CLI_RUN_SEEN_H
#define OSPROFILER_CLI_RUN_SEEN_H

#include "record/record.h"

/* Where a connection leads; a longer text counts as unknown. */
typedef struct run_place
{
	char server[256];
	char port[16];
	char database[64];
	char user[64];
} run_place;

typedef struct run_seen
{
	uint64_t libpq;  /* statements */
	uint64_t sqlite; /* statements */
	uint64_t told;   /* statements of connections that tell the server */
	run_place first; /* of the first connection */
	run_place place; /* of the first one that told a server of the trace */
} run_seen;

/* Counts a record. */
void run_seen_add(run_seen *seen, const osp_record *record);

/* Does the server that was told run on this host, as far as its name tells? */
bool run_seen_is_local(const run_seen *seen);

/* The connection string of that server, or of the first one if none was told, without a
 * password, in libpq's form. */
void run_seen_conninfo(const run_seen *seen, char *out, size_t size);

#endif /* OSPROFILER_CLI_RUN_SEEN_H */
