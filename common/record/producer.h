/* SPDX-License-Identifier: Apache-2.0
 *
 * producer.h
 *	  A producer writes records into its own ring in a run directory.
 *
 * Its ring begins small and grows when it is full. All rings of a run directory
 * together stay within a bound, the lesser of ring_total and a part of the file
 * system's free space. Growing rings stay within half of that bound, so that there is
 * room for new sessions. A producer whose process has changed its root directory or
 * user cannot reach the directory any more, and keeps its ring as it is.
 */
#ifndef OSP_PRODUCER_H
#define OSP_PRODUCER_H

#include "base/shared.h"
#include "record/ring.h"
#include "record/runstat.h"

/* The settings of a producer. */
typedef struct osp_producer_options
{
	size_t ring_size; /* the ring grows to this, rounded up to a power of two */
	uint64_t ring_total; /* bytes of all rings together; 0: the default */
	osp_on_full on_full;
	osp_str project; /* labels of records that have none; may be empty */
	osp_str service;
} osp_producer_options;

/*
 * A producer and its ring in a run directory. There is one per thread, or one
 * per PostgreSQL backend.
 */
typedef struct osp_producer
{
	osp_ring ring; /* first, because its functions cast it to the producer */
	osp_runstat *stat;
	uint64_t ring_size; /* as in the options */
	uint64_t ring_total;
	uint64_t root;    /* the root directory in which path is valid */
	uint64_t number;  /* the N of the ring's name, ring.N */
	int64_t retry_ns; /* no attempt to replace the ring before this time */
	char path[OSP_RUNDIR_PATH_MAX];
} osp_producer;

/*
 * Opens the run directory (making it if needed) and makes a ring in it. This takes some
 * twenty system calls; it is done at the first traced statement of a session.
 * OSP_EFULL: the rings have reached their bound, the file system is full, or this
 * process may not write files of that size.
 */
osp_status osp_producer_open(osp_producer *producer, const char *path,
							 const osp_producer_options *options,
							 osp_error *err) OSP_MUST_CHECK;

/* Releases the ring; its records are still shipped. If the run directory was removed
 * before a shipper had read them, they are moved to a ring in the new one. */
void osp_producer_close(osp_producer *producer);

/* For a child after fork: unmaps the parent's ring without changing it. */
void osp_producer_abandon(osp_producer *producer);

/* Called after a commit while stat->sleeping is set: wakes the shipper, or moves to the
 * new run directory. Keeps errno. */
OSP_SHARED void osp__producer_wake(osp_producer *producer);

/* Counts a record that was written, but did not fit in its reservation. */
OSP_SHARED void osp__producer_give_up(osp_producer *producer,
									  const osp_writer *w);

/* Counts the stop of an operation as lost, too. For an operation whose start found no
 * room, for which no stop is written. */
OSP_SHARED void osp_producer_drop_stop(osp_producer *producer,
									   const osp_id *base_id);

/*
 * Begins a record of at most OSP_RECORD_OVERHEAD + info_max bytes in the ring.
 * False: there is no room; the record is dropped and counted, and the shipper
 * reports the count in the record's trace ("lost_points").
 */
static inline bool
osp_point_begin(osp_producer *producer, osp_writer *w, osp_record_kind kind,
				const osp_point_ids *ids, osp_str name, osp_str project,
				osp_str service, int64_t mono_ns, int64_t elapsed_ns,
				size_t info_max)
{
	size_t size = OSP_RECORD_OVERHEAD + info_max;
	void *space = osp_ring_reserve(&producer->ring, size);

	if (OSP_UNLIKELY(space == NULL))
	{
		osp_ring_count_loss(&producer->ring, ids->base_id, 1);
		return false;
	}
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
	return true;
}

/* Wakes the shipper if it sleeps. Called after a record was committed. */
static inline void
osp__producer_committed(osp_producer *producer)
{
	/*
	 * The store of head must come before this load. The fence orders them for the
	 * compiler. The shipper orders them for the processors: between saying that it
	 * sleeps and its last check, it makes all of them pass a barrier (membarrier).
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
	osp__producer_committed(producer);
}

/* Commits the record, and wakes the shipper if it sleeps. */
static inline void
osp_point_commit(osp_producer *producer, osp_writer *w)
{
	size_t size = osp_record_end(w);

	if (OSP_LIKELY(size > 0))
		osp__point_publish(producer, size);
	else
		osp__producer_give_up(producer, w);
}

#endif /* OSP_PRODUCER_H */
