/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c
 *	  Opening a ring, and the parts of reserving and reading that are not
 *	  inline.
 */
#include "record/ring.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/clock.h"
#include "record/mapped_alone.h"
#include "record/newfile.h"

/* The layout is a contract between processes of different versions. */
typedef char
	header_fits[sizeof(osp_ring_header) <= OSP_RING_HEADER_SIZE ? 1 : -1];
typedef char lines_are_apart[offsetof(osp_ring_header, owner) == 64 &&
									 offsetof(osp_ring_header, head) == 128 &&
									 offsetof(osp_ring_header, tail) == 192
								 ? 1
								 : -1];

void
osp_ring_name(char name[OSP_RING_NAME_MAX], uint64_t number)
{
	(void) snprintf(
		name, OSP_RING_NAME_MAX, "ring.%llu", (unsigned long long) number);
}

static void
view(osp_ring *ring, void *map, uint64_t capacity)
{
	memset(ring, 0, sizeof(*ring));
	ring->header = map;
	ring->data = (char *) map + OSP_RING_HEADER_SIZE;
	ring->capacity = capacity;
	ring->mask = capacity - 1;
	ring->head = osp_ring_head(ring);
	ring->tail_seen = osp_ring_tail(ring);
}

static bool
capacity_is_sane(uint64_t capacity)
{
	return capacity >= OSP_RING_MIN && capacity <= OSP_RING_MAX &&
		   (capacity & (capacity - 1)) == 0;
}

static void
init_ring(void *map, size_t size)
{
	osp_ring_header *header = map;

	header->magic = OSP_RING_MAGIC;
	header->version = OSP_RING_VERSION;
	header->header_size = OSP_RING_HEADER_SIZE;
	header->capacity = size - OSP_RING_HEADER_SIZE;
	header->owner = osp_owner_self();
	header->owner_space = osp_owner_space();
	osp_uuid_new(&header->id);
}

osp_status
osp_ring_create(osp_ring *ring, int dir_fd, const char *name, size_t capacity,
				osp_error *err)
{
	osp_status status;
	void *map;

	memset(ring, 0, sizeof(*ring));
	if (!capacity_is_sane(capacity))
		return osp_error_set(
			err,
			OSP_EINVAL,
			"ring size %zu is not a power of two from %d to %d",
			capacity,
			OSP_RING_MIN,
			OSP_RING_MAX);
	status = osp__newfile(
		dir_fd, name, OSP_RING_HEADER_SIZE + capacity, init_ring, &map, err);
	if (status == OSP_OK)
		view(ring, map, capacity);
	return status;
}

static bool
header_is_sane(const osp_ring_header *header, size_t size)
{
	return header->magic == OSP_RING_MAGIC &&
		   header->version == OSP_RING_VERSION &&
		   header->header_size == OSP_RING_HEADER_SIZE &&
		   capacity_is_sane(header->capacity) &&
		   header->capacity == size - OSP_RING_HEADER_SIZE;
}

osp_status
osp_ring_map_open(osp_ring *ring, int dir_fd, const char *name, int *fd,
				  osp_error *err)
{
	osp_status status;
	uint64_t capacity;
	size_t size;
	void *map;

	memset(ring, 0, sizeof(*ring));
	status = osp__mapfile(dir_fd,
						  name,
						  OSP_RING_HEADER_SIZE + OSP_RING_MIN,
						  &map,
						  &size,
						  fd,
						  err);
	if (status != OSP_OK)
		return status;
	capacity = size - OSP_RING_HEADER_SIZE;
	if (!header_is_sane(map, size) || !capacity_is_sane(capacity))
	{
		(void) munmap(map, size);
		return osp_error_set(err,
							 OSP_EPROTO,
							 "%s is not a ring of version %d",
							 name,
							 OSP_RING_VERSION);
	}
	view(ring, map, capacity);
	return OSP_OK;
}

osp_status
osp_ring_map(osp_ring *ring, int dir_fd, const char *name, osp_error *err)
{
	int fd;
	osp_status status = osp_ring_map_open(ring, dir_fd, name, &fd, err);

	if (fd >= 0)
		(void) close(fd);
	return status;
}

void
osp_ring_unmap(osp_ring *ring)
{
	if (ring->header != NULL)
		(void) munmap(ring->header, OSP_RING_HEADER_SIZE + ring->capacity);
	memset(ring, 0, sizeof(*ring));
}

void
osp_ring_release(osp_ring *ring)
{
	if (ring->header != NULL)
		__atomic_store_n(&ring->header->owner, 0, __ATOMIC_RELEASE);
}

bool
osp_ring_is_orphaned(const osp_ring *ring, int fd)
{
	uint64_t owner = __atomic_load_n(&ring->header->owner, __ATOMIC_ACQUIRE);
	uint64_t space = ring->header->owner_space;

	if (owner == 0)
		return true;
	if (space != 0 && space == osp_owner_space() && !osp_owner_alive(owner))
		return true;
	return osp__is_mapped_alone(fd);
}

/* Reads tail from the header again. */
static uint64_t
refresh_tail(osp_ring *ring)
{
	ring->tail_seen = __atomic_load_n(&ring->header->tail, __ATOMIC_ACQUIRE);
	return ring->tail_seen;
}

/* Are size bytes beyond head free? If tail is beyond head, it is damaged and the
 * consumer repairs it; until then nothing is written. */
static bool
is_free(osp_ring *ring, uint64_t size)
{
	return refresh_tail(ring) <= ring->head &&
		   ring->head + size - ring->tail_seen <= ring->capacity;
}

/* The bytes that a record of size bytes takes at head, including the pad before it. */
static uint64_t
padded(const osp_ring *ring, size_t size)
{
	uint64_t offset = ring->head & ring->mask;

	return offset + size > ring->capacity ? ring->capacity - offset + size
										  : size;
}

static bool
has_room(osp_ring *ring, size_t size)
{
	return size <= ring->capacity / 4 && is_free(ring, padded(ring, size));
}

/* Is there room for records of size bytes in all? Each wrap may waste a quarter of the
 * ring. */
static bool
has_much_room(osp_ring *ring, size_t size)
{
	return size <= ring->capacity && is_free(ring, size + ring->capacity / 4);
}

static bool
wait_for_room(osp_ring *ring, size_t size, bool (*has)(osp_ring *, size_t))
{
	const struct timespec nap = {0, 1000000};
	int saved = errno;
	int waited_ms;
	bool room = false;

	if (ring->on_full != OSP_ON_FULL_WAIT || ring->stalled ||
		size > ring->capacity)
		return false;
	for (waited_ms = 0; waited_ms < OSP_RING_WAIT_MS && !room; waited_ms++)
	{
		(void) nanosleep(&nap, NULL);
		room = has(ring, size);
	}
	ring->stalled = !room;
	errno = saved;
	return room;
}

/* Is there room, if need be after growing or waiting? */
static bool
find_room(osp_ring *ring, size_t size, bool (*has)(osp_ring *, size_t))
{
	if (ring->header == NULL)
		return false;
	if (has(ring, size))
	{
		ring->stalled = false;
		return true;
	}
	if (ring->grow != NULL && ring->grow(ring, size) && has(ring, size))
		return true;
	return wait_for_room(ring, size, has);
}

bool
osp_ring_make_room(osp_ring *ring, size_t size)
{
	return find_room(ring, size, has_much_room);
}

void
osp__ring_drop(osp_ring *ring)
{
	ring->reserved_size = 0;
	if (ring->header == NULL)
		return;
	__atomic_store_n(
		&ring->header->dropped_ns, osp_mono_now(), __ATOMIC_RELAXED);
	__atomic_store_n(
		&ring->header->dropped, ring->header->dropped + 1, __ATOMIC_RELAXED);
}

static void
put_pad(char *to, uint64_t size)
{
	osp_record_head head;

	memset(&head, 0, sizeof(head));
	head.size = (uint32_t) size;
	head.version = OSP_RECORD_VERSION;
	head.kind = OSP_RECORD_PAD;
	memcpy(to, &head, OSP_RECORD_ALIGN);
}

void *
osp__ring_reserve_slow(osp_ring *ring, size_t size)
{
	uint64_t pad;

	if (!find_room(ring, size, has_room))
	{
		osp__ring_drop(ring);
		return NULL;
	}
	pad = padded(ring, size) - size;
	if (pad > 0)
		put_pad(ring->data + (ring->head & ring->mask), pad);
	ring->reserved = ring->head + pad;
	ring->reserved_size = size;
	return ring->data + (ring->reserved & ring->mask);
}

/* Skips everything between *pos and head, at least one record. */
static void
skip_damage(osp_ring *ring, uint64_t *pos, uint64_t head)
{
	uint64_t bytes = head > *pos && head - *pos <= ring->capacity
						 ? head - *pos
						 : OSP_RECORD_ALIGN;

	__atomic_store_n(&ring->header->corrupt,
					 ring->header->corrupt + bytes,
					 __ATOMIC_RELAXED);
	*pos = head;
}

/* The first bytes of every record, also of a pad. */
typedef struct record_prefix
{
	uint32_t size;
	uint8_t version;
	uint8_t kind;
	uint8_t rest[2];
} record_prefix;

typedef char prefix_fits[sizeof(record_prefix) == OSP_RECORD_ALIGN ? 1 : -1];

/*
 * Copies the prefix of the record at pos; false if not all of that record can
 * lie before head.
 */
static bool
read_prefix(const osp_ring *ring, uint64_t pos, uint64_t head,
			record_prefix *prefix)
{
	uint64_t offset = pos & ring->mask;
	uint64_t avail = ring->capacity - offset;

	if (pos > head || head - pos > ring->capacity ||
		pos % OSP_RECORD_ALIGN != 0 || head % OSP_RECORD_ALIGN != 0)
		return false;
	if (avail > head - pos)
		avail = head - pos;
	memcpy(prefix, ring->data + offset, sizeof(*prefix));
	return prefix->size >= OSP_RECORD_ALIGN && prefix->size <= avail &&
		   prefix->size % OSP_RECORD_ALIGN == 0;
}

bool
osp_ring_next(osp_ring *ring, uint64_t *pos, osp_buf *buf, osp_record *out)
{
	uint64_t head = osp_ring_head(ring);

	while (*pos != head)
	{
		record_prefix prefix;

		if (!read_prefix(ring, *pos, head, &prefix) || prefix.size > buf->max)
			break;
		if (prefix.kind == OSP_RECORD_PAD)
		{
			*pos += prefix.size;
			continue;
		}

		/* Copies the record before reading it: another process may change the bytes at
		 * any time. */
		osp_buf_reset(buf);
		osp_buf_add(buf, ring->data + (*pos & ring->mask), prefix.size);
		if (osp_buf_status(buf) != OSP_OK)
			return false;
		if (osp_record_read_frame(buf->ptr, buf->len, out) != prefix.size ||
			out->kind == OSP_RECORD_PAD)
			break;
		*pos += prefix.size;
		return true;
	}
	if (*pos != head)
		skip_damage(ring, pos, head);
	return false;
}
