/* SPDX-License-Identifier: Apache-2.0
 *
 * traces.h
 *	  A set of traces, for drivers whose collector names a trace many times.
 *
 * A trace is identified by its base_id. The earliest and the latest of its
 * times are kept. A set is used by one thread at a time.
 *
 * A list has the newest trace first, by the time of the last notification. The
 * name of a page is the time of the last trace before it, in microseconds, and
 * how many traces of that time come before it: "1795924800000000:1".
 */
#ifndef OSP_TRACES_H
#define OSP_TRACES_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "trace_text.h"

/* A trace. Its texts are in osp_traces.texts, which moves when it grows. */
typedef struct osp_traces_entry
{
	uint64_t hash;
	size_t id_at;
	size_t id_len;
	uint32_t place; /* for use by the caller */
	int64_t first_ns;
	int64_t last_ns;
	uint64_t operations;
	uint64_t errors;
	size_t service_at; /* of the first point with a service */
	int64_t service_ns;
	/*
	 * The name and then the text of the first operation that shows what the
	 * trace does, or else of the first one.
	 */
	size_t name_at;
	int64_t name_ns;
	bool tells; /* it shows what the trace does */
	uint8_t name_len;
	uint16_t service_len;
	uint16_t text_len;
} osp_traces_entry;

typedef struct osp_traces
{
	const osp_allocator *alc;
	osp_traces_entry *entries; /* in the order in which they were added */
	size_t count;
	size_t cap;
	uint32_t *slots; /* index in entries + 1, or 0; 2 * cap of them */
	osp_buf texts;
	osp_buf scratch;
} osp_traces;

/* The place in a list where a page begins. */
typedef struct osp_page
{
	int64_t at_us; /* INT64_MAX: the beginning of the list */
	int64_t ties;
} osp_page;

void osp__traces_init(osp_traces *traces, const osp_allocator *alc);
void osp__traces_term(osp_traces *traces);

/* Removes all traces, but keeps the memory. */
void osp__traces_reset(osp_traces *traces);

/*
 * Finds or makes the entry of a trace, borrowed until another is added.
 * OSP_ENOMEM, OSP_EFULL.
 */
osp_status osp__traces_add(osp_traces *traces, osp_str base_id,
						   osp_traces_entry **entry) OSP_MUST_CHECK;

/* Notes the time of one of the trace's notifications, unless it makes no sense. */
void osp__traces_time(osp_traces_entry *entry, osp_str timestamp);

/*
 * Is the last notification of the trace older than this? False for a trace
 * without a time, for which that is not known.
 */
bool osp__traces_is_older(const osp_traces_entry *entry, int64_t than_ns);

/* Adds the facts of a notification to its trace. */
osp_status osp__traces_note(osp_traces *traces,
							const osp_notification *point) OSP_MUST_CHECK;

/*
 * Describes entry i < count for a list, with texts that are borrowed until a
 * trace is added.
 */
osp_trace_entry osp__traces_describe(const osp_traces *traces, size_t i);

/* Returns the base_id of entry i < count, borrowed until a trace is added. */
osp_str osp__traces_id(const osp_traces *traces, size_t i);

/*
 * Reads the name of a page, which is empty for the first page. OSP_EINVAL: it
 * is not such a name.
 */
osp_status osp__page_read(osp_page *page, osp_str text,
						  osp_error *err) OSP_MUST_CHECK;
void osp__page_write(const osp_page *page, osp_buf *buf);

/* Moves page behind the next trace, whose last notification has this time. */
void osp__page_step(osp_page *page, int64_t last_ns);

/* Does a trace lie within the time of the filter? */
bool osp__is_in_time(const osp_trace_filter *filter, int64_t first_ns,
					 int64_t last_ns);

/*
 * Orders the traces of the set that the filter lets through and that come after
 * page. order becomes their indexes, owned (osp_free). OSP_ENOMEM.
 */
osp_status osp__traces_order(const osp_traces *traces,
							 const osp_trace_filter *filter,
							 const osp_page *page, uint32_t **order,
							 size_t *count) OSP_MUST_CHECK;

/*
 * Passes the traces of a page to fn, and writes the name of the next page to
 * next; empty if there is none.
 */
osp_status osp__traces_each(osp_traces *traces, const osp_trace_filter *filter,
							osp_trace_fn fn, void *ctx, osp_buf *next,
							osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_TRACES_H */
