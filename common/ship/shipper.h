/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper.h
 *	  The shipper: takes records out of all rings of a run directory and hands
 *	  them, as notifications in batches, to one driver.
 *
 * Two threads. The *drainer* (the thread that calls osp_shipper_step) reads
 * rings and spool, makes batches, and moves tails; the *sender* (made by
 * osp_shipper_open) does nothing but call the driver, so a slow collector never
 * keeps the rings from being emptied into the spool.
 *
 * Delivery is at least once: a ring's tail, and the consumed end of the spool,
 * move only when the driver has confirmed a batch. After a failure or a crash,
 * everything behind them is sent again, each notification with the same source
 * and sequence (notification.h). Collectors drop such copies if they can;
 * readers drop the others.
 *
 * While nothing is traced the shipper sleeps without waking: it waits for the
 * bell (record/runstat.h) with no timeout.
 */
#ifndef OSP_SHIPPER_H
#define OSP_SHIPPER_H

#include "osprofiler/base.h"
#include "record/record.h"

typedef struct osp_shipper osp_shipper;

typedef enum osp_log_level
{
	OSP_LOG_INFO,
	OSP_LOG_WARNING
} osp_log_level;

/* Writes one line to the log, without a newline. Both threads may call it. */
typedef void (*osp_log_fn)(void *ctx, osp_log_level level, const char *line);

/* Gets each record that is taken from a ring, borrowed during the call. */
typedef void (*osp_tap_fn)(void *ctx, const osp_record *record);

/* Settings of a shipper. All texts are copied. */
typedef struct osp_shipper_options
{
	const osp_allocator *alc;  /* NULL: the default; used by both threads */
	const char *run_directory; /* made if needed */
	osp_str connection_string;
	osp_str project; /* for records that name none; empty: null */
	osp_str service;
	osp_str host;           /* empty: gethostname() */
	const char *spool_path; /* NULL: "spool" in the run directory */
	uint64_t spool_limit;   /* bytes; 0: OSP_SPOOL_LIMIT_DEFAULT */
	bool filter_error_trace;
	bool last;           /* no other shipper follows in this directory */
	unsigned timeout_ms; /* timeout of the driver; 0: 5000 */
	osp_log_fn log;      /* may be NULL */
	void *log_ctx;
	osp_tap_fn tap; /* gets every record, too; may be NULL */
	void *tap_ctx;
} osp_shipper_options;

/*
 * Opens a shipper, returned owned. OSP_EBUSY: another shipper has this run
 * directory. A connection string that is wrong, or has no plug-in, is no
 * failure: it is logged once, and everything is spooled up to the limit, as if
 * the collector were down.
 */
osp_status osp_shipper_open(const osp_shipper_options *options,
							osp_shipper **out, osp_error *err) OSP_MUST_CHECK;

/* A descriptor to be polled for reading between steps. */
int osp_shipper_fd(const osp_shipper *shipper);

/*
 * Does the work that is due, and returns how many milliseconds the caller may
 * wait on osp_shipper_fd before the next step: 0: do not wait; -1: without
 * limit. Never blocks on the collector.
 */
int osp_shipper_step(osp_shipper *shipper);

/*
 * Delivers all records that are committed now, or spools them, within about
 * timeout_ms. True if none of them is left in the rings.
 */
bool osp_shipper_flush(osp_shipper *shipper, unsigned timeout_ms);

/* Does the collector have all committed records of rings and spool? */
bool osp_shipper_is_empty(const osp_shipper *shipper);

/*
 * Is a call of the driver in progress? Then osp_shipper_close must wait for it.
 * After a flush that left nothing in the rings, a process may end without
 * closing: all points are in the spool, and will be sent again.
 */
bool osp_shipper_busy(const osp_shipper *shipper);

/*
 * Ends the sender (after its call in progress, at most the driver's timeout)
 * and frees everything. Points that were not delivered stay in rings and spool
 * for the next shipper. NULL is fine.
 */
void osp_shipper_close(osp_shipper *shipper);

#endif /* OSP_SHIPPER_H */
