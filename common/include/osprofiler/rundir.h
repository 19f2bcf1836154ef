/* SPDX-License-Identifier: Apache-2.0
 *
 * rundir.h
 *	  The run directory: where producers and the shipper of one user (of one
 *	  PostgreSQL cluster) meet.
 *
 *	  status     counters and the clock, a mapped file (osp_runstat)
 *	  doorbell   a FIFO that wakes a sleeping shipper
 *	  lock       held (flock) by the one shipper
 *	  ring.N     rings, N counting from 0
 *	  spool      what could not be delivered yet, unless kept elsewhere
 *
 * The directory is used only if it is a real directory (no symbolic link),
 * belongs to the effective user, and is closed to everybody else.
 */
#ifndef OSPROFILER_RUNDIR_H
#define OSPROFILER_RUNDIR_H

#include "osprofiler/base.h"
#include "osprofiler/context.h"
#include "osprofiler/ring.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OSP_RUNDIR_PATH_MAX 1024
#define OSP_RINGS_MAX       1024

/*
 * The path of the run directory: configured if not empty, else
 * $XDG_RUNTIME_DIR/osprofiler (not for set-uid programs), else
 * /dev/shm/osprofiler-<uid>; with "/<sub>" behind it if sub is not empty.
 */
OSP_API osp_status osp_rundir_path(osp_str configured, osp_str sub,
								   char out[OSP_RUNDIR_PATH_MAX],
								   osp_error *err) OSP_MUST_CHECK;

/*
 * Opens the directory, making it (and missing parents below an existing
 * directory of ours, mode 0700) if create is set. The descriptor is the
 * caller's to close. OSP_EPERM: it is not ours, not a directory, or open to
 * others; OSP_ENOENT; OSP_EIO.
 */
OSP_API osp_status osp_rundir_open(const char *path, bool create, int *dir_fd,
								   osp_error *err) OSP_MUST_CHECK;

#define OSP_RUNSTAT_MAGIC   UINT64_C(0x746174735f70736f) /* "osp_stat" */
#define OSP_RUNSTAT_VERSION 2

/*
 * The status file. Counters only grow while the file exists, are changed by
 * relaxed atomic adds, and never on the way of a point: what a producer counts
 * per record lies in its own ring.
 */
typedef struct osp_runstat
{
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of this struct */

	/* CLOCK_REALTIME - CLOCK_MONOTONIC in ns, the same for all points of all
	 * producers; set when the file is made, by the shipper after a step of the
	 * wall clock of more than OSP_CLOCK_STEP_NS. */
	int64_t wall_offset_ns;
	uint64_t rings_made; /* grows when a ring appears or changes hands */
	osp_uuid id;         /* of the run directory, made with the file */
	char pad0[16];

	/* the shipper and its sleep */
	uint64_t shipper;  /* osp_owner_self() of the shipper; 0: none */
	uint32_t sleeping; /* not 0: the number of a sleep; a producer that commits
						* rings the doorbell, and then stores 0 */
	uint32_t pad1;
	char pad2[48];

	/* contexts, by osp_verdict */
	uint64_t contexts[16];

	/* the shipper's counters, in points unless another unit is named */
	uint64_t shipped;       /* accepted by the collector */
	uint64_t spooled;       /* written to the spool */
	uint64_t spool_dropped; /* lost because the spool was full or unwritable */
	uint64_t spool_bytes;   /* in the spool now */
	uint64_t spool_points;  /* in the spool now */
	uint64_t corrupt_bytes; /* of rings and spool, skipped */
	uint64_t refused;       /* points that the collector refused for good */
	uint64_t batches;       /* handed to the driver */
	uint64_t driver_errors; /* batches that failed */
	uint64_t retired_records;   /* header->records of rings since removed */
	uint64_t retired_dropped;   /* header->dropped of rings since removed */
	int64_t last_error_wall_ns; /* 0: none yet */
	uint32_t error_seq;         /* odd while last_error is being written */
	char last_error[252];       /* terminated */
} osp_runstat;

#define OSP_CLOCK_STEP_NS INT64_C(1000000)

/*
 * Maps the status file of the directory, making it if it is not there yet (two
 * processes may race: both get the same file). One that makes no sense is
 * replaced. Unmapped by osp_runstat_unmap.
 */
OSP_API osp_status osp_runstat_map(int dir_fd, osp_runstat **out,
								   osp_error *err) OSP_MUST_CHECK;
OSP_API void osp_runstat_unmap(osp_runstat *stat);

static inline void
osp_runstat_add(uint64_t *counter, uint64_t n)
{
	(void) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* CLOCK_REALTIME - CLOCK_MONOTONIC now, the tightest of a few readings. */
OSP_API int64_t osp_wall_offset_now(void);

/* Is a shipper at work in this run directory? */
OSP_API bool osp_shipper_alive(const osp_runstat *stat);

/* What the rings and the status file of a run directory say together. */
typedef struct osp_run_totals
{
	osp_runstat stat; /* a copy, its last_error whole and terminated */
	bool shipper_alive;
	uint64_t rings;
	uint64_t written; /* records, those of rings since removed included */
	uint64_t dropped;
	uint64_t waiting_bytes;
} osp_run_totals;

/* Reads them; others count on meanwhile, so they need not add up. */
OSP_API osp_status osp_run_totals_read(int dir_fd, osp_run_totals *totals,
									   osp_error *err) OSP_MUST_CHECK;

/*
 * The trace that a producer has noted under this key (osp_ring_note), also if it
 * is gone since. False if none has, or so many others since that it is
 * forgotten.
 */
OSP_API bool osp_run_trace_of(const char *path, uint64_t key,
							  osp_uuid *out) OSP_MUST_CHECK;

/*
 * A producer: a ring of its own in a run directory. One per thread, or one per
 * PostgreSQL backend.
 */
typedef struct osp_producer
{
	osp_ring ring;
	osp_runstat *stat;
	char path[OSP_RUNDIR_PATH_MAX];
} osp_producer;

/*
 * Opens the run directory (making it if needed) and claims a ring of the pool,
 * or makes one of ring_size bytes, rounded up to a power of two. Costs some ten
 * system calls; done at the first traced statement of a session.
 */
OSP_API osp_status osp_producer_open(osp_producer *producer, const char *path,
									 size_t ring_size, osp_on_full on_full,
									 osp_error *err) OSP_MUST_CHECK;

/* Gives the ring back to the pool; what it holds is still shipped. */
OSP_API void osp_producer_close(osp_producer *producer);

/*
 * In a child after fork: lets go of the parent's ring without touching it.
 */
OSP_API void osp_producer_abandon(osp_producer *producer);

/* Rings the doorbell of a sleeping shipper: open, write, close. Keeps errno. */
OSP_API void osp__producer_wake(osp_producer *producer);

/*
 * Begins a record of at most OSP_RECORD_OVERHEAD + info_max bytes in the ring.
 * False: there is no room, the record is dropped and counted. After records of
 * this producer were lost the next record's info says how many ("lost_points").
 */
static inline bool
osp_point_begin(osp_producer *producer, osp_writer *w, osp_record_kind kind,
				const osp_point_ids *ids, osp_str name, osp_str project,
				osp_str service, int64_t mono_ns, int64_t elapsed_ns,
				size_t info_max)
{
	size_t size = OSP_RECORD_OVERHEAD + 32 + info_max;
	void *space = osp_ring_reserve(&producer->ring, size);

	if (OSP_UNLIKELY(space == NULL))
		return false;
	osp_record_begin(w,
					 space,
					 producer->ring.reserved_size,
					 kind,
					 ids,
					 name,
					 project,
					 service,
					 mono_ns,
					 elapsed_ns);
	if (OSP_UNLIKELY(producer->ring.lost > 0))
		osp_put_u64(w, OSP_STR("lost_points"), producer->ring.lost);
	return true;
}

/* Wakes the shipper if it sleeps, for there is a record. */
static inline void
osp__producer_committed(osp_producer *producer)
{
	/*
	 * The store of head must come before this look. For the compiler a fence
	 * says so; for the processor the shipper does, which makes all of them pass
	 * a barrier (membarrier) between saying that it sleeps and its last look.
	 */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (OSP_UNLIKELY(
			__atomic_load_n(&producer->stat->sleeping, __ATOMIC_RELAXED) != 0))
		osp__producer_wake(producer);
}

/* Makes a record of size bytes visible, and wakes the shipper if it sleeps. */
static inline void
osp__point_publish(osp_producer *producer, size_t size)
{
	osp_ring_commit(&producer->ring, size);
	if (OSP_LIKELY(size > 0))
		producer->ring.lost = 0;
	osp__producer_committed(producer);
}

/* Commits the record, and wakes the shipper if it sleeps. */
static inline void
osp_point_commit(osp_producer *producer, osp_writer *w)
{
	osp__point_publish(producer, osp_record_end(w));
}

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_RUNDIR_H */
