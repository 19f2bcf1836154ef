/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_rings.c
 *	  The shipper's table of rings, and the pool of those that are free.
 *
 * A ring is known by its number and its file: should somebody put another file
 * under the name, that is another ring, and the old one is still drained. A ring
 * leaves the table only when it is empty, everything read from it is settled,
 * and no producer has it: so no slot names a ring that is gone.
 */
#include "ship/shipper_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Free rings that are kept for the next producers. */
#define FREE_RINGS_KEPT 8

/* The directory is read this often while the shipper is awake. */
#define SCAN_INTERVAL_NS (5 * NS_PER_S)

/* A ring is crowded when more than this part of it waits for the collector. */
#define CROWDED_PART 4

#define RING_PREFIX "ring."

static bool
is_ours(const shipper_ring *r)
{
	return !r->foreign;
}

/* Is everything that was written to the ring settled? */
static bool
is_settled(const shipper_ring *r)
{
	uint64_t head = osp_ring_head(&r->ring);

	return r->pos == head && osp_ring_tail(&r->ring) == head;
}

/* The N of "ring.N"; false if the name is no such name. */
static bool
number_of(const char *name, unsigned *number)
{
	const char *digits = name + strlen(RING_PREFIX);
	unsigned value = 0;
	const char *p;

	if (strncmp(name, RING_PREFIX, strlen(RING_PREFIX)) != 0 ||
		*digits == '\0' || (digits[0] == '0' && digits[1] != '\0'))
		return false;
	for (p = digits; *p != '\0'; p++)
	{
		if (*p < '0' || *p > '9')
			return false;
		value = value * 10 + (unsigned) (*p - '0');
		if (value >= OSP_RINGS_MAX)
			return false;
	}
	*number = value;
	return true;
}

/* Where reading begins: what the last shipper had not confirmed comes again. */
static void
begin_reading(shipper_ring *r)
{
	const osp_ring_header *header = r->ring.header;

	r->pos = r->head_seen = osp_ring_tail(&r->ring);
	r->corrupt_seen = __atomic_load_n(&header->corrupt, __ATOMIC_RELAXED);
}

static void
add_ring(osp_shipper *s, unsigned number, const char *name,
		 const struct stat *st)
{
	shipper_ring *r;
	osp_status status;
	osp_error err;

	if (s->ring_count == OSP_RINGS_MAX)
		return;
	r = osp_calloc(s->alc, 1, sizeof(*r));
	if (r == NULL)
		return;
	status = osp_ring_map(&r->ring, s->dir_fd, name, &err);
	if (status != OSP_OK && status != OSP_EPROTO)
	{
		/* It has just gone, or cannot be mapped now: the next scan will see. */
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
		begin_reading(r);
	s->by_number[number] = r;
	s->rings[s->ring_count++] = r;
}

/* Takes the i-th ring out of the table, and counts what went through it. */
static void
forget_ring(osp_shipper *s, size_t i)
{
	shipper_ring *r = s->rings[i];

	if (is_ours(r))
	{
		const osp_ring_header *header = r->ring.header;

		osp_runstat_add(&s->stat->retired_records,
						__atomic_load_n(&header->records, __ATOMIC_RELAXED));
		osp_runstat_add(&s->stat->retired_dropped,
						__atomic_load_n(&header->dropped, __ATOMIC_RELAXED));
		osp_ring_unmap(&r->ring);
	}
	if (s->by_number[r->number] == r)
		s->by_number[r->number] = NULL;
	osp_free(s->alc, r);
	s->rings[i] = s->rings[--s->ring_count];
}

static void
scan_entry(osp_shipper *s, const char *name)
{
	unsigned number;
	shipper_ring *r;
	struct stat st;

	if (!number_of(name, &number) ||
		fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	r = s->by_number[number];
	if (r != NULL && r->dev == st.st_dev && r->ino == st.st_ino)
		r->listed = true;
	else
		add_ring(s, number, name, &st);
}

void
osp__rings_scan(osp_shipper *s)
{
	struct dirent *entry;
	DIR *dir;
	size_t i;
	int fd;

	s->rings_made_seen =
		__atomic_load_n(&s->stat->rings_made, __ATOMIC_ACQUIRE);
	s->scanned_ns = osp_mono_now();
	fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL)
	{
		if (fd >= 0)
			(void) close(fd);
		return;
	}
	for (i = 0; i < s->ring_count; i++)
		s->rings[i]->listed = false;
	while ((entry = readdir(dir)) != NULL)
		scan_entry(s, entry->d_name);
	(void) closedir(dir);
	for (i = s->ring_count; i-- > 0;)
	{
		shipper_ring *r = s->rings[i];

		if (!r->listed &&
			(r->foreign || (osp_ring_orphaned(&r->ring) && is_settled(r))))
			forget_ring(s, i);
	}
}

bool
osp__rings_look(osp_shipper *s, int64_t now)
{
	bool moved = false;
	size_t i;

	if (__atomic_load_n(&s->stat->rings_made, __ATOMIC_ACQUIRE) !=
			s->rings_made_seen ||
		now - s->scanned_ns > SCAN_INTERVAL_NS)
		osp__rings_scan(s);
	for (i = 0; i < s->ring_count; i++)
	{
		shipper_ring *r = s->rings[i];
		uint64_t head;

		if (r->foreign)
			continue;
		head = osp_ring_head(&r->ring);
		r->moved = head != r->head_seen;
		r->head_seen = head;
		moved |= r->moved;
		if (head - osp_ring_tail(&r->ring) > r->ring.capacity / CROWDED_PART)
			s->crowded_ns = now;
	}
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

/*
 * Removes the file of a free ring. Taking it over first keeps producers from
 * it; should we be killed in between, its owner is dead and all is as before.
 */
static bool
remove_file(osp_shipper *s, shipper_ring *r)
{
	char name[32];

	if (!osp_ring_claim(&r->ring))
		return false;
	(void) snprintf(name, sizeof(name), RING_PREFIX "%u", r->number);
	if (is_settled(r) && unlinkat(s->dir_fd, name, 0) == 0)
		return true;
	osp_ring_release(&r->ring);
	return false;
}

static size_t
index_of(const osp_shipper *s, const shipper_ring *r)
{
	size_t i = 0;

	while (s->rings[i] != r)
		i++;
	return i;
}

void
osp__rings_tidy(osp_shipper *s)
{
	size_t free_rings = 0;
	unsigned number;

	/* Producers search from number 0 on, so these are the ones to keep. */
	for (number = 0; number < OSP_RINGS_MAX; number++)
	{
		shipper_ring *r = s->by_number[number];

		if (r == NULL || r->foreign || !is_settled(r) ||
			!osp_ring_recycle(&r->ring))
			continue;
		free_rings++;
		if (free_rings > FREE_RINGS_KEPT && remove_file(s, r))
			forget_ring(s, index_of(s, r));
	}
}

void
osp__rings_term(osp_shipper *s)
{
	size_t i;

	for (i = 0; i < s->ring_count; i++)
	{
		osp_ring_unmap(&s->rings[i]->ring);
		osp_free(s->alc, s->rings[i]);
	}
}

void
osp__ring_count_corrupt(osp_shipper *s, shipper_ring *r)
{
	uint64_t corrupt =
		__atomic_load_n(&r->ring.header->corrupt, __ATOMIC_RELAXED);

	if (OSP_LIKELY(corrupt == r->corrupt_seen))
		return;
	osp_runstat_add(&s->stat->corrupt_bytes, corrupt - r->corrupt_seen);
	r->corrupt_seen = corrupt;
}
