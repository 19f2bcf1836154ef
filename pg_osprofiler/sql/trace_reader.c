/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_reader.c
 *	  Reads traces back from the collector, for the SQL functions.
 *
 * The driver runs in the backend, so no error may jump out of it: our functions
 * that it calls raise no errors, and return NULL when no memory is left. Errors
 * are raised after the driver has closed its connection, and so is an interrupt
 * that ended the reading.
 */
#include "pgosp.h"

#include <unistd.h>

#include "miscadmin.h"
#include "osprofiler/driver.h"
#include "osprofiler/report.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#define TIMEOUT_MS  5000 /* longest silence of the collector */
#define DELIVERY_MS 1000 /* the longest wait for points to be delivered */
#define LOOK_MS     10   /* between two checks whether they are */

/* Stands before each piece of memory, because realloc needs the old size. */
typedef struct pgospPiece
{
	size_t size;
	size_t unused; /* keeps the piece of memory aligned */
} pgospPiece;

static void *
memory_alloc(void *ctx, size_t size)
{
	MemoryContext memory = (MemoryContext) ctx;
	pgospPiece *piece;

	if (size > (size_t) maintenance_work_mem * 1024 ||
		MemoryContextMemAllocated(memory, false) + size >
			(size_t) maintenance_work_mem * 1024)
		return NULL;
	piece = MemoryContextAllocExtended(
		memory, sizeof(*piece) + size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (piece == NULL)
		return NULL;
	piece->size = size;
	return piece + 1;
}

static void
memory_free(void *ctx, void *ptr)
{
	int saved = errno;

	if (ptr != NULL)
		pfree((pgospPiece *) ptr - 1);
	errno = saved;
}

static void *
memory_realloc(void *ctx, void *ptr, size_t size)
{
	void *grown = memory_alloc(ctx, size);

	if (grown == NULL || ptr == NULL)
		return grown;
	memcpy(grown, ptr, Min(size, ((pgospPiece *) ptr - 1)->size));
	memory_free(ctx, ptr);
	return grown;
}

const osp_allocator *
pgosp_collector_memory(void)
{
	MemoryContext memory = AllocSetContextCreate(
		CurrentMemoryContext, "osprofiler trace", ALLOCSET_DEFAULT_SIZES);
	osp_allocator *alc = MemoryContextAlloc(memory, sizeof(*alc));

	alc->alloc = memory_alloc;
	alc->realloc = memory_realloc;
	alc->free = memory_free;
	alc->ctx = memory;
	return alc;
}

void
pgosp_collector_error(osp_status status, const char *message)
{
	char uri[OSP_CONNECTION_STRING_MAX];
	char shown[512];

	if (status == OSP_ENOMEM || status == OSP_EFULL)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("the trace is too large to be read here"),
				errhint("Increase maintenance_work_mem, or use \"osprofiler "
						"trace show\"."));
	(void) pgosp_collector_string(uri, NULL);
	osp_connection_string_redact(osp_str_of(uri), shown, sizeof(shown));
	ereport(ERROR,
			errcode(ERRCODE_CONNECTION_EXCEPTION),
			errmsg("cannot read the trace: %s",
				   message[0] != '\0' ? message : osp_status_text(status)),
			shown[0] != '\0' ? errdetail("The collector is %s.", shown) : 0);
}

static bool
read_totals(osp_run_totals *totals)
{
	char path[OSP_RUNDIR_PATH_MAX];

	return pgosp_read_totals(totals, path, NULL) == OSP_OK;
}

static bool
has_waiting(const osp_run_totals *totals)
{
	return totals->waiting_bytes > 0 || totals->stat.spool_points > 0;
}

/* Are the rings and the spool of this cluster empty? */
static bool
is_delivered(void)
{
	osp_run_totals totals;

	return !read_totals(&totals) || !has_waiting(&totals);
}

/* A collector's file does not exist before the first trace. Is it missing because the
 * shipper cannot make it? Then err says why. */
static bool
cannot_be_made(osp_error *err)
{
	osp_run_totals totals;

	if (!read_totals(&totals) || !has_waiting(&totals) ||
		totals.stat.last_error_wall_ns == 0)
		return false;
	(void) osp_error_set(err, OSP_EIO, "%s", totals.stat.last_error);
	return true;
}

/* Waits a little, because the latest points may still be on their way to the
 * collector. */
static void
wait_for_delivery(void)
{
	int waited;

	for (waited = 0; waited < DELIVERY_MS && !is_delivered(); waited += LOOK_MS)
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOOK_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* The request, and the function that gets the results. */
typedef struct pgospReading
{
	osp_str name; /* name of the trace to read */
	osp_point_fn fn;
	const osp_trace_filter *filter; /* filter of the list to read */
	osp_trace_fn list_fn;
	void *ctx;
	size_t count; /* notifications so far */
} pgospReading;

/* Counts a notification and passes it on; an osp_point_fn. */
static osp_status
hand_on(void *ctx, osp_str json)
{
	pgospReading *reading = (pgospReading *) ctx;

	reading->count++;
	return reading->fn(reading->ctx, json);
}

/* Adds a notification to the report; anything else is left out. */
static osp_status
add_point(void *ctx, osp_str json)
{
	osp_status status = osp_report_add((osp_report *) ctx, json, NULL);

	return status == OSP_EPROTO ? OSP_OK : status;
}

/* Has the user cancelled? The driver asks while it waits, and between two
 * notifications. */
static bool
is_interrupted(void *ctx)
{
	(void) ctx;
	return QueryCancelPending || ProcDiePending;
}

/* Reads the trace under the first form of its name that exists. */
static osp_status
read_forms(const osp_driver *driver, osp_driver_conn *conn, osp_str name,
		   pgospReading *reading, osp_error *err)
{
	osp_status status = OSP_OK;
	unsigned form;
	osp_id id;

	for (form = 0; status == OSP_OK && reading->count == 0 &&
				   osp_trace_name_form(name, form, &id);
		 form++)
	{
		char text[OSP_ID_MAX + 1];

		status = driver->get_points(
			conn, osp_id_text(&id, text), hand_on, reading, err);
	}
	return status;
}

/* Connects to the collector, whose driver must have the ability that flag names. */
static osp_status
open_collector(const char *uri, const osp_allocator *alc, uint32_t flag,
			   const osp_driver **driver, osp_driver_conn **conn,
			   osp_error *err)
{
	osp_driver_options options;
	osp_status status = osp_driver_find(osp_str_of(uri), driver, err);

	if (status != OSP_OK)
		return status;
	if (((*driver)->flags & flag) == 0)
		return osp_error_set(err,
							 OSP_EUNSUPPORTED,
							 "traces cannot be read back from this collector");
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = alc;
	options.connection_string = osp_str_of(uri);
	options.read_only = true;
	options.timeout_ms = TIMEOUT_MS;
	options.deadline_ms = (unsigned) pgosp_read_timeout_ms;
	options.interrupted = is_interrupted;
	options.memory_max = (size_t) maintenance_work_mem * 1024;
	return (*driver)->open(&options, conn, err);
}

static osp_status
read_points(const char *uri, const osp_allocator *alc, pgospReading *reading,
			osp_error *err)
{
	const osp_driver *driver;
	osp_driver_conn *conn = NULL;
	osp_status status =
		open_collector(uri, alc, OSP_DRIVER_CAN_READ, &driver, &conn, err);

	if (status != OSP_OK)
		return status;
	status = read_forms(driver, conn, reading->name, reading, err);
	driver->close(conn);
	return status;
}

static osp_status
read_list(const char *uri, const osp_allocator *alc, pgospReading *reading,
		  osp_error *err)
{
	const osp_driver *driver;
	osp_driver_conn *conn = NULL;
	osp_status status =
		open_collector(uri, alc, OSP_DRIVER_CAN_LIST, &driver, &conn, err);

	if (status != OSP_OK)
		return status;
	status = driver->list_traces(
		conn, reading->filter, reading->list_fn, reading->ctx, NULL, err);
	driver->close(conn);
	return status;
}

/* Makes a report that knows which processes of this cluster are still tracing. */
static osp_report *
new_report(const osp_allocator *alc)
{
	char *path = palloc(OSP_RUNDIR_PATH_MAX);
	osp_report *report = osp_report_new(alc);

	if (report == NULL)
		pgosp_collector_error(OSP_ENOMEM, "");
	if (pgosp_rundir(path, NULL) == OSP_OK)
		osp_report_ask_process(report, osp_run_process_state, path);
	return report;
}

/* Asks the collector. Raises an error if it cannot be read. */
static void
ask_collector(const osp_allocator *alc,
			  osp_status (*read)(const char *uri, const osp_allocator *alc,
								 pgospReading *reading, osp_error *err),
			  pgospReading *reading)
{
	char uri[OSP_CONNECTION_STRING_MAX];
	osp_error err = {OSP_OK, ""};
	osp_status status;

	wait_for_delivery();
	status = pgosp_collector_string(uri, &err);
	if (status != OSP_OK)
		pgosp_collector_error(status, err.msg);

	/* A connection or a file of the driver counts as one of PostgreSQL's open files. */
	if (!AcquireExternalFD())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("too many files are open to read the trace"));
	status = read(uri, alc, reading, &err);
	ReleaseExternalFD();
	CHECK_FOR_INTERRUPTS();

	if (status != OSP_OK && (status != OSP_ENOENT || cannot_be_made(&err)))
		pgosp_collector_error(status, err.msg);
}

size_t
pgosp_collector_points(osp_str name, const osp_allocator *alc, osp_point_fn fn,
					   void *ctx)
{
	pgospReading reading = {.name = name, .fn = fn, .ctx = ctx};

	ask_collector(alc, read_points, &reading);
	return reading.count;
}

void
pgosp_collector_list(const osp_trace_filter *filter, const osp_allocator *alc,
					 osp_trace_fn fn, void *ctx)
{
	pgospReading reading = {.filter = filter, .list_fn = fn, .ctx = ctx};

	ask_collector(alc, read_list, &reading);
}

osp_report *
pgosp_collector_read(osp_str name, const osp_allocator *alc)
{
	osp_report *report = new_report(alc);

	(void) pgosp_collector_points(name, alc, add_point, report);
	return report;
}
