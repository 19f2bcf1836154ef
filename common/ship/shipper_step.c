/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_step.c
 *	  One step of the drainer: takes results, fills batches, makes room, and
 *	  decides when to run again.
 *
 * While the collector is down, everything goes into the spool at once, and the front of
 * the spool is tried again at least every two seconds. When the collector is back, the
 * spool is delivered first, while the rings wait (or are spooled, too, when they are
 * about to run full).
 *
 * Naps: while producers write, the shipper polls the rings some fifty times a second,
 * and no producer needs to wake it; nor does the sender when it is done, unless there
 * is much to fetch. Polling more often would make batches of a few points, each check
 * takes the cache line of the ring's head from the producer, and on a busy machine each
 * wake-up takes a processor from the program that is traced.
 *
 * Sleep: after IDLE_NS without a change it says that it sleeps (stat->sleeping), lets
 * every producer pass a barrier, checks the rings once more, and waits for the bell
 * without a timeout. Each sleep has a number of its own, so that a producer that was
 * slow to ring cannot end a later one.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ship/shipper_int.h"

#define IDLE_NS (200 * NS_PER_MS)

/* Bounds of a nap. A batch costs a collector more than the points in it, so naps are
 * long: in the longest nap, a ring of 4 MB, the size that rings grow to, takes 140 MB/s
 * without running full. If a ring cannot grow so far, naps are shorter. */
#define NAP_MIN_MS   1
#define NAP_MAX_MS   30
#define NAP_SMALL_MS 5

/* For this time after a ring was crowded, the end of a batch ends a nap. */
#define CROWD_NS (50 * NS_PER_MS)

/* A nap is halved after a step with more than NAP_MANY_POINTS, and lengthened after one
 * with fewer than NAP_FEW_POINTS. */
#define NAP_MANY_POINTS 3072
#define NAP_FEW_POINTS  2048

/* Without membarrier the bell may be missed, so a sleep lasts no longer than this. */
#define UNSURE_MS 1000

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 2000

#define CLOCK_INTERVAL_NS NS_PER_S

/* How often a flush checks its progress. */
#define FLUSH_POLL_MS 5

/* The largest number of rounds of sending and filling in one step. */
#define ROUNDS 16

static void
go_down(osp_shipper *s, const osp_send_result *result, int64_t now)
{
	/* The driver was interrupted because the shipper ends. */
	if (result->status == OSP_EINTR)
		return;
	osp_runstat_add(&s->stat->driver_errors, 1);
	osp__shipper_note_error(s, result->err.msg);
	if (!s->down)
	{
		/* If this is the last shipper, its caller reports at the end which points were
		 * not delivered, and why. */
		osp__shipper_log(s,
						 s->last ? OSP_LOG_INFO : OSP_LOG_WARNING,
						 "collector %s does not work: %s; points are spooled",
						 s->where,
						 result->err.msg);
		s->down = true;
		s->down_ns = now;
		s->backoff_ms = BACKOFF_MIN_MS;

		/* The spool already held these points when this shipper began. Most likely the
		 * earlier shipper put them there in the same outage. */
		s->outage_spooled = s->spooled_before;
		s->spooled_before = 0;
		s->outage_lost = 0;
	}
	else if (s->backoff_ms < BACKOFF_MAX_MS)
		s->backoff_ms = s->backoff_ms * 2 < BACKOFF_MAX_MS ? s->backoff_ms * 2
														   : BACKOFF_MAX_MS;
	s->retry_ns = now + s->backoff_ms * NS_PER_MS;
}

static void
come_up(osp_shipper *s, int64_t now)
{
	if (!s->down)
		return;
	s->down = false;
	osp__shipper_log(
		s,
		OSP_LOG_INFO,
		"collector %s is back after %lld.%lld s; %llu points were spooled, "
		"%llu were lost",
		s->where,
		(long long) ((now - s->down_ns) / NS_PER_S),
		(long long) ((now - s->down_ns) / (NS_PER_S / 10) % 10),
		(unsigned long long) s->outage_spooled,
		(unsigned long long) s->outage_lost);
}

/* Makes the second slot the first. */
static void
shift_slots(osp_shipper *s)
{
	shipper_slot empty = s->slots[0];

	s->slots[0] = s->slots[1];
	s->slots[1] = empty;
}

/* Counts the slot's notifications that report losses, which no producer has written. */
static size_t
count_reports(const shipper_slot *slot)
{
	const osp_notification *items = osp_batch_items(slot->batch);
	size_t reports = 0;
	uint64_t lost;
	size_t i;

	for (i = 0; i < osp_batch_count(slot->batch); i++)
		reports += osp__losses_is_report(&items[i], &lost);
	return reports;
}

static void
count_result(osp_shipper *s, const osp_send_result *result)
{
	size_t reports = count_reports(&s->slots[0]);

	/* The collector does not say which points it refused, so it is assumed that
	 * it accepted the reports of losses. */
	if (reports < result->accepted)
		osp_runstat_add(&s->stat->shipped, result->accepted - reports);
	if (result->refused == 0)
		return;
	osp_runstat_add(&s->stat->refused, result->refused);
	osp_runstat_note_loss(s->stat);
	osp__shipper_note_error(s, result->err.msg);
	if (s->refusal_logged)
		return;
	s->refusal_logged = true;
	osp__shipper_log(s,
					 OSP_LOG_WARNING,
					 "collector %s refused %zu points for good: %s (further "
					 "refusals are only counted)",
					 s->where,
					 result->refused,
					 result->err.msg);
}

/* Takes back the slot that failed: its points stay in the slot or in the spool, to be
 * tried again. */
static void
take_back(osp_shipper *s)
{
	shipper_slot *slot = &s->slots[0];

	if (!slot->from_spool)
		return;
	osp__slot_reset(s, slot);
	if (s->slots[1].from_spool)
		osp__slot_reset(s, &s->slots[1]);
	else if (osp__slot_used(&s->slots[1]) && !osp__slot_spill(s, &s->slots[1]))
		osp__slot_rewind(s, &s->slots[1]);
	s->spool_pos = osp_spool_begin(s->spool);
}

bool
osp__shipper_take_result(osp_shipper *s, int64_t now)
{
	osp_send_result result;

	if (!s->busy || !osp__sender_take(s->sender, &result))
		return false;
	s->busy = false;
	if (result.status == OSP_OK || result.status == OSP_EREFUSED)
	{
		count_result(s, &result);
		osp__meter_confirmed(s, &s->slots[0], result.accepted, now);
		osp__slot_settle(s, &s->slots[0]);
		if (result.accepted > 0)
			s->spooled_before = 0;
		come_up(s, now);
	}
	else
	{
		take_back(s);
		go_down(s, &result, now);
	}
	if (!osp__slot_used(&s->slots[0]))
		shift_slots(s);
	return true;
}

static bool
has_unread_spool(const osp_shipper *s)
{
	return s->spool != NULL && s->spool_pos < osp_spool_end(s->spool);
}

/* Puts the next points into a slot, those of the spool first. */
static bool
fill(osp_shipper *s, shipper_slot *slot)
{
	return has_unread_spool(s) ? osp__fill_from_spool(s, slot)
							   : osp__fill_from_rings(s, slot);
}

/* Hands the first slot to the sender. */
static bool
hand_over(osp_shipper *s, int64_t now)
{
	shipper_slot *slot = &s->slots[0];
	size_t count = osp_batch_count(slot->batch);

	if (!osp__slot_used(slot))
		return false;

	/* The slot holds only records that were skipped. */
	if (count == 0)
	{
		osp__slot_settle(s, slot);
		shift_slots(s);
		return true;
	}
	osp_runstat_add(&s->stat->batches, 1);
	s->busy = true;
	s->sent_ns = now;
	osp__sender_send(s->sender, osp_batch_items(slot->batch), count);
	return true;
}

static bool
may_send(const osp_shipper *s, int64_t now)
{
	return !s->busy && (!s->down || now >= s->retry_ns);
}

/* Sends, fills and makes room once; true if there may be more to do at once. */
static bool
pump(osp_shipper *s, int64_t now)
{
	bool progress = osp__shipper_take_result(s, now);
	size_t before;

	if (may_send(s, now))
	{
		progress |= fill(s, &s->slots[0]);
		progress |= hand_over(s, now);
	}
	if (s->busy && !s->down)
		progress |= fill(s, &s->slots[1]);
	before = s->gathered;
	if (s->down)
		(void) osp__spill_all(s, false);
	progress |= s->gathered != before;
	progress |= osp__relieve(s, now);
	return progress;
}

/* Updates the offset to the wall clock if somebody has set that clock. */
static void
watch_clock(osp_shipper *s, int64_t now)
{
	int64_t offset;

	if (now - s->clock_ns < CLOCK_INTERVAL_NS)
		return;
	s->clock_ns = now;
	offset = osp_wall_offset_now();
	if (offset - s->origin.wall_offset_ns > OSP_CLOCK_STEP_NS ||
		s->origin.wall_offset_ns - offset > OSP_CLOCK_STEP_NS)
	{
		s->origin.wall_offset_ns = offset;
		__atomic_store_n(&s->stat->wall_offset_ns, offset, __ATOMIC_RELAXED);
	}
}

static void
empty_fd(int fd)
{
	char bytes[512];

	while (read(fd, bytes, sizeof(bytes)) == (ssize_t) sizeof(bytes))
		;
}

static void
wake_up(osp_shipper *s)
{
	if (s->asleep)
		__atomic_store_n(&s->stat->sleeping, 0, __ATOMIC_RELAXED);
	s->asleep = false;
	empty_fd(s->bell_fd);
	empty_fd(s->event_fd);
}

/* Sets whether the sender's event wakes the caller. */
static void
heed_sender(osp_shipper *s, bool heed)
{
	struct epoll_event event;

	if (heed == s->sender_heeded)
		return;
	memset(&event, 0, sizeof(event));
	event.events = heed ? EPOLLIN : 0;
	if (epoll_ctl(s->poll_fd, EPOLL_CTL_MOD, s->event_fd, &event) == 0)
		s->sender_heeded = heed;
}

/* Makes every running thread pass a barrier; false if the kernel cannot. */
static bool
barrier_everywhere(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
}

bool
osp_shipper_is_empty(const osp_shipper *s)
{
	size_t i;

	if (osp__slot_used(&s->slots[0]) || osp__slot_used(&s->slots[1]) ||
		(s->spool != NULL && osp_spool_bytes(s->spool) > 0) ||
		osp__losses_pending(&s->own))
		return false;
	for (i = 0; i < s->ring_count; i++)
	{
		const osp_ring *ring = &s->rings[i]->ring;

		if (!s->rings[i]->foreign && osp_ring_head(ring) != osp_ring_tail(ring))
			return false;
	}
	return true;
}

/* The timeout while no producer writes. */
static int
idle_timeout(const osp_shipper *s, int64_t now)
{
	int64_t wait_ms;

	/* A busy sender wakes the shipper at its end; and without points there is nothing
	 * to try. */
	if (s->busy || osp_shipper_is_empty(s))
		return -1;
	wait_ms = s->down ? (s->retry_ns - now) / NS_PER_MS + 1 : NAP_MAX_MS;
	return wait_ms < 1                ? 1
		   : wait_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
									  : (int) wait_ms;
}

static int
fall_asleep(osp_shipper *s, int64_t now)
{
	int timeout_ms = osp__watch_timeout(s, now, idle_timeout(s, now));
	bool sure;

	heed_sender(s, true);
	osp__meter_publish(s, now, true);
	osp__rings_tidy(s, true);
	s->asleep = true;
	s->sleep_number++;
	if (s->sleep_number == 0 || s->sleep_number == OSP_RUNSTAT_MOVED)
		s->sleep_number = 1;
	__atomic_store_n(&s->stat->sleeping, s->sleep_number, __ATOMIC_SEQ_CST);
	sure = barrier_everywhere();
	if (osp__rings_moved(s))
		return 0;
	return sure || (timeout_ms >= 0 && timeout_ms < UNSURE_MS) ? timeout_ms
															   : UNSURE_MS;
}

/* Returns the length of the next nap, which is meant to collect as many points as make
 * a good batch. looked_ns: when the rings were checked; this step's work after that may
 * have taken long. */
static int
nap(osp_shipper *s, int64_t looked_ns)
{
	bool many =
		s->gathered > NAP_MANY_POINTS || looked_ns - s->crowded_ns < CROWD_NS;
	int max_ms = s->small_rings ? NAP_SMALL_MS : NAP_MAX_MS;

	if (many && s->nap_ms > NAP_MIN_MS)
		s->nap_ms = s->nap_ms / 2;
	else if (!many && s->gathered < NAP_FEW_POINTS && s->nap_ms < max_ms)
		s->nap_ms++;
	if (s->nap_ms > max_ms)
		s->nap_ms = max_ms;
	heed_sender(s, many || s->down || has_unread_spool(s));
	return s->nap_ms;
}

int
osp_shipper_step(osp_shipper *s)
{
	int64_t looked_ns = osp_mono_now();
	int64_t now = looked_ns;
	bool progress = true;
	bool active;
	int round;

	wake_up(s);
	watch_clock(s, now);
	s->gathered = 0;
	osp__watch_read(s, looked_ns);
	active = osp__rings_check(s, looked_ns);
	for (round = 0; round < ROUNDS && progress; round++)
	{
		progress = pump(s, now);
		active |= progress;
		now = osp_mono_now();
	}
	osp__meter_publish(s, now, false);
	if (active)
		s->active_ns = now;
	if (progress)
		return 0;
	return now - s->active_ns < IDLE_NS ? nap(s, looked_ns)
										: fall_asleep(s, now);
}

/* Remembers the heads of all rings for a flush. */
static void
note_heads(osp_shipper *s)
{
	size_t i;

	osp__rings_scan(s);
	osp__losses_hurry(&s->own);
	for (i = 0; i < s->ring_count; i++)
	{
		if (s->rings[i]->foreign)
			continue;
		s->rings[i]->flush_end = osp_ring_head(&s->rings[i]->ring);
		osp__losses_hurry(s->rings[i]);
	}
}

/* Are all records settled that were committed when the flush began? */
static bool
rings_are_flushed(const osp_shipper *s)
{
	size_t i;

	for (i = 0; i < s->ring_count; i++)
	{
		const shipper_ring *r = s->rings[i];

		if (!r->foreign && osp_ring_tail(&r->ring) < r->flush_end)
			return false;
	}
	return true;
}

bool
osp_shipper_flush(osp_shipper *s, unsigned timeout_ms)
{
	int64_t now = osp_mono_now();
	int64_t end = now + (int64_t) timeout_ms * NS_PER_MS;
	bool flushed = false;

	osp__watch_hurry(s);
	note_heads(s);

	/* The collector may be back by now, so try it at once. */
	s->retry_ns = now;
	s->backoff_ms = BACKOFF_MIN_MS;
	for (; now < end; now = osp_mono_now())
	{
		struct pollfd fd = {s->poll_fd, POLLIN, 0};
		int64_t left_ms = (end - now) / NS_PER_MS + 1;
		int wait_ms = osp_shipper_step(s);

		heed_sender(s, true);
		flushed = !s->busy && rings_are_flushed(s) &&
				  (s->down || osp_shipper_is_empty(s));
		if (flushed)
			break;
		if (wait_ms < 0 || wait_ms > FLUSH_POLL_MS)
			wait_ms = FLUSH_POLL_MS;
		if (poll(&fd, 1, wait_ms < left_ms ? wait_ms : (int) left_ms) < 0 &&
			errno != EINTR)
			break;
	}
	while (!rings_are_flushed(s) && osp__spill_all(s, true))
		;
	return rings_are_flushed(s);
}
