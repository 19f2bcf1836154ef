/* SPDX-License-Identifier: Apache-2.0
 *
 * runstat.h
 *	  The status file of a run directory: counters, the clock, and the bell by
 *	  which producers wake the shipper.
 *
 * The bell is a futex in the mapped file, not a file to be opened: a producer can
 * ring it after chroot(), after changing its user, in other namespaces, and without
 * a free descriptor.
 */
#ifndef OSP_RUNSTAT_H
#define OSP_RUNSTAT_H

#include "osprofiler/context.h"
#include "record/rundir.h"

#define OSP_RUNSTAT_MAGIC   UINT64_C(0x746174735f70736f) /* "osp_stat" */
#define OSP_RUNSTAT_VERSION 3

/*
 * The status file. Counters only grow while the file exists (but ring_bytes,
 * spool_bytes and spool_points also shrink). They are changed by relaxed atomic adds,
 * and never for each point: what a producer counts per record lies in its own ring.
 */
typedef struct osp_runstat
{
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of this struct */

	/* CLOCK_REALTIME - CLOCK_MONOTONIC in ns, the same for all points of all producers.
	 * Set when the file is made, and by the shipper after a step of the wall clock of
	 * more than OSP_CLOCK_STEP_NS. */
	int64_t wall_offset_ns;
	uint64_t rings_made; /* grows when a ring has appeared */
	osp_uuid id;         /* of the run directory, made with the file */
	uint64_t ring_bytes; /* bytes that all rings together take */
	uint64_t untraced;   /* sessions that could make no ring */

	/* the shipper and whether it sleeps */
	uint64_t shipper;   /* osp_owner_self() of the shipper; 0: none */
	uint32_t sleeping;  /* not 0: the number of a sleep; a producer that commits
						 * a record rings the bell, and then stores 0 */
	uint32_t bell;      /* a futex on which the shipper waits */
	uint64_t next_ring; /* the number of the next ring */
	uint64_t
		retiring; /* odd while the shipper removes a ring and adds its counters
				   * to these */

	/* While retiring is odd: the number of that ring, and what retired_records and
	 * retired_dropped will be. So the next shipper can finish it. */
	uint64_t retiring_ring;
	uint64_t retiring_records;
	uint64_t retiring_dropped;

	/* When something was lost last: points, a session without a ring, damaged bytes. 0:
	 * nothing yet. Rings that exist have times of their own. */
	int64_t last_loss_wall_ns;

	/* contexts, by osp_verdict */
	uint64_t contexts[16];

	/* the shipper's counters, in points unless another unit is named */
	uint64_t shipped;       /* accepted by the collector */
	uint64_t spooled;       /* written to the spool */
	uint64_t spool_dropped; /* lost because the spool was full or unwritable */
	uint64_t spool_bytes;   /* in the spool now */
	uint64_t spool_points;  /* in the spool now */
	uint64_t corrupt_bytes; /* invalid bytes of rings and spool, skipped */
	uint64_t refused;       /* points that the collector refused for good */
	uint64_t batches;       /* handed to the driver */
	uint64_t cpu_ns; /* CPU time of the shipper's process since its start */

	/* The last window of some seconds in which the shipper had work: its end, its
	 * length, and the points that the collector confirmed in it. Then the median and
	 * the 99th percentile of the points' age at that time, counted from the events they
	 * report. */
	int64_t window_wall_ns; /* 0: none yet */
	uint64_t window_ns;
	uint64_t window_points;
	uint64_t lag_p50_us;
	uint64_t lag_p99_us;
	uint64_t driver_errors;     /* batches that failed */
	uint64_t retired_records;   /* header->records of rings since removed */
	uint64_t retired_dropped;   /* header->dropped of rings since removed */
	int64_t last_error_wall_ns; /* 0: none yet */
	uint32_t error_seq;         /* odd while last_error is being written */
	char last_error[252];       /* terminated */
} osp_runstat;

/* Value of sleeping: the run directory was replaced, and producers must move to the new
 * one. */
#define OSP_RUNSTAT_MOVED UINT32_MAX

/* Begins last_error where a PostgreSQL server cannot use its run directory, and so traces
 * nothing. */
#define OSP_RUNSTAT_NO_DIRECTORY "no run directory: "

#define OSP_CLOCK_STEP_NS INT64_C(1000000)

/*
 * Maps the status file of the directory, making it if it does not exist yet (if
 * two processes race, both get the same file). An invalid file is replaced.
 * Unmapped by osp_runstat_unmap.
 */
osp_status osp_runstat_map(int dir_fd, osp_runstat **out,
						   osp_error *err) OSP_MUST_CHECK;
void osp_runstat_unmap(osp_runstat *stat);

/* Moves the counters of a removed run directory's status file to that of its successor:
 * contexts, points, sessions, errors. */
void osp_runstat_take_over(osp_runstat *to, osp_runstat *from);

static inline void
osp_runstat_add(uint64_t *counter, uint64_t n)
{
	(void) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* Never goes below 0: a count that was lost before must not make it huge. */
static inline void
osp_runstat_sub(uint64_t *counter, uint64_t n)
{
	uint64_t now = __atomic_load_n(counter, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(counter,
										&now,
										now > n ? now - n : 0,
										true,
										__ATOMIC_RELAXED,
										__ATOMIC_RELAXED))
		;
}

/* Stores the text and the time of the last error. For processes that deliver, or cannot
 * begin to. */
void osp_runstat_note_error(osp_runstat *stat, const char *text,
							int64_t wall_ns);

/* Notes that something is lost now, or was at that time. */
void osp_runstat_note_loss(osp_runstat *stat);
void osp_runstat_note_loss_at(osp_runstat *stat, int64_t wall_ns);

/* CLOCK_REALTIME - CLOCK_MONOTONIC now, the most precise of a few readings. */
int64_t osp_wall_offset_now(void);

/* Sums of the counters of a run directory's rings and of its status file. */
typedef struct osp_run_totals
{
	osp_runstat stat; /* a copy, its last_error whole and terminated */
	bool shipper_alive;
	uint64_t rings;
	uint64_t written; /* records, including those of removed rings */
	uint64_t dropped;
	uint64_t waiting_bytes;
	int64_t
		last_loss_wall_ns; /* of the status file and of all rings; 0: none */
} osp_run_totals;

/* Reads the totals. Other processes continue to count meanwhile, so they need not add
 * up; but each ring is counted exactly once, in the status file or by itself, even
 * while it is being removed. */
osp_status osp_run_totals_read(int dir_fd, osp_run_totals *totals,
							   osp_error *err) OSP_MUST_CHECK;

/* Rings the bell if the shipper sleeps. Keeps errno. */
void osp_runstat_ring(osp_runstat *stat);

/* Rings the bell in any case. */
void osp_runstat_ring_always(osp_runstat *stat);

/* Waits until the bell has a value other than seen, or a signal comes. Returns 0, or
 * the errno of why it did not wait: EFAULT if the file is too short to wait on. */
int osp_runstat_listen(osp_runstat *stat, uint32_t seen);

#endif /* OSP_RUNSTAT_H */
