/* SPDX-License-Identifier: Apache-2.0
 *
 * traces.h
 *	  A set of traces, for drivers whose collector names a trace many times.
 *
 * A trace is known by its base_id; of the times that it is added with the
 * earliest and the latest stay. Used by one thread at a time.
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
	int64_t first_ns;
	int64_t last_ns;
	uint64_t operations;
	uint64_t errors;
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

/* The entry of a trace, made if it is not there yet, returned borrowed until
 * another is added. OSP_ENOMEM, OSP_EFULL. */
osp_status osp__traces_add(osp_traces *traces, osp_str base_id,
						   osp_traces_entry **entry) OSP_MUST_CHECK;

/* The trace has a notification of this time, if it makes sense. */
void osp__traces_time(osp_traces_entry *entry, osp_str timestamp);

/* Adds what a notification tells of its trace. */
osp_status osp__traces_note(osp_traces *traces,
							const osp_notification *point) OSP_MUST_CHECK;

/* The base_id of entry i < count, returned borrowed until one is added. */
osp_str osp__traces_id(const osp_traces *traces, size_t i);

/* For drivers whose list is one page. */
static inline void
osp__no_next_page(osp_str *next)
{
	if (next != NULL)
		*next = OSP_STR("");
}

/* Hands every trace that passes the filter's errors and times to fn. */
osp_status osp__traces_each(const osp_traces *traces,
							const osp_trace_filter *filter, osp_trace_fn fn,
							void *ctx) OSP_MUST_CHECK;

#endif /* OSP_TRACES_H */
