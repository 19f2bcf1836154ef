/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_rings.c
 *	  The shipper's table of rings.
 *
 * A ring is identified by its number and its file: if another file appears under its
 * name, that is another ring, and the old one is still drained. A ring leaves the
 * table, and its file is removed, when no producer has it any more, everything read
 * from it is settled, and its losses are reported. So no slot refers to a ring that is
 * gone.
 *
 * The run directory's watch (shipper_watch.c) reports that a producer is gone; also,
 * all rings are checked when the shipper falls asleep, and every few seconds while it
 * is awake.
 */
#include "ship/shipper_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"

/* How often the directory is read while the shipper is awake. */
#define SCAN_INTERVAL_NS (5 * NS_PER_S)

/* A ring is crowded when more than this part of it waits for the collector. */
#define CROWDED_PART 4

/* A ring that cannot grow to this size is small. */
#define SMALL_RING ((uint64_t) 4 * 1024 * 1024)

#define RING_PREFIX "ring."

static bool
is_ours(const shipper_ring *r)
{
	return !r->foreign;
}

/* Has everything that was written to the ring been read? */
static bool
is_read(const shipper_ring *r)
{
	return r->pos == osp_ring_head(&r->ring);
}

/* Has everything been read and settled, and are all losses reported? */
static bool
is_settled(const shipper_ring *r)
{
	return is_read(r) && r->tail == r->pos && !osp__losses_pending(r);
}

bool
osp__ring_number(const char *name, uint64_t *number)
{
	const char *digits = name + strlen(RING_PREFIX);
	uint64_t value = 0;
	const char *p;

	if (strncmp(name, RING_PREFIX, strlen(RING_PREFIX)) != 0 ||
		*digits == '\0' || (digits[0] == '0' && digits[1] != '\0'))
		return false;
	for (p = digits; *p != '\0'; p++)
	{
		if (*p < '0' || *p > '9' || value > UINT64_MAX / 10 - 1)
			return false;
		value = value * 10 + (unsigned) (*p - '0');
	}
	*number = value;
	return true;
}

static shipper_ring **
bucket_of(osp_shipper *s, uint64_t number)
{
	return &s->by_number[number % SHIPPER_BUCKETS];
}

shipper_ring *
osp__ring_by_number(osp_shipper *s, uint64_t number)
{
	shipper_ring *r = *bucket_of(s, number);

	while (r != NULL && r->number != number)
		r = r->next_in_bucket;
	return r;
}

/* Takes the ring out of the index by number, because its name belongs to
 * another file now, or to none. */
static void
forget_number(osp_shipper *s, shipper_ring *r)
{
	shipper_ring **link = bucket_of(s, r->number);

	while (*link != NULL && *link != r)
		link = &(*link)->next_in_bucket;
	if (*link == r)
		*link = r->next_in_bucket;
	r->next_in_bucket = NULL;
}

void
osp__ring_damaged(osp_shipper *s, shipper_ring *r, uint64_t bytes)
{
	__atomic_store_n(&r->ring.header->corrupt,
					 r->ring.header->corrupt + bytes,
					 __ATOMIC_RELAXED);
	osp__ring_count_corrupt(s, r);
}

/* Sets the position where reading begins: tail, or head if tail is invalid. */
static void
begin_reading(osp_shipper *s, shipper_ring *r)
{
	const osp_ring_header *header = r->ring.header;
	uint64_t head = osp_ring_head(&r->ring);
	uint64_t tail = osp_ring_tail(&r->ring);

	r->corrupt_seen = __atomic_load_n(&header->corrupt, __ATOMIC_RELAXED);
	if (tail > head || head - tail > r->ring.capacity)
	{
		osp__ring_damaged(s, r, OSP_RECORD_ALIGN);
		tail = head;
		osp_ring_set_tail(&r->ring, tail);
	}
	__atomic_store_n(&r->ring.header->seen, 1, __ATOMIC_RELAXED);
	r->tail = tail;
	r->pos = tail;
	r->head_seen = tail;
	osp__losses_begin(r);
	if (header->predecessor != 0 &&
		header->predecessor < OSP_RING_PREDECESSOR(r->number))
		r->predecessor = header->predecessor;
}

static void
add_ring(osp_shipper *s, uint64_t number, const char *name,
		 const struct stat *st)
{
	shipper_ring *r;
	osp_status status;
	osp_error err;

	if (s->ring_count == SHIPPER_RINGS_MAX)
		return;
	r = osp_calloc(s->alc, 1, sizeof(*r));
	if (r == NULL)
		return;
	status = osp_ring_map_open(&r->ring, s->dir_fd, name, &r->fd, &err);
	if (status != OSP_OK && status != OSP_EPROTO)
	{
		/* The ring was just removed, or cannot be mapped now: the next scan tries
		 * again. */
		osp_free(s->alc, r);
		return;
	}
	r->number = number;
	r->dev = st->st_dev;
	r->ino = st->st_ino;
	r->listed = true;
	r->foreign = status == OSP_EPROTO;
	if (r->foreign)
		osp__shipper_log(s, OSP_LOG_WARNING, "%s is ignored", err.msg);
	else
		begin_reading(s, r);
	r->next_in_bucket = *bucket_of(s, number);
	*bucket_of(s, number) = r;
	s->rings[s->ring_count++] = r;
}

static void
close_ring(osp_shipper *s, shipper_ring *r)
{
	osp_ring_unmap(&r->ring);
	if (r->fd >= 0)
		(void) close(r->fd);
	osp_free(s->alc, r);
}

/* The ring's records and drops that are not in the status file's counters. */
typedef struct uncounted
{
	uint64_t records;
	uint64_t dropped;
} uncounted;

static uncounted
uncounted_of(const shipper_ring *r)
{
	const osp_ring_header *header = r->ring.header;

	return (uncounted){__atomic_load_n(&header->records, __ATOMIC_RELAXED) -
						   r->records_counted,
					   __atomic_load_n(&header->dropped, __ATOMIC_RELAXED) -
						   r->dropped_counted};
}

/* Notes in the status file when the ring has dropped its last record. */
static void
note_drops(osp_runstat *stat, const shipper_ring *r)
{
	int64_t dropped_ns =
		__atomic_load_n(&r->ring.header->dropped_ns, __ATOMIC_RELAXED);

	if (dropped_ns != 0)
		osp_runstat_note_loss_at(stat, dropped_ns + stat->wall_offset_ns);
}

/* Adds the ring's new records and drops to the status file's counters. */
static void
count_records(osp_shipper *s, shipper_ring *r)
{
	uncounted now = uncounted_of(r);

	note_drops(s->stat, r);
	osp_runstat_add(&s->stat->retired_records, now.records);
	osp_runstat_add(&s->stat->retired_dropped, now.dropped);
	r->records_counted += now.records;
	r->dropped_counted += now.dropped;
}

/* Begins to count the ring's records in the status file, because others who sum up the
 * rings' files do not find this one any more. */
static void
count_from_now(osp_shipper *s, shipper_ring *r)
{
	if (!is_ours(r) || r->counted)
		return;
	r->counted = true;
	count_records(s, r);
}

void
osp__ring_moves_away(osp_shipper *s, shipper_ring *r)
{
	r->moved_away = true;
	r->predecessor = 0;
	count_from_now(s, r);
}

/* Removes the i-th ring from the table, and counts its last records. */
static void
forget_ring(osp_shipper *s, size_t i)
{
	shipper_ring *r = s->rings[i];

	forget_number(s, r);
	s->rings[i] = s->rings[--s->ring_count];
	if (is_ours(r))
	{
		count_records(s, r);
		if (!r->moved_away)
			osp_runstat_sub(&s->stat->ring_bytes,
							OSP_RING_HEADER_SIZE + r->ring.capacity);
	}
	close_ring(s, r);
}

static void
scan_entry(osp_shipper *s, const char *name)
{
	uint64_t number;
	shipper_ring *r;
	struct stat st;

	if (!osp__ring_number(name, &number) ||
		fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	r = osp__ring_by_number(s, number);
	if (r != NULL && r->dev == st.st_dev && r->ino == st.st_ino)
	{
		r->listed = true;
		return;
	}
	if (r != NULL)
		forget_number(s, r);
	add_ring(s, number, name, &st);
}

void
osp__rings_scan(osp_shipper *s)
{
	struct dirent *entry;
	DIR *dir;
	size_t i;

	s->rings_made_seen =
		__atomic_load_n(&s->stat->rings_made, __ATOMIC_ACQUIRE);
	s->scanned_ns = osp_mono_now();
	dir = osp__directory_of(
		openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (dir == NULL)
		return;
	for (i = 0; i < s->ring_count; i++)
		s->rings[i]->listed = false;
	while ((entry = readdir(dir)) != NULL)
		scan_entry(s, entry->d_name);
	(void) closedir(dir);

	/* A foreign file was kept only so that it was logged once. */
	for (i = s->ring_count; i-- > 0;)
		if (s->rings[i]->listed)
			continue;
		else if (s->rings[i]->foreign)
			forget_ring(s, i);
		else
			count_from_now(s, s->rings[i]);
}

void
osp__rings_begin(osp_shipper *s)
{
	uint64_t bytes = 0;
	size_t i;

	osp__rings_scan(s);

	/* Sums up the bytes anew: a producer that was killed while it made a ring has left
	 * a wrong sum. */
	for (i = 0; i < s->ring_count; i++)
		if (is_ours(s->rings[i]))
			bytes += OSP_RING_HEADER_SIZE + s->rings[i]->ring.capacity;
	__atomic_store_n(&s->stat->ring_bytes, bytes, __ATOMIC_RELAXED);
}

/* Restores tail if another process has changed it: only the shipper may write it. */
static void
repair_tail(osp_shipper *s, shipper_ring *r)
{
	if (OSP_LIKELY(osp_ring_tail(&r->ring) == r->tail))
		return;
	osp__ring_damaged(s, r, sizeof(uint64_t));
	osp_ring_set_tail(&r->ring, r->tail);
}

/* A ring that can grow is expected to do so, unless it has dropped records. */
bool
osp__ring_may_run_full(const shipper_ring *r)
{
	const osp_ring_header *header = r->ring.header;

	if (__atomic_load_n(&header->owner, __ATOMIC_RELAXED) == 0)
		return false;
	return r->ring.capacity >= header->grows_to || r->dropped_seen > 0;
}

/* Can the ring's producer fill it during a long nap? */
static bool
is_small(const shipper_ring *r)
{
	const osp_ring_header *header = r->ring.header;

	return __atomic_load_n(&header->owner, __ATOMIC_RELAXED) != 0 &&
		   (header->grows_to < SMALL_RING ||
			(r->dropped_seen > 0 && r->ring.capacity < SMALL_RING));
}

bool
osp__rings_check(osp_shipper *s, int64_t now)
{
	bool moved = false;
	size_t i;

	if (__atomic_load_n(&s->stat->rings_made, __ATOMIC_ACQUIRE) !=
			s->rings_made_seen ||
		now - s->scanned_ns > SCAN_INTERVAL_NS)
	{
		s->check_all |= now - s->scanned_ns > SCAN_INTERVAL_NS;
		osp__rings_scan(s);
	}
	s->small_rings = false;
	for (i = 0; i < s->ring_count; i++)
	{
		shipper_ring *r = s->rings[i];
		uint64_t head;

		if (r->foreign)
			continue;
		s->small_rings |= is_small(r);
		repair_tail(s, r);
		head = osp_ring_head(&r->ring);
		r->moved = head != r->head_seen || osp__losses_check(r, now);
		if (r->moved && r->counted)
			count_records(s, r);
		r->head_seen = head;
		moved |= r->moved;
		if (head - r->tail > r->ring.capacity / CROWDED_PART &&
			osp__ring_may_run_full(r))
			s->crowded_ns = now;
	}
	osp__rings_tidy(s, false);
	return moved;
}

bool
osp__rings_moved(const osp_shipper *s)
{
	size_t i;

	if (__atomic_load_n(&s->stat->rings_made, __ATOMIC_ACQUIRE) !=
		s->rings_made_seen)
		return true;
	for (i = 0; i < s->ring_count; i++)
	{
		const shipper_ring *r = s->rings[i];

		if (is_ours(r) && osp_ring_head(&r->ring) != r->head_seen)
			return true;
	}
	return false;
}

bool
osp__rings_former_unread(const osp_shipper *s)
{
	size_t i;

	for (i = 0; i < s->ring_count; i++)
		if (s->rings[i]->moved_away && is_ours(s->rings[i]) &&
			!is_read(s->rings[i]))
			return true;
	return false;
}

bool
osp__ring_waits(osp_shipper *s, shipper_ring *r)
{
	const shipper_ring *before;

	if (OSP_LIKELY(r->predecessor == 0))
		return false;
	before = osp__ring_by_number(s, r->predecessor - 1);
	if (before != NULL && is_ours(before))
	{
		/* Unsettled records of the predecessor may have to be read again. */
		if (!is_settled(before))
			return !is_read(before);
	}
	r->predecessor = 0;
	return false;
}

/* Removes the ring's file, if the name still belongs to it. */
static void
remove_file(osp_shipper *s, const shipper_ring *r)
{
	char name[OSP_RING_NAME_MAX];
	struct stat st;

	osp_ring_name(name, r->number);
	if (!r->moved_away &&
		fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_dev == r->dev && st.st_ino == r->ino)
		(void) unlinkat(s->dir_fd, name, 0);
}

/* Notes what the counters will be, so that nothing is lost if this shipper is killed
 * between the removal and the count. */
static void
begin_removal(osp_runstat *stat, const shipper_ring *r)
{
	uncounted now = uncounted_of(r);

	note_drops(stat, r);
	stat->retiring_ring = r->number;
	stat->retiring_records = stat->retired_records + now.records;
	stat->retiring_dropped = stat->retired_dropped + now.dropped;
	(void) __atomic_fetch_add(&stat->retiring, 1, __ATOMIC_SEQ_CST);
}

static void
end_removal(osp_runstat *stat)
{
	(void) __atomic_fetch_add(&stat->retiring, 1, __ATOMIC_SEQ_CST);
}

/* Removes the i-th ring, which no producer has any more. Whoever sums up the rings
 * counts it once. */
static void
remove_ring(osp_shipper *s, size_t i)
{
	begin_removal(s->stat, s->rings[i]);
	remove_file(s, s->rings[i]);
	forget_ring(s, i);
	end_removal(s->stat);
}

static void
raise_to(uint64_t *counter, uint64_t value)
{
	if (__atomic_load_n(counter, __ATOMIC_RELAXED) < value)
		__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

void
osp__rings_finish_removal(osp_shipper *s)
{
	osp_runstat *stat = s->stat;
	char name[OSP_RING_NAME_MAX];
	struct stat st;

	if (__atomic_load_n(&stat->retiring, __ATOMIC_SEQ_CST) % 2 == 0)
		return;
	osp_ring_name(name, stat->retiring_ring);

	/* While the file exists, its records are counted there. */
	if (fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
	{
		raise_to(&stat->retired_records, stat->retiring_records);
		raise_to(&stat->retired_dropped, stat->retiring_dropped);
	}
	end_removal(stat);
}

void
osp__rings_tidy(osp_shipper *s, bool all)
{
	bool check_all = s->check_all || all;
	size_t i;

	s->check_all = false;
	for (i = s->ring_count; i-- > 0;)
	{
		shipper_ring *r = s->rings[i];

		r->check |= check_all;
		if (!is_ours(r) || !r->check)
			continue;

		/* A ring without a producer stays so; it is removed once everything is
		 * settled. */
		r->orphaned |= osp_ring_is_orphaned(&r->ring, r->fd);
		r->check = r->orphaned;
		if (r->orphaned && is_settled(r))
			remove_ring(s, i);
	}
}

void
osp__ring_settle(shipper_ring *r, uint64_t end, bool reports)
{
	r->tail = end;
	osp_ring_set_tail(&r->ring, end);
	if (reports)
		osp__losses_settle(r);
}

void
osp__ring_rewind(shipper_ring *r)
{
	r->pos = r->tail;
	osp__losses_rewind(r);
}

void
osp__rings_term(osp_shipper *s)
{
	osp__rings_tidy(s, true);
	while (s->ring_count > 0)
		close_ring(s, s->rings[--s->ring_count]);
}

void
osp__ring_count_corrupt(osp_shipper *s, shipper_ring *r)
{
	uint64_t corrupt =
		__atomic_load_n(&r->ring.header->corrupt, __ATOMIC_RELAXED);

	if (OSP_LIKELY(corrupt == r->corrupt_seen))
		return;
	osp_runstat_add(&s->stat->corrupt_bytes, corrupt - r->corrupt_seen);
	osp_runstat_note_loss(s->stat);
	r->corrupt_seen = corrupt;
}
