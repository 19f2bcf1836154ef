/* SPDX-License-Identifier: Apache-2.0
 *
 * traces.h
 *	  A set of traces, for drivers whose collector names a trace many times.
 *
 * A trace is known by its base_id; of the times that it is added with the
 * earliest and the latest stay. Used by one thread at a time.
 *
 * A list is given newest first, by the time of the last notification. A page of
 * it is named by the time of its last trace in microseconds, and how many traces
 * of that time were given: "1795924800000000:1".
 */
#ifndef OSP_TRACES_H
#define OSP_TRACES_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "trace_text.h"

/* One trace; its texts lie in osp_traces.texts, which moves as it grows. */
typedef struct osp_traces_entry
{
	uint64_t hash;
	size_t id_at;
	size_t id_len;
	uint32_t place; /* the caller's */
	int64_t first_ns;
	int64_t last_ns;
	uint64_t operations;
	uint64_t errors;
	size_t service_at; /* of the first point that has one */
	int64_t service_ns;
	size_t name_at; /* of the first operation that tells traces apart, or of the
					 * first one: the name, and the text behind it */
	int64_t name_ns;
	bool tells; /* it does */
	uint8_t name_len;
	uint16_t service_len;
	uint16_t text_len;
} osp_traces_entry;

typedef struct osp_traces
{
	const osp_allocator *alc;
	osp_traces_entry *entries; /* in the order in which they came */
	size_t count;
	size_t cap;
	uint32_t *slots; /* 1 + place in entries, 0: free; two for each of cap */
	osp_buf texts;
	osp_buf scratch;
} osp_traces;

/* How far a list was given. */
typedef struct osp_page
{
	int64_t at_us; /* INT64_MAX: it begins */
	int64_t ties;
} osp_page;

void osp__traces_init(osp_traces *traces, const osp_allocator *alc);
void osp__traces_term(osp_traces *traces);

/* Forgets all traces, keeps the memory. */
void osp__traces_reset(osp_traces *traces);

/* The entry of a trace, made if it is not there yet, returned borrowed until
 * another is added. OSP_ENOMEM, OSP_EFULL. */
osp_status osp__traces_add(osp_traces *traces, osp_str base_id,
						   osp_traces_entry **entry) OSP_MUST_CHECK;

/* The trace has a notification of this time, if it makes sense. */
void osp__traces_time(osp_traces_entry *entry, osp_str timestamp);

/* Is the last notification of the trace older? Not known of a trace without a time,
 * which therefore is not. */
bool osp__traces_is_older(const osp_traces_entry *entry, int64_t than_ns);

/* Adds what a notification tells of its trace. */
osp_status osp__traces_note(osp_traces *traces,
							const osp_notification *point) OSP_MUST_CHECK;

/* What a list says of entry i < count, with texts borrowed until one is added. */
osp_trace_entry osp__traces_describe(const osp_traces *traces, size_t i);

/* The base_id of entry i < count, returned borrowed until one is added. */
osp_str osp__traces_id(const osp_traces *traces, size_t i);

/* Reads the name of a page, empty for the first. OSP_EINVAL: it is none. */
osp_status osp__page_read(osp_page *page, osp_str text,
						  osp_error *err) OSP_MUST_CHECK;
void osp__page_write(const osp_page *page, osp_buf *buf);

/* Goes on to the next trace, whose last notification is of this time. */
void osp__page_step(osp_page *page, int64_t last_ns);

/* Does a trace lie in the time of the filter? */
bool osp__is_in_time(const osp_trace_filter *filter, int64_t first_ns,
					 int64_t last_ns);

/* The traces of the set that the filter lets pass and that come behind page, in
 * order: numbers of entries, returned owned (osp_free). OSP_ENOMEM. */
osp_status osp__traces_order(const osp_traces *traces,
							 const osp_trace_filter *filter,
							 const osp_page *page, uint32_t **order,
							 size_t *count) OSP_MUST_CHECK;

/* Hands the page of a list to fn, and leaves the name of the next one in next,
 * empty if there is none. */
osp_status osp__traces_each(osp_traces *traces, const osp_trace_filter *filter,
							osp_trace_fn fn, void *ctx, osp_buf *next,
							osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_TRACES_H */
