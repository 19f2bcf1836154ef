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
 * Batches are kept in two slots, in order: the first is with the sender, or
 * waits for it; the second is filled meanwhile. A slot's points come from rings
 * or from the spool, never from both. What lies in the spool is older than what
 * lies in the rings, and a slot of ring points is handed to the sender only when
 * nothing older is in the spool; so every ring's points arrive in order.
 *
 * Only the drainer touches what is declared here, but for the sender's own part
 * (osp_sender), and but for the points of the slot that is being sent, which
 * both threads only read.
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

/* A batch is handed over when it holds this much. */
#define BATCH_POINTS 4096
#define BATCH_BYTES  ((size_t) 4 * 1024 * 1024)

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* Rings that are read at a time; others wait. */
#define SHIPPER_RINGS_MAX 4096
#define SHIPPER_BUCKETS   1024

typedef struct shipper_ring
{
	osp_ring ring;
	int fd; /* of its file */
	uint64_t number;
	struct shipper_ring *next_in_bucket;
	dev_t dev;
	ino_t ino;
	bool listed;  /* found by the scan that is under way */
	bool foreign; /* not a ring: kept in the table so that it is logged once */
	bool moved_away; /* it lies in a run directory that was removed */
	bool counted;    /* its file is gone: the status file counts its records */
	bool moved;      /* the producer wrote between the last two looks */
	bool check;      /* the producer may be gone: check it */
	bool orphaned;   /* the producer is gone */
	uint64_t predecessor; /* as in the header; 0: none, or it was read */
	uint64_t pos;         /* the next record to be read */
	uint64_t tail; /* as written to header->tail; differs if that is damaged */
	uint64_t head_seen;    /* at the last look */
	uint64_t flush_end;    /* head when a flush began */
	uint64_t taken;        /* bytes of it in the slot that is being filled */
	uint64_t corrupt_seen; /* header->corrupt as counted in the status file */
	uint64_t records_counted; /* in the status file, of header->records */
	uint64_t dropped_counted;

	bool has_losses; /* losses whose report is not in a slot yet */
	uint64_t dropped_seen;
	int64_t loss_ns;                /* when records were last dropped */
	int64_t loss_since_ns;          /* when the first of them were */
	uint64_t told[OSP_RING_LOSSES]; /* lost records of each entry in reports */
} shipper_ring;

/* Records of one ring in a slot, up to a position of that ring. */
typedef struct shipper_run
{
	shipper_ring *ring;
	uint64_t end;
	bool reports; /* with reports of its losses */
} shipper_run;

typedef struct shipper_slot
{
	osp_batch *batch;
	bool from_spool;
	bool detached; /* its points are in no ring any more */
	uint64_t spool_end;
	uint64_t spool_points; /* records read from the spool, damaged ones too */
	size_t run_count;
	shipper_run *runs; /* array of BATCH_POINTS */
	int64_t
		*born_ns; /* time of each point from a ring; array of BATCH_POINTS */
} shipper_slot;

/* Points confirmed since begin_ns, and the ages of those that came from rings. */
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
	int bell_fd;  /* a producer has rung the bell */
	int event_fd; /* the sender has finished */
	int watch_fd; /* something happened to the run directory; -1: no watch */
	int poll_fd;  /* all of them */
	osp_bell *bell;
	osp_runstat *stat;
	dev_t stat_dev;
	ino_t stat_ino;
	int64_t directory_checked_ns;
	bool check_directory; /* it may have been removed */
	int64_t missing_ns;   /* since when it is missing; 0: it is not */
	bool last;            /* as in the options: no other shipper comes */
	bool follow_logged;   /* that it cannot be made anew */

	/* shipper_rings.c: the table of rings */
	shipper_ring *by_number[SHIPPER_BUCKETS];
	shipper_ring *rings[SHIPPER_RINGS_MAX];
	bool check_all;   /* every producer may be gone */
	bool small_rings; /* a long nap may let one run full */
	size_t ring_count;
	size_t next_ring; /* whose turn it is */
	shipper_ring
		own;         /* a header without records: counts what we had to drop, as
					   * producers count what found no room */
	bool own_mapped; /* the header lies in the run directory */
	uint64_t rings_made_seen;
	int64_t scanned_ns;
	osp_buf record; /* the record that is being read */

	/* shipper_fill.c and shipper_spill.c: spool and slots */
	osp_spool *spool; /* NULL: it cannot be used */
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
	bool down; /* the last batch failed: the collector does not work */
	int64_t down_ns;
	int64_t retry_ns;
	int64_t backoff_ms;
	uint64_t outage_spooled;
	uint64_t outage_lost;

	int64_t active_ns;  /* when there was last anything to do */
	int64_t crowded_ns; /* when a ring last had little room */
	int64_t clock_ns;   /* when the wall clock was last checked */
	int nap_ms;
	size_t gathered;    /* points read in this step */
	bool sender_heeded; /* event_fd wakes the caller */
	uint32_t sleep_number;
	bool asleep;
};

/* shipper_log.c */
void osp__shipper_log(osp_shipper *s, osp_log_level level, const char *fmt, ...)
	OSP_PRINTF(3, 4);

/* Notes in *last_ns that a problem occurs now. True if it is worth a line in the
 * log: it did not occur in the minute before. */
bool osp__shipper_is_news(int64_t *last_ns);

/* Puts an error into the status file, where `osprofiler status` reads it. */
void osp__shipper_note_error(osp_shipper *s, const char *text);

/* The last error of a status file that has been replaced. */
void osp__shipper_keep_error(osp_shipper *s, const osp_runstat *old);

/* shipper_watch.c */

/* Opens, or makes, directory, lock and status file. held_fd: the lock that we hold, in
 * this directory or a former one; -1: none. What is open after a failure is closed by
 * osp__directory_close. */
osp_status osp__directory_open(osp_shipper *s, int held_fd,
							   osp_error *err) OSP_MUST_CHECK;
void osp__directory_close(osp_shipper *s);

/* Says in the status file that there is a shipper. */
void osp__directory_announce(osp_shipper *s);

/* Begins to watch the directory; without one, it is checked now and then. */
void osp__watch_begin(osp_shipper *s);

/* Reads the events of the watch. If the directory was removed, it is made anew, and
 * the shipper continues there. */
void osp__watch_read(osp_shipper *s, int64_t now);

/* The same, without waiting for the end of a removal that is under way. */
void osp__watch_hurry(osp_shipper *s);

/* The longest time that the shipper may sleep, at most timeout_ms. */
int osp__watch_timeout(const osp_shipper *s, int64_t now, int timeout_ms);

/* shipper_meter.c */

/* The collector has confirmed this many points of the slot. */
void osp__meter_confirmed(osp_shipper *s, const shipper_slot *slot,
						  size_t points, int64_t now);

/* Writes the figures of a window that is over to the status file; at_once: also of
 * one that is not. */
void osp__meter_publish(osp_shipper *s, int64_t now, bool at_once);

/* shipper_rings.c */

/* The N of "ring.N"; false if the name is no such name. */
bool osp__ring_number(const char *name, uint64_t *number);

/* NULL: there is none. */
shipper_ring *osp__ring_by_number(osp_shipper *s, uint64_t number);

/* Finds the rings of a directory that was just opened. */
void osp__rings_begin(osp_shipper *s);

/* Finds new rings. */
void osp__rings_scan(osp_shipper *s);

/* Examines all rings; true if a head has moved, or a ring is new. Notes when one
 * has little room, and whether one is small. */
bool osp__rings_check(osp_shipper *s, int64_t now);

/* Can the ring run full: has it a producer, and cannot grow? */
bool osp__ring_may_run_full(const shipper_ring *r);

/* Has a head moved since the rings were last checked? */
bool osp__rings_moved(const osp_shipper *s);

/* The ring lies in a run directory that was removed. */
void osp__ring_moves_away(osp_shipper *s, shipper_ring *r);

/* Is there anything to be read in rings of a run directory that was removed? Their
 * producers go on in rings of the new one, which know nothing of them. */
bool osp__rings_former_unread(const osp_shipper *s);

/* Must the ring's predecessor be read first? */
bool osp__ring_waits(osp_shipper *s, shipper_ring *r);

/* Removes rings that nobody writes to and that are delivered. all: also looks for
 * producers whose end was not reported. */
void osp__rings_tidy(osp_shipper *s, bool all);
void osp__rings_term(osp_shipper *s);

/* Moves the tail to end: everything before it is delivered, or in the spool; reports:
 * and so are the reports that were taken. */
void osp__ring_settle(shipper_ring *r, uint64_t end, bool reports);

/* Goes back to the tail: records behind it will be read again. */
void osp__ring_rewind(shipper_ring *r);

/* Counts what osp_ring_next has skipped. */
void osp__ring_count_corrupt(osp_shipper *s, shipper_ring *r);

/* shipper_losses.c */

void osp__losses_begin(shipper_ring *r);

/* Were records dropped since the ring was last checked? */
bool osp__losses_check(shipper_ring *r, int64_t now);

/* Are there losses whose report is not settled? */
bool osp__losses_pending(const shipper_ring *r);

/* Adds the reports that are due to the slot; true if there were any. None is added
 * before those of an earlier slot are settled, or taken back. */
bool osp__losses_take(shipper_ring *r, shipper_slot *slot,
					  const osp_origin *origin);

/* The reports that were taken are settled, or have to be taken again. */
void osp__losses_settle(shipper_ring *r);
void osp__losses_rewind(shipper_ring *r);

/* All reports are due. */
void osp__losses_hurry(shipper_ring *r);

/* Opens what the shipper itself had to drop, and others before it. False: no memory. */
bool osp__losses_open(osp_shipper *s) OSP_MUST_CHECK;
void osp__losses_close(osp_shipper *s);

/* The run directory was made anew: what was counted goes there, too. */
void osp__losses_move(osp_shipper *s);

/* Counts records of a trace that the shipper dropped; reported as by
 * osp__losses_take of s->own. */
void osp__losses_count(osp_shipper *s, const osp_id *base_id, uint64_t count);

/* Is the notification a part of a report? *lost: how many points it reports; its
 * stop none, for its start reports the same ones. */
bool osp__losses_is_report(const osp_notification *item, uint64_t *lost);

/* shipper_fill.c */
bool osp__slot_used(const shipper_slot *slot);

/* Adds points to a slot; true if there were any. */
bool osp__fill_from_rings(osp_shipper *s, shipper_slot *slot);
bool osp__fill_from_spool(osp_shipper *s, shipper_slot *slot);

/* Everything in the slot is settled: moves tails, or consumes the spool. */
void osp__slot_settle(osp_shipper *s, shipper_slot *slot);

/* Moves tails: the points are safe elsewhere. */
void osp__slot_free_rings(shipper_slot *slot);

/* Moves tails: the points live in the slot alone from now on. */
void osp__slot_detach(shipper_slot *slot);

/* Empties the slot; what was in it stays where it came from. */
void osp__slot_reset(osp_shipper *s, shipper_slot *slot);

/* As reset, and what came from rings will be read from them again. A detached
 * slot stays as it is. */
void osp__slot_rewind(osp_shipper *s, shipper_slot *slot);

/* Writes what the spool holds to the status file. */
void osp__spool_publish(osp_shipper *s);

/* shipper_spill.c */
bool osp__slot_spill(osp_shipper *s, shipper_slot *slot);

/*
 * Writes the slots, and some batches of what the rings hold, to the spool; sent:
 * also the slot that the sender has. False if the spool does not take them, or
 * nothing is left.
 */
bool osp__spill_all(osp_shipper *s, bool sent);

/* Makes room in rings that are about to run full; true if anything was done. */
bool osp__relieve(osp_shipper *s, int64_t now_ns);

/* shipper_step.c */

/* Takes the sender's result, if there is one. */
bool osp__shipper_take_result(osp_shipper *s, int64_t now_ns);

#endif /* OSP_SHIPPER_INT_H */
