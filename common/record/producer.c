/* SPDX-License-Identifier: Apache-2.0
 *
 * producer.c
 *	  A producer makes a ring in the run directory, replaces it by a larger one when
 *	  needed, moves to the new run directory if the old one was removed, and wakes the
 *	  shipper.
 */
#include "record/producer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CREATE_TRIES 100
#define GROWTH       4

/* Time until the next attempt to replace the ring after one has failed. */
#define RETRY_NS INT64_C(1000000000)

/* The eighths of a file system's free space, counted without rings, that all rings may
 * take. PostgreSQL's parallel queries need the rest. */
#define SHARE_EIGHTHS 5
#define SHARE_TEXT    "five eighths"

static size_t
round_up_to_power_of_two(size_t size)
{
	size_t power = OSP_RING_MIN;

	while (power < size && power < OSP_RING_MAX)
		power *= 2;
	return power;
}

/* The bytes that all rings may take together; used is what they take now. */
static uint64_t
bound_of(const osp_producer *producer, int dir_fd, uint64_t used)
{
	uint64_t bound = producer->ring_total;
	struct statvfs fs;
	uint64_t share;

	/* A file system without blocks, such as a tmpfs without a limit, sets no bound. */
	if (fstatvfs(dir_fd, &fs) != 0 || fs.f_blocks == 0)
		return bound;
	share = ((uint64_t) fs.f_bavail * fs.f_frsize + used) / 8 * SHARE_EIGHTHS;
	return share < bound ? share : bound;
}

/* Adds the bytes of a new ring to those of all rings. False: they are too many. */
static bool
take_share(const osp_producer *producer, osp_runstat *stat, int dir_fd,
		   size_t capacity)
{
	uint64_t size = OSP_RING_HEADER_SIZE + capacity;
	uint64_t used =
		__atomic_fetch_add(&stat->ring_bytes, size, __ATOMIC_RELAXED);
	uint64_t bound;

	/* The shipper may subtract at the same moment, so the sum may be below 0 for a
	 * while. */
	if ((int64_t) used < 0)
		used = 0;
	bound = bound_of(producer, dir_fd, used);
	if (capacity > OSP_RING_MIN)
		bound /= 2;
	if (used + size <= bound)
		return true;
	osp_runstat_sub(&stat->ring_bytes, size);
	return false;
}

/* Makes ring.N for the next free number N. */
static osp_status
create_ring(osp_runstat *stat, int dir_fd, size_t capacity, osp_ring *ring,
			uint64_t *number, osp_error *err)
{
	osp_status status = OSP_EBUSY;
	int tries;

	/* A number is in use only if the status file was made anew. */
	for (tries = 0; status == OSP_EBUSY && tries < CREATE_TRIES; tries++)
	{
		char name[OSP_RING_NAME_MAX];

		*number = __atomic_fetch_add(&stat->next_ring, 1, __ATOMIC_RELAXED);
		osp_ring_name(name, *number);
		status = osp_ring_create(ring, dir_fd, name, capacity, err);
	}

	/* Counted last: a shipper that reads the directory because of this count must find
	 * the ring. */
	if (status == OSP_OK)
		(void) __atomic_fetch_add(&stat->rings_made, 1, __ATOMIC_RELEASE);
	return status;
}

/*
 * Maps the status file and makes a ring, for a producer whose settings are filled. On
 * failure neither is left.
 */
static osp_status
open_ring(osp_producer *producer, bool create, size_t capacity, osp_error *err)
{
	osp_status status;
	int dir_fd;

	status = osp_rundir_open(producer->path, create, &dir_fd, err);
	if (status != OSP_OK)
		return status;
	status = osp_runstat_map(dir_fd, &producer->stat, err);
	if (status == OSP_OK &&
		!take_share(producer, producer->stat, dir_fd, capacity))
		status =
			osp_error_set(err,
						  OSP_EFULL,
						  "there is no room for another ring in %s: the "
						  "rings may take %llu kB, and " SHARE_TEXT
						  " of what their file system has left",
						  producer->path,
						  (unsigned long long) producer->ring_total / 1024);
	else if (status == OSP_OK)
	{
		status = create_ring(producer->stat,
							 dir_fd,
							 capacity,
							 &producer->ring,
							 &producer->number,
							 err);
		if (status != OSP_OK)
			osp_runstat_sub(&producer->stat->ring_bytes,
							OSP_RING_HEADER_SIZE + capacity);
	}
	(void) close(dir_fd);
	if (status != OSP_OK)
		osp_producer_abandon(producer);
	return status;
}

/* Copies undelivered records from a ring that no shipper reads into another one. */
static void
put_again(osp_ring *to, osp_ring *from)
{
	uint64_t pos = osp_ring_tail(from);
	osp_record record;
	osp_buf bytes;

	osp_buf_init(&bytes, &osp_allocator_default, from->capacity / 4);
	while (osp_ring_next(from, &pos, &bytes, &record))
	{
		void *space = osp_ring_reserve(to, bytes.len);

		if (space == NULL)
		{
			osp_ring_count_loss(to, &record.base_id, 1);
			continue;
		}
		memcpy(space, bytes.ptr, bytes.len);
		osp_ring_commit(to, bytes.len);
	}
	osp_buf_term(&bytes);
}

/* Copies the labels of the old ring's header to the new ring's. */
static void
hand_on_header(osp_ring *to, const osp_ring *from)
{
	const osp_ring_header *old = from->header;

	memcpy(to->header->project, old->project, sizeof(old->project));
	memcpy(to->header->service, old->service, sizeof(old->service));
}

static void
let_go(osp_producer *producer)
{
	osp_ring_release(&producer->ring);
	osp_producer_abandon(producer);
}

/* Is the ring still mapped by a shipper that has left this run directory? */
static bool
is_read_elsewhere(const osp_producer *producer)
{
	return __atomic_load_n(&producer->stat->sleeping, __ATOMIC_RELAXED) ==
			   OSP_RUNSTAT_MOVED &&
		   __atomic_load_n(&producer->ring.header->seen, __ATOMIC_RELAXED) != 0;
}

/* Is the producer's ring gone from the path where a new shipper would look for it? */
static bool
is_lost(const osp_producer *producer)
{
	char name[OSP_RING_NAME_MAX];
	bool lost = false;
	osp_ring there;
	int dir_fd;

	/* After chroot() the path means another directory, so this cannot be known. */
	if (osp_root_directory() != producer->root)
		return false;
	if (osp_rundir_open(producer->path, false, &dir_fd, NULL) != OSP_OK)
		return access(producer->path, F_OK) != 0 && errno == ENOENT;
	osp_ring_name(name, producer->number);
	if (osp_ring_map(&there, dir_fd, name, NULL) == OSP_OK)
		lost = memcmp(&there.header->id,
					  &producer->ring.header->id,
					  sizeof(osp_uuid)) != 0;
	else
		lost = faccessat(dir_fd, name, F_OK, 0) != 0 && errno == ENOENT;
	osp_ring_unmap(&there);
	(void) close(dir_fd);
	return lost;
}

/*
 * Replaces the ring by another one of this capacity: in the same run directory by its
 * successor, else by a ring in the new run directory that has taken its place.
 */
static bool
replace_ring(osp_producer *producer, size_t capacity, bool create)
{
	osp_producer next = *producer;
	bool is_read = is_read_elsewhere(producer);

	/* After chroot() the path means another directory. */
	if (osp_root_directory() != producer->root)
		return false;
	memset(&next.ring, 0, sizeof(next.ring));
	next.stat = NULL;
	if (open_ring(&next, create, capacity, NULL) != OSP_OK)
		return false;
	next.ring.on_full = producer->ring.on_full;
	hand_on_header(&next.ring, &producer->ring);
	if (!is_read && is_lost(producer))
		put_again(&next.ring, &producer->ring);
	else if (memcmp(&next.stat->id, &producer->stat->id, sizeof(osp_uuid)) == 0)
		next.ring.header->predecessor = OSP_RING_PREDECESSOR(producer->number);
	next.ring.header->grows_to = producer->ring_size;
	next.ring.header->waits = next.ring.on_full == OSP_ON_FULL_WAIT;
	next.ring.grow = producer->ring.grow;
	let_go(producer);
	*producer = next;
	return true;
}

/* Is it time to try again to replace the ring? */
static bool
may_replace(osp_producer *producer)
{
	int64_t now = osp_mono_now();

	if (now < producer->retry_ns)
		return false;
	producer->retry_ns = now + RETRY_NS;
	return true;
}

static bool
grow(osp_ring *ring, size_t size)
{
	osp_producer *producer = (osp_producer *) ring;
	size_t capacity = ring->capacity;
	int saved = errno;
	bool replaced;

	if (size > producer->ring_size || !may_replace(producer))
		return false;
	/* A ring in a new directory must hold the contents of this ring, and more. */
	if (capacity >= producer->ring_size)
		replaced = is_lost(producer) && capacity < OSP_RING_MAX &&
				   replace_ring(producer, capacity * 2, true);
	else
	{
		do
			capacity *= GROWTH;
		while (capacity < producer->ring_size && capacity / 4 < size);
		if (capacity > producer->ring_size)
			capacity = producer->ring_size;
		replaced = replace_ring(producer, capacity, false);
	}

	/* The next replacement may be needed at once. */
	if (replaced)
		producer->retry_ns = 0;
	errno = saved;
	return replaced;
}

static void
set_label(char label[OSP_LABEL_MAX + 1], osp_str text)
{
	size_t len = osp_utf8_prefix(text, OSP_LABEL_MAX);

	if (len > 0)
		memcpy(label, text.ptr, len);
	label[len] = '\0';
}

osp_status
osp_producer_open(osp_producer *producer, const char *path,
				  const osp_producer_options *options, osp_error *err)
{
	osp_status status;

	osp__clock_find();
	memset(producer, 0, sizeof(*producer));
	if (strlen(path) >= sizeof(producer->path))
		return osp_error_set(err, OSP_EINVAL, "run directory: path too long");
	memcpy(producer->path, path, strlen(path) + 1);
	producer->root = osp_root_directory();
	producer->ring_size = round_up_to_power_of_two(options->ring_size);
	producer->ring_total =
		options->ring_total != 0 ? options->ring_total : OSP_RING_TOTAL_DEFAULT;
	status = open_ring(producer, true, OSP_RING_MIN, err);
	if (status != OSP_OK)
		return status;
	producer->ring.on_full = options->on_full;
	producer->ring.header->grows_to = producer->ring_size;
	producer->ring.header->waits = options->on_full == OSP_ON_FULL_WAIT;
	producer->ring.grow = grow;
	set_label(producer->ring.header->project, options->project);
	set_label(producer->ring.header->service, options->service);
	return OSP_OK;
}

/* Does the ring hold records that no shipper will ever find? */
static bool
would_lose_records(const osp_producer *producer)
{
	const osp_ring *ring = &producer->ring;

	return ring->header != NULL && osp_ring_tail(ring) != osp_ring_head(ring) &&
		   !is_read_elsewhere(producer) && is_lost(producer);
}

void
osp_producer_close(osp_producer *producer)
{
	int saved = errno;

	if (would_lose_records(producer))
		(void) replace_ring(producer, producer->ring.capacity, true);
	let_go(producer);
	errno = saved;
}

void
osp_producer_abandon(osp_producer *producer)
{
	osp_ring_unmap(&producer->ring);
	osp_runstat_unmap(producer->stat);
	producer->stat = NULL;
}

void
osp__producer_wake(osp_producer *producer)
{
	int saved = errno;

	if (__atomic_load_n(&producer->stat->sleeping, __ATOMIC_ACQUIRE) !=
		OSP_RUNSTAT_MOVED)
		osp_runstat_ring(producer->stat);
	else if (may_replace(producer) &&
			 replace_ring(producer, OSP_RING_MIN, false))
		producer->retry_ns = 0;
	errno = saved;
}

void
osp_producer_drop_stop(osp_producer *producer, const osp_id *base_id)
{
	osp__ring_drop(&producer->ring);
	osp_ring_count_loss(&producer->ring, base_id, 1);
}

void
osp__producer_give_up(osp_producer *producer, const osp_writer *w)
{
	const osp_record_head *head = (const void *) w->start;
	const char *base = w->start + sizeof(*head);
	osp_id id;

	osp__ring_drop(&producer->ring);
	if ((size_t) (w->pos - w->start) < sizeof(*head) + head->base_len ||
		head->base_len > OSP_ID_MAX)
		return;
	memset(&id, 0, sizeof(id));
	id.is_uuid = (head->flags & OSP_RECORD_BASE_UUID) != 0;
	id.len = head->base_len;
	memcpy(id.bytes, base, id.len);
	osp_ring_count_loss(&producer->ring, &id, 1);
}
