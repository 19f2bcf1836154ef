/* SPDX-License-Identifier: Apache-2.0
 *
 * traces.h
 *	  A set of traces, for drivers whose collector names a trace many times.
 *
 * A trace is known by its base_id; of the timestamps that it is added with the
 * earliest stays, and an error once seen stays. Used by one thread at a time.
 */
#ifndef OSP_TRACES_H
#define OSP_TRACES_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"

/* One trace; its texts lie in osp_traces.texts, which moves as it grows. */
typedef struct osp_traces_entry
{
	uint64_t hash;
	size_t id_at;
	size_t id_len;
	uint8_t timestamp_len;
	bool error;
	char timestamp[OSP_TIMESTAMP_LEN];
} osp_traces_entry;

typedef struct osp_traces
{
	const osp_allocator *alc;
	osp_traces_entry *entries; /* in the order in which they came */
	size_t count;
	size_t cap;
	uint32_t *slots; /* 1 + place in entries, 0: free; two for each of cap */
	osp_buf texts;
} osp_traces;

void osp__traces_init(osp_traces *traces, const osp_allocator *alc);
void osp__traces_term(osp_traces *traces);

/* Adds a trace, or to what is known of it. OSP_ENOMEM, OSP_EFULL. Texts are
 * borrowed; of the timestamp the first OSP_TIMESTAMP_LEN bytes are kept. */
osp_status osp__traces_add(osp_traces *traces, osp_str base_id,
						   osp_str timestamp, bool error) OSP_MUST_CHECK;

/* The base_id of entry i < count, returned borrowed until one is added. */
osp_str osp__traces_id(const osp_traces *traces, size_t i);

/* Hands every trace (only those with an error, if so filtered) to fn. */
osp_status osp__traces_each(const osp_traces *traces,
							const osp_trace_filter *filter, osp_trace_fn fn,
							void *ctx) OSP_MUST_CHECK;

#endif /* OSP_TRACES_H */
