/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_list.c
 *	  The SQL function traces, which lists the traces of the collector.
 */
#include "pgosp.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "osprofiler/driver.h"
#include "pgosp_rows.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define COLUMNS 8

#define US_PER_EPOCH_SHIFT \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

PG_FUNCTION_INFO_V1(pgosp_traces);

/* A trace; the texts of its entry are stored behind it. */
typedef struct listedTrace
{
	struct listedTrace *next;
	osp_trace_entry entry;
} listedTrace;

/* The list of traces so far. None of its functions raises an error while the driver
 * works. */
typedef struct traceList
{
	const osp_allocator *alc;
	listedTrace *first;
	listedTrace **end;
} traceList;

/* Copies a text to *at, and moves *at to the end of the copy. */
static osp_str
keep_text(osp_str text, char **at)
{
	osp_str kept = osp_str_n(*at, text.len);

	if (text.len > 0)
		memcpy(*at, text.ptr, text.len);
	*at += text.len;
	return kept;
}

/* Appends a trace to the list; an osp_trace_fn. */
static osp_status
keep_trace(void *ctx, const osp_trace_entry *entry)
{
	traceList *list = (traceList *) ctx;
	size_t size = entry->base_id.len + entry->service.len + entry->name.len +
				  entry->text.len;
	listedTrace *trace =
		list->alc->alloc(list->alc->ctx, sizeof(*trace) + size);
	char *at;

	if (trace == NULL)
		return OSP_ENOMEM;
	at = (char *) (trace + 1);
	trace->next = NULL;
	trace->entry = *entry;
	trace->entry.base_id = keep_text(entry->base_id, &at);
	trace->entry.service = keep_text(entry->service, &at);
	trace->entry.name = keep_text(entry->name, &at);
	trace->entry.text = keep_text(entry->text, &at);
	*list->end = trace;
	list->end = &trace->next;
	return OSP_OK;
}

/* Converts a text of the collector to the database's encoding; bytes that it cannot
 * hold become "?". */
static Datum
storable_text(osp_str text)
{
	char *copy = pnstrdup(text.ptr, text.len);
	bool utf8 = GetDatabaseEncoding() == PG_UTF8 &&
				pg_verify_mbstr(PG_UTF8, text.ptr, (int) text.len, true);
	size_t i;

	for (i = 0; i < text.len; i++)
		if (copy[i] == '\0' || (!utf8 && (copy[i] & 0x80) != 0))
			copy[i] = '?';
	return PointerGetDatum(cstring_to_text_with_len(copy, (int) text.len));
}

static void
put_trace(const pgospRows *rows, const osp_trace_entry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(rows->row);
	Datum values[COLUMNS] = {
		storable_text(entry->base_id),
		TimestampTzGetDatum(pgosp_wall_time(entry->first_ns)),
		TimestampTzGetDatum(pgosp_wall_time(entry->last_ns)),
		Int64GetDatum((int64) entry->operations),
		Int64GetDatum((int64) entry->errors),
		storable_text(entry->service),
		storable_text(entry->name),
		storable_text(entry->text),
	};
	bool nulls[COLUMNS] = {
		false,
		entry->first_ns == 0,
		entry->last_ns == 0,
		entry->operations == OSP_UNKNOWN,
		entry->errors == OSP_UNKNOWN,
		entry->service.len == 0,
		entry->name.len == 0,
		entry->text.len == 0,
	};

	tuplestore_putvalues(rows->store, rows->desc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(rows->row);
	CHECK_FOR_INTERRUPTS();
}

/* An argument that is a time, as nanoseconds since 1970; 0: it is null or infinite. */
static int64
moment_argument(FunctionCallInfo fcinfo, int number)
{
	TimestampTz time = PG_ARGISNULL(number) ? 0 : PG_GETARG_TIMESTAMPTZ(number);

	if (PG_ARGISNULL(number) || TIMESTAMP_NOT_FINITE(time))
		return 0;
	return (time + US_PER_EPOCH_SHIFT) * 1000;
}

/* traces(since, until, max): returns a row for each trace, in the collector's order */
Datum
pgosp_traces(PG_FUNCTION_ARGS)
{
	traceList list = {.alc = pgosp_collector_memory()};
	osp_trace_filter filter = {.struct_size = sizeof(filter)};
	const listedTrace *trace;
	pgospRows rows;

	pgosp_rows_begin(fcinfo, &rows);
	filter.page = filter.service = filter.text = OSP_STR("");
	filter.since_ns = moment_argument(fcinfo, 0);
	filter.until_ns = moment_argument(fcinfo, 1);
	if (!PG_ARGISNULL(2) && PG_GETARG_INT32(2) > 0)
		filter.limit = (size_t) PG_GETARG_INT32(2);
	list.end = &list.first;
	pgosp_collector_list(&filter, list.alc, keep_trace, &list);
	for (trace = list.first; trace != NULL; trace = trace->next)
		put_trace(&rows, &trace->entry);
	return (Datum) 0;
}
