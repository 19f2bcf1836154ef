/* SPDX-License-Identifier: Apache-2.0
 *
 * run_seen.h
 *	  Which operations the command of a run has made.
 */
#ifndef OSPROFILER_CLI_RUN_SEEN_H
#define OSPROFILER_CLI_RUN_SEEN_H

#include "record/record.h"

/*
 * The server and database of a connection. A text that is too long counts as
 * unknown.
 */
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
	uint64_t told;   /* statements of connections that send a context */
	run_place first; /* of the first connection */
	run_place place; /* of the first connection that sends a context */
} run_seen;

/* Counts the operation of a start record. */
void run_seen_add(run_seen *seen, const osp_record *record);

/* Does the server that got a context run on this host, judging by its name? */
bool run_seen_is_local(const run_seen *seen);

/*
 * Writes the connection string of the server that got a context, or of the
 * first one if none did, in libpq's format and without a password.
 */
void run_seen_conninfo(const run_seen *seen, char *out, size_t size);

#endif /* OSPROFILER_CLI_RUN_SEEN_H */
