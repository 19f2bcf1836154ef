/* SPDX-License-Identifier: Apache-2.0
 *
 * known_traces.c
 *	  The traces that the collector had when it was asked last.
 *
 * There are two tables of fixed size, searched by open addressing; pages of
 * them that are never written take no memory. An id is represented by a hash of
 * 64 bits, so one in some 10,000,000,000 traces may be taken for another one
 * and not be listed.
 */
#include "list/known_traces.h"

#include <stdlib.h>

#define SLOTS ((size_t) 1 << 18) /* more than twice CLI_KNOWN_TRACES_MAX */

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

bool
cli_known_traces_init(cli_known_traces *traces)
{
	memset(traces, 0, sizeof(*traces));
	traces->now = calloc(SLOTS, sizeof(*traces->now));
	traces->before = calloc(SLOTS, sizeof(*traces->before));
	return traces->now != NULL && traces->before != NULL;
}

void
cli_known_traces_term(cli_known_traces *traces)
{
	free(traces->now);
	free(traces->before);
}

void
cli_known_traces_begin(cli_known_traces *traces)
{
	cli_known_trace *before = traces->before;

	traces->before = traces->now;
	traces->now = before;
	memset(traces->now, 0, SLOTS * sizeof(*traces->now));
	traces->count = 0;
}

static uint64_t
hash_id(osp_str id)
{
	uint64_t hash = FNV_OFFSET;
	size_t i;

	for (i = 0; i < id.len; i++)
		hash = (hash ^ (unsigned char) id.ptr[i]) * FNV_PRIME;
	return hash != 0 ? hash : 1;
}

/* Finds the place of a hash in a table, or the free place where it belongs. */
static cli_known_trace *
find(cli_known_trace *table, uint64_t hash)
{
	size_t at = (size_t) (hash ^ (hash >> 32)) & (SLOTS - 1);

	while (table[at].hash != 0 && table[at].hash != hash)
		at = (at + 1) & (SLOTS - 1);
	return &table[at];
}

cli_known_trace *
cli_known_traces_see(cli_known_traces *traces, osp_str base_id)
{
	uint64_t hash = hash_id(base_id);
	cli_known_trace *trace = find(traces->now, hash);

	if (trace->hash != 0)
		return NULL;
	if (traces->count == CLI_KNOWN_TRACES_MAX)
	{
		traces->left_out++;
		return NULL;
	}
	*trace = *find(traces->before, hash);
	trace->hash = hash;
	traces->count++;
	return trace;
}
