/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c
 *	  The ring: what is not on the way of every record.
 */
#include "osprofiler/ring.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "record/newfile.h"

/* The layout is a contract between processes of different builds. */
typedef char
	header_fits[sizeof(osp_ring_header) <= OSP_RING_HEADER_SIZE ? 1 : -1];
typedef char lines_are_apart[offsetof(osp_ring_header, owner) == 64 &&
									 offsetof(osp_ring_header, head) == 128 &&
									 offsetof(osp_ring_header, tail) == 192
								 ? 1
								 : -1];

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

osp_status
osp_ring_map(osp_ring *ring, int dir_fd, const char *name, osp_error *err)
{
	const osp_ring_header *header;
	osp_status status;
	size_t size;
	void *map;

	memset(ring, 0, sizeof(*ring));
	status = osp__mapfile(
		dir_fd, name, OSP_RING_HEADER_SIZE + OSP_RING_MIN, &map, &size, err);
	if (status != OSP_OK)
		return status;
	header = map;
	if (header->magic != OSP_RING_MAGIC ||
		header->version != OSP_RING_VERSION ||
		header->header_size != OSP_RING_HEADER_SIZE ||
		!capacity_is_sane(header->capacity) ||
		header->capacity != size - OSP_RING_HEADER_SIZE)
	{
		(void) munmap(map, size);
		return osp_error_set(err,
							 OSP_EPROTO,
							 "%s is not a ring of version %d",
							 name,
							 OSP_RING_VERSION);
	}
	view(ring, map, header->capacity);
	return OSP_OK;
}

void
osp_ring_unmap(osp_ring *ring)
{
	if (ring->header != NULL)
		(void) munmap(ring->header, OSP_RING_HEADER_SIZE + ring->capacity);
	memset(ring, 0, sizeof(*ring));
}

static uint64_t
owner_of(const osp_ring *ring)
{
	return __atomic_load_n(&ring->header->owner, __ATOMIC_ACQUIRE);
}

static bool
change_owner(osp_ring *ring, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(&ring->header->owner,
									   &from,
									   to,
									   false,
									   __ATOMIC_ACQ_REL,
									   __ATOMIC_RELAXED);
}

bool
osp_ring_claim(osp_ring *ring)
{
	uint64_t owner = owner_of(ring);

	if (osp_owner_alive(owner) || !change_owner(ring, owner, osp_owner_self()))
		return false;
	ring->head = osp_ring_head(ring);
	ring->tail_seen = osp_ring_tail(ring);
	return true;
}

void
osp_ring_release(osp_ring *ring)
{
	if (ring->header != NULL)
		(void) change_owner(ring, osp_owner_self(), 0);
}

bool
osp_ring_recycle(osp_ring *ring)
{
	uint64_t owner = owner_of(ring);

	if (owner == 0)
		return true;
	return !osp_owner_alive(owner) && change_owner(ring, owner, 0);
}

bool
osp_ring_orphaned(const osp_ring *ring)
{
	return !osp_owner_alive(owner_of(ring));
}

/* Is there room for size bytes beyond head? Looks at tail anew. */
static bool
room_for(osp_ring *ring, uint64_t size)
{
	ring->tail_seen = __atomic_load_n(&ring->header->tail, __ATOMIC_ACQUIRE);

	/* A tail beyond head is damage: then nothing is written. */
	return ring->tail_seen <= ring->head &&
		   ring->head + size - ring->tail_seen <= ring->capacity;
}

static bool
wait_for_room(osp_ring *ring, uint64_t size)
{
	const struct timespec nap = {0, 1000000};
	int saved = errno;
	int waited_ms;
	bool room = false;

	for (waited_ms = 0; waited_ms < OSP_RING_WAIT_MS && !room; waited_ms++)
	{
		(void) nanosleep(&nap, NULL);
		room = room_for(ring, size);
	}
	errno = saved;
	return room;
}

void *
osp__ring_reserve_slow(osp_ring *ring, size_t size)
{
	uint64_t offset = ring->head & ring->mask;
	uint64_t pad = offset + size > ring->capacity ? ring->capacity - offset : 0;
	bool room = size <= ring->capacity / 4 && room_for(ring, pad + size);

	if (room)
		ring->stalled = false;
	else if (size <= ring->capacity / 4 && ring->on_full == OSP_ON_FULL_WAIT &&
			 !ring->stalled)
	{
		room = wait_for_room(ring, pad + size);
		ring->stalled = !room;
	}
	if (!room)
	{
		ring->reserved_size = 0;
		osp_ring_commit(ring, 0);
		return NULL;
	}
	if (pad > 0)
	{
		osp_record_head head;

		memset(&head, 0, sizeof(head));
		head.size = (uint32_t) pad;
		head.version = OSP_RECORD_VERSION;
		head.kind = OSP_RECORD_PAD;
		memcpy(ring->data + offset, &head, OSP_RECORD_ALIGN);
	}
	ring->reserved = ring->head + pad;
	ring->reserved_size = size;
	return ring->data + (ring->reserved & ring->mask);
}

/* Gives up everything between *pos and head. */
static void
skip_damage(osp_ring *ring, uint64_t *pos, uint64_t head)
{
	uint64_t bytes = head > *pos ? head - *pos : 0;

	__atomic_store_n(&ring->header->corrupt,
					 ring->header->corrupt + bytes,
					 __ATOMIC_RELAXED);
	*pos = head;
}

/* The first bytes of every record, a pad's too. */
typedef struct record_prefix
{
	uint32_t size;
	uint8_t version;
	uint8_t kind;
	uint8_t rest[2];
} record_prefix;

typedef char prefix_fits[sizeof(record_prefix) == OSP_RECORD_ALIGN ? 1 : -1];

/*
 * Copies the prefix of the record at pos; false if it cannot be one of which
 * all bytes lie before head.
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

		/* Copied before it is read: the bytes may change under our eyes. */
		osp_buf_reset(buf);
		osp_buf_add(buf, ring->data + (*pos & ring->mask), prefix.size);
		if (osp_buf_status(buf) != OSP_OK)
			return false;
		if (osp_record_read(buf->ptr, buf->len, out) != prefix.size ||
			out->kind == OSP_RECORD_PAD)
			break;
		*pos += prefix.size;
		return true;
	}
	if (*pos != head)
		skip_damage(ring, pos, head);
	return false;
}
