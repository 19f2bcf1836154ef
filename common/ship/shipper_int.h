/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_int.h
 *	  The state of the shipper, and the functions that its files share.
 *
 *	  A file calls files below it in this list, never one above it:
 *
 *	  shipper.c        opens and closes the shipper; owns the descriptors
 *	  shipper_step.c   drives one step: results of the sender, batches, naps,
 *	                   sleep, flush; owns the state of the collector (down,
 *	                   retries)
 *	  shipper_spill.c  makes room in the rings: writes points to the spool, or
 *	                   drops them when the spool takes nothing
 *	  shipper_fill.c   owns the slots: fills them from rings or spool, settles
 *	                   them, takes them back
 *	  shipper_watch.c  owns the run directory, its lock, status file and watch
 *	  shipper_rings.c  owns the table of rings
 *	  shipper_losses.c owns the reports of records that found no room in a ring
 *	  shipper_meter.c  owns rate, lag and CPU time in the status file
 *	  shipper_log.c    writes log lines, and the last error in the status file
 *	  shipper_send.c   owns the driver, and the thread that calls it
 *	  shipper_bell.c   owns the thread that waits for the producers' bell
 *
 * Batches are kept in two slots, in order: the first is with the sender, or waits for
 * it; the second is filled meanwhile. A slot's points come from rings or from the
 * spool, never from both. Points in the spool are older than those in the rings, and a
 * slot of ring points is handed to the sender only when nothing older is in the spool;
 * so every ring's points arrive in order. A point is *settled* when the collector or
 * the spool has it, or will never take it.
 *
 * Only the drainer uses what is declared here, except for the sender's own part
 * (osp_sender) and the points of the slot that is being sent, which both
 * threads only read.
 */
#ifndef OSP_SHIPPER_INT_H
#define OSP_SHIPPER_INT_H

#include <sys/types.h>

#include "notify/batch.h"
#include "record/ring.h"
#include "record/runstat.h"
#include "ship/shipper.h"
#include "ship/shipper_bell.h"
#include "ship/shipper_send.h"
#include "ship/spool.h"

/* A batch is handed over when it has reached one of these sizes. */
#define BATCH_POINTS 4096
#define BATCH_BYTES  ((size_t) 4 * 1024 * 1024)

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* How many rings are read at a time; others wait. */
#define SHIPPER_RINGS_MAX 4096
#define SHIPPER_BUCKETS   1024

typedef struct shipper_ring
{
	osp_ring ring;
	int fd; /* of the ring's file */
	uint64_t number;
	struct shipper_ring *next_in_bucket;
	dev_t dev;
	ino_t ino;
	bool listed;  /* found by the current scan */
	bool foreign; /* not a ring: kept in the table so that it is logged once */
	bool moved_away; /* its run directory was removed */
	bool counted;    /* its file is gone: the status file counts its records */
	bool moved;      /* the producer wrote between the last two checks */
	bool check;      /* check whether the producer is gone */
	bool orphaned;   /* the producer is gone */
	uint64_t predecessor; /* as in the header; 0: none, or it was read */
	uint64_t pos;         /* position of the next record to read */
	uint64_t tail; /* as written to header->tail; differs if that is damaged */
	uint64_t head_seen;    /* head at the last check */
	uint64_t flush_end;    /* head when a flush began */
	uint64_t taken;        /* bytes read into the slot that is being filled */
	uint64_t corrupt_seen; /* header->corrupt as counted in the status file */
	uint64_t records_counted; /* in the status file, of header->records */
	uint64_t dropped_counted;

	bool has_losses; /* losses whose report is not in a slot yet */
	uint64_t dropped_seen;
	int64_t loss_ns;                /* when new drops were last noticed */
	int64_t loss_since_ns;          /* when the first of them was noticed */
	uint64_t told[OSP_RING_LOSSES]; /* lost records of each entry in reports */
} shipper_ring;

/* A slot's records of one ring, up to a position of that ring. */
typedef struct shipper_run
{
	shipper_ring *ring;
	uint64_t end;
	bool reports; /* the slot holds reports of its losses, too */
} shipper_run;

typedef struct shipper_slot
{
	osp_batch *batch;
	bool from_spool;
	bool detached; /* its points are not in a ring any more */
	uint64_t spool_end;
	uint64_t spool_points; /* records read from the spool, also damaged ones */
	size_t run_count;
	shipper_run *runs; /* array of BATCH_POINTS */
	int64_t
		*born_ns; /* when points of rings were written; array of BATCH_POINTS */
} shipper_slot;

/* Points confirmed since begin_ns, and the ages of those that came from rings, counted
 * in buckets. */
#define METER_BUCKETS 136
typedef struct shipper_meter
{
	int64_t begin_ns;
	uint64_t points;
	uint64_t aged;
	uint64_t buckets[METER_BUCKETS];
} shipper_meter;

struct osp_shipper
{
	/* shipper.c: options, descriptors */
	const osp_allocator *alc;
	osp_log_fn log;
	void *log_ctx;
	osp_tap_fn tap;
	void *tap_ctx;
	char *host;
	char *project;
	char *service;
	char where[256]; /* the connection string without its password */
	osp_origin origin;

	/* shipper_watch.c: the run directory */
	char *run_directory;
	int dir_fd;
	int lock_fd;
	int bell_fd;  /* event: a producer has rung the bell */
	int event_fd; /* event: the sender has finished */
	int watch_fd; /* events of the run directory; -1: no watch */
	int poll_fd;  /* epoll descriptor for these three */
	osp_bell *bell;
	osp_runstat *stat;
	dev_t stat_dev;
	ino_t stat_ino;
	int64_t directory_checked_ns;
	bool check_directory; /* the directory may have been removed */
	int64_t missing_ns;   /* since when it is missing; 0: it is there */
	bool last;            /* as in the options */
	bool follow_logged;   /* its failing to be made anew was logged */

	/* shipper_rings.c: the table of rings */
	shipper_ring *by_number[SHIPPER_BUCKETS];
	shipper_ring *rings[SHIPPER_RINGS_MAX];
	bool check_all;   /* check the producer of every ring */
	bool small_rings; /* there is a ring that could run full in a long nap */
	size_t ring_count;
	size_t next_ring; /* the ring whose turn is next */
	shipper_ring
		own;         /* a header without records; counts points that the shipper
					  * had to drop, like a producer's drops */
	bool own_mapped; /* that header is mapped from the run directory */
	uint64_t rings_made_seen;
	int64_t scanned_ns;
	osp_buf record; /* the record that was read last */

	/* shipper_fill.c and shipper_spill.c: spool and slots */
	osp_spool *spool; /* NULL: unusable */
	uint64_t spool_pos;
	uint64_t spool_corrupt_seen;
	bool spill_failed; /* the last write to the spool failed */
	int64_t spill_failed_ns;
	int64_t spill_trouble_ns; /* when a write last failed; 0: never */
	int64_t loss_ns;          /* when points were last lost; 0: never */

	shipper_slot slots[2];
	osp_sender *sender;
	bool busy; /* slots[0] is with the sender */
	int64_t sent_ns;

	shipper_meter meter;

	/* shipper_step.c: the collector, naps and sleep */
	bool refusal_logged;
	bool down; /* the last batch failed, so the collector is down */
	int64_t down_ns;
	int64_t retry_ns;
	int64_t backoff_ms;
	uint64_t spooled_before; /* in the spool when this shipper began; 0 once the
							  * collector has taken points, or failed */
	uint64_t outage_spooled;
	uint64_t outage_lost;

	int64_t active_ns;  /* time of the last activity */
	int64_t crowded_ns; /* when a ring was last crowded */
	int64_t clock_ns;   /* when the wall clock was last checked */
	int nap_ms;
	size_t gathered;    /* points read in this step */
	bool sender_heeded; /* event_fd wakes the caller of osp_shipper_step */
	uint32_t sleep_number;
	bool asleep;
};

/* shipper_log.c */
void osp__shipper_log(osp_shipper *s, osp_log_level level, const char *fmt, ...)
	OSP_PRINTF(3, 4);

/* Notes in *last_ns that a problem occurs now. True if it should be logged, because it
 * did not occur in the minute before. */
bool osp__shipper_is_news(int64_t *last_ns);

/* Writes an error to the status file, where `osprofiler status` reads it. */
void osp__shipper_note_error(osp_shipper *s, const char *text);

/* Copies the last error of a status file that has been replaced to the new one. */
void osp__shipper_keep_error(osp_shipper *s, const osp_runstat *old);

/* shipper_watch.c */

/* Opens or makes directory, lock and status file. held_fd: a lock that the shipper
 * holds, in this directory or a former one; -1: none. After a failure,
 * osp__directory_close closes what was opened. */
osp_status osp__directory_open(osp_shipper *s, int held_fd,
							   osp_error *err) OSP_MUST_CHECK;
void osp__directory_close(osp_shipper *s);

/* Enters this shipper in the status file. */
void osp__directory_announce(osp_shipper *s);

/* Begins to watch the directory. Without a watch, it is checked every second. */
void osp__watch_begin(osp_shipper *s);

/* Makes the watch report who opens the spool. */
void osp__watch_spool(osp_shipper *s);

/* Reads the events of the watch. If the directory was removed, it is made anew, and
 * the shipper continues there. */
void osp__watch_read(osp_shipper *s, int64_t now);

/* Like osp__watch_read, but does not wait for the end of a removal that may be under
 * way. */
void osp__watch_hurry(osp_shipper *s);

/* How long the shipper may sleep; at most timeout_ms. */
int osp__watch_timeout(const osp_shipper *s, int64_t now, int timeout_ms);

/* shipper_meter.c */

/* Counts points of the slot that the collector has confirmed. */
void osp__meter_confirmed(osp_shipper *s, const shipper_slot *slot,
						  size_t points, int64_t now);

/* Writes the figures of the window to the status file if it is over, or if at_once is
 * set. */
void osp__meter_publish(osp_shipper *s, int64_t now, bool at_once);

/* shipper_rings.c */

/* Reads the N of "ring.N"; false if the name has another form. */
bool osp__ring_number(const char *name, uint64_t *number);

/* Finds a ring of this number; NULL: there is none. */
shipper_ring *osp__ring_by_number(osp_shipper *s, uint64_t number);

/* Ends what a shipper that was killed while it removed a ring has begun: the ring's
 * records are counted once. The caller has the directory's lock. */
void osp__rings_finish_removal(osp_shipper *s);

/* Finds the rings of a directory that was just opened, and sums up their bytes. */
void osp__rings_begin(osp_shipper *s);

/* Finds new rings, and notes which files are gone. */
void osp__rings_scan(osp_shipper *s);

/* Checks all rings; true if a head has moved, or a ring is new. Also notes whether one
 * is crowded, and whether one is small. */
bool osp__rings_check(osp_shipper *s, int64_t now);

/* Can the ring run full? It can if it has a producer and cannot grow. */
bool osp__ring_may_run_full(const shipper_ring *r);

/* Has a head moved since the rings were last checked? */
bool osp__rings_moved(const osp_shipper *s);

/* Notes that the ring lies in a run directory that was removed. */
void osp__ring_moves_away(osp_shipper *s, shipper_ring *r);

/* Is there anything to read in rings of a removed run directory? Their producers
 * continue in rings of the new one, which do not name them as predecessors. */
bool osp__rings_former_unread(const osp_shipper *s);

/* Must the ring's predecessor be read first? */
bool osp__ring_waits(osp_shipper *s, shipper_ring *r);

/* Removes rings that no producer uses and whose records are all settled. all: also
 * checks producers whose end was not reported. */
void osp__rings_tidy(osp_shipper *s, bool all);
void osp__rings_term(osp_shipper *s);

/* Moves the tail to end: everything before it is settled. reports: the reports that
 * were taken are settled, too. */
void osp__ring_settle(shipper_ring *r, uint64_t end, bool reports);

/* Goes back to the tail: the records behind it will be read again. */
void osp__ring_rewind(shipper_ring *r);

/* Counts bytes of the ring that are no valid record. */
void osp__ring_damaged(osp_shipper *s, shipper_ring *r, uint64_t bytes);

/* Adds the bytes that osp_ring_next has skipped to the status file. */
void osp__ring_count_corrupt(osp_shipper *s, shipper_ring *r);

/* shipper_losses.c */

void osp__losses_begin(shipper_ring *r);

/* Were records dropped since the ring was last checked? */
bool osp__losses_check(shipper_ring *r, int64_t now);

/* Are there losses that are not settled? */
bool osp__losses_pending(const shipper_ring *r);

/* Adds the due reports of losses to the slot; true if there were any. No new report is
 * added before those of an earlier slot are settled, or taken back. */
bool osp__losses_take(shipper_ring *r, shipper_slot *slot,
					  const osp_origin *origin);

/* The reports that were taken are settled (settle), or must be taken again (rewind). */
void osp__losses_settle(shipper_ring *r);
void osp__losses_rewind(shipper_ring *r);

/* Makes all reports due at once. */
void osp__losses_hurry(shipper_ring *r);

/* Opens the shipper's own header, which counts points that this shipper and those
 * before it had to drop. False: no memory. */
bool osp__losses_open(osp_shipper *s) OSP_MUST_CHECK;
void osp__losses_close(osp_shipper *s);

/* Moves that header to a run directory that was made anew. */
void osp__losses_move(osp_shipper *s);

/* Counts records of a trace that the shipper dropped; osp__losses_take reports them
 * from s->own. */
void osp__losses_count(osp_shipper *s, const osp_id *base_id, uint64_t count);

/* Is the notification part of a report of losses? *lost: the points that it reports; 0
 * for the report's stop, because its start reports them already. */
bool osp__losses_is_report(const osp_notification *item, uint64_t *lost);

/* shipper_fill.c */
bool osp__slot_used(const shipper_slot *slot);

/* Add points to a slot; true if there were any. */
bool osp__fill_from_rings(osp_shipper *s, shipper_slot *slot);
bool osp__fill_from_spool(osp_shipper *s, shipper_slot *slot);

/* Settles everything in the slot: moves tails, or consumes the spool. */
void osp__slot_settle(osp_shipper *s, shipper_slot *slot);

/* Moves the tails of the slot's rings: its points are safe elsewhere. */
void osp__slot_free_rings(shipper_slot *slot);

/* Moves the tails of the slot's rings, although its points are then in memory only. */
void osp__slot_detach(shipper_slot *slot);

/* Empties the slot; its points stay in their rings or in the spool. */
void osp__slot_reset(osp_shipper *s, shipper_slot *slot);

/* Empties the slot, and makes its points be read from their rings again. A detached
 * slot stays as it is. */
void osp__slot_rewind(osp_shipper *s, shipper_slot *slot);

/* Writes the spool's counters to the status file. */
void osp__spool_publish(osp_shipper *s);

/* shipper_spill.c */
bool osp__slot_spill(osp_shipper *s, shipper_slot *slot);

/*
 * Writes the slots, and some batches from the rings, to the spool; sent: also the slot
 * that the sender has. False if the spool does not take them, or nothing is left.
 */
bool osp__spill_all(osp_shipper *s, bool sent);

/* Makes room in rings that are about to run full; true if there were any. */
bool osp__relieve(osp_shipper *s, int64_t now_ns);

/* shipper_step.c */

/* Takes the sender's result, if there is one. */
bool osp__shipper_take_result(osp_shipper *s, int64_t now_ns);

#endif /* OSP_SHIPPER_INT_H */
