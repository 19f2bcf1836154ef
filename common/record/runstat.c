/* SPDX-License-Identifier: Apache-2.0
 *
 * runstat.c
 *	  The status file of a run directory: counters, the clock, the bell.
 */
#include "record/runstat.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/clock.h"

#include "record/newfile.h"

#define RUNSTAT_NAME "status"

/* How often to wait, a millisecond or more each, while another process makes the
 * file. */
#define MAP_TRIES 1000

typedef char verdicts_fit[OSP_VERDICT_COUNT <= 16 ? 1 : -1];

int64_t
osp_wall_offset_now(void)
{
	int64_t best = 0;
	int64_t best_width = INT64_MAX;
	int i;

	for (i = 0; i < 5; i++)
	{
		int64_t before = osp_mono_now();
		struct timespec wall;
		int64_t after;

		(void) clock_gettime(CLOCK_REALTIME, &wall);
		after = osp_mono_now();
		if (after - before < best_width)
		{
			best_width = after - before;
			best = (int64_t) wall.tv_sec * 1000000000 + wall.tv_nsec -
				   (before + best_width / 2);
		}
	}
	return best;
}

static void
init_runstat(void *map, size_t size)
{
	osp_runstat *stat = map;

	stat->magic = OSP_RUNSTAT_MAGIC;
	stat->version = OSP_RUNSTAT_VERSION;
	stat->size = (uint32_t) size;
	stat->wall_offset_ns = osp_wall_offset_now();
	osp_uuid_new(&stat->id);
}

/*
 * Does the file have this version's layout? A file that survived a reboot is not
 * noticed: it does not name the boot, although CLOCK_MONOTONIC, and so the offset of
 * the clocks and the records' times, began anew.
 */
static bool
is_sane(const osp_runstat *stat)
{
	return stat->magic == OSP_RUNSTAT_MAGIC &&
		   stat->version == OSP_RUNSTAT_VERSION && stat->size == sizeof(*stat);
}

osp_status
osp_runstat_map(int dir_fd, osp_runstat **out, osp_error *err)
{
	osp_status status = OSP_EBUSY;
	int tries;

	*out = NULL;
	for (tries = 0; tries < MAP_TRIES; tries++)
	{
		size_t size;
		void *map;
		int fd;

		status = osp__mapfile(
			dir_fd, RUNSTAT_NAME, sizeof(osp_runstat), &map, &size, &fd, err);
		if (fd >= 0)
			(void) close(fd);
		if (status == OSP_OK && is_sane(map) && size == sizeof(osp_runstat))
		{
			*out = map;
			return OSP_OK;
		}
		if (status == OSP_OK)
		{
			(void) munmap(map, size);
			status = osp_error_set(err, OSP_EPROTO, "status file is damaged");
		}
		if (status == OSP_EPROTO)
			(void) unlinkat(dir_fd, RUNSTAT_NAME, 0);
		else if (status != OSP_ENOENT)
			return status;

		status = osp__newfile(
			dir_fd, RUNSTAT_NAME, sizeof(osp_runstat), init_runstat, &map, err);
		if (status == OSP_OK)
		{
			*out = map;
			return OSP_OK;
		}
		if (status != OSP_EBUSY)
			return status;

		/* Another process is making the file at this moment. */
		(void) usleep(1000);
	}
	return status;
}

void
osp_runstat_unmap(osp_runstat *stat)
{
	if (stat != NULL)
		(void) munmap(stat, sizeof(*stat));
}

/* Moves a counter and sets the old one to 0, so that nothing is counted twice if the
 * old file comes back. */
static void
take_counter(osp_runstat *to, osp_runstat *from, size_t offset)
{
	uint64_t *there = (uint64_t *) ((char *) from + offset);

	osp_runstat_add((uint64_t *) ((char *) to + offset),
					__atomic_exchange_n(there, 0, __ATOMIC_RELAXED));
}

void
osp_runstat_take_over(osp_runstat *to, osp_runstat *from)
{
	static const size_t counters[] = {
		offsetof(osp_runstat, untraced),
		offsetof(osp_runstat, shipped),
		offsetof(osp_runstat, spooled),
		offsetof(osp_runstat, spool_dropped),
		offsetof(osp_runstat, corrupt_bytes),
		offsetof(osp_runstat, refused),
		offsetof(osp_runstat, batches),
		offsetof(osp_runstat, driver_errors),
		offsetof(osp_runstat, retired_records),
		offsetof(osp_runstat, retired_dropped),
	};
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		take_counter(to, from, counters[i]);
	for (i = 0; i < sizeof(to->contexts) / sizeof(to->contexts[0]); i++)
		take_counter(
			to, from, offsetof(osp_runstat, contexts) + i * sizeof(uint64_t));
	osp_runstat_note_loss_at(
		to, __atomic_load_n(&from->last_loss_wall_ns, __ATOMIC_RELAXED));
}

void
osp_runstat_note_loss_at(osp_runstat *stat, int64_t wall_ns)
{
	if (__atomic_load_n(&stat->last_loss_wall_ns, __ATOMIC_RELAXED) < wall_ns)
		__atomic_store_n(&stat->last_loss_wall_ns, wall_ns, __ATOMIC_RELAXED);
}

void
osp_runstat_note_loss(osp_runstat *stat)
{
	osp_runstat_note_loss_at(
		stat,
		osp_mono_now() +
			__atomic_load_n(&stat->wall_offset_ns, __ATOMIC_RELAXED));
}

/* Calls futex() on the bell. All processes that have the file mapped share it, so
 * FUTEX_PRIVATE_FLAG is not set. */
static long
bell_futex(osp_runstat *stat, int op, uint32_t value)
{
	return syscall(SYS_futex, &stat->bell, op, value, NULL, NULL, 0);
}

void
osp_runstat_ring_always(osp_runstat *stat)
{
	(void) __atomic_fetch_add(&stat->bell, 1, __ATOMIC_RELEASE);
	(void) bell_futex(stat, FUTEX_WAKE, INT_MAX);
}

/*
 * A reader uses the text only if it finds error_seq even, and the same before
 * and after. A process that was killed while it wrote leaves error_seq odd.
 */
void
osp_runstat_note_error(osp_runstat *stat, const char *text, int64_t wall_ns)
{
	uint32_t seq = __atomic_load_n(&stat->error_seq, __ATOMIC_RELAXED) | 1;

	/* This orders the odd number before the stores below. */
	(void) __atomic_exchange_n(&stat->error_seq, seq, __ATOMIC_ACQ_REL);
	stat->last_error_wall_ns = wall_ns;
	(void) snprintf(stat->last_error, sizeof(stat->last_error), "%s", text);
	__atomic_store_n(&stat->error_seq, seq + 1, __ATOMIC_RELEASE);
}

void
osp_runstat_ring(osp_runstat *stat)
{
	uint32_t sleep = __atomic_load_n(&stat->sleeping, __ATOMIC_ACQUIRE);
	int saved = errno;

	if (sleep == 0)
		return;
	osp_runstat_ring_always(stat);

	/*
	 * Other producers need not ring as well. The word is cleared only after the bell,
	 * so that the shipper is awake even if this process is killed in between, and only
	 * if it still has this sleep's number: another sleep may have begun by now.
	 */
	(void) __atomic_compare_exchange_n(
		&stat->sleeping, &sleep, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	errno = saved;
}

int
osp_runstat_listen(osp_runstat *stat, uint32_t seen)
{
	return bell_futex(stat, FUTEX_WAIT, seen) == 0 ? 0 : errno;
}
