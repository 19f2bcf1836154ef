/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h
 *	  The ring: a memory-mapped file through which one producer passes records
 *	  to one consumer, without a lock and without a system call.
 *
 * Layout: a header of one page, then capacity bytes. Positions count bytes for
 * ever; position modulo capacity is the place. A record never wraps: where it
 * would, a pad record fills the rest. The producer writes a record beyond head
 * and then stores head with release order, so a producer that is killed in the
 * middle of a record leaves nothing visible. The consumer stores tail when the
 * driver has accepted what lies before it.
 *
 * Ownership: a ring has one producer, from its creation until that producer
 * releases it or dies, and is never given to another one. The owner words name
 * the process by pid and start time, and the namespaces in which these are valid.
 * A process in other namespaces asks the kernel instead whether anybody else has
 * the file mapped (osp_ring_is_orphaned).
 *
 * Growth: a ring has a fixed capacity. A producer that needs a larger ring makes
 * a new one, whose header names the old one as its predecessor, and releases the
 * old one. The consumer reads a ring only after its predecessor.
 *
 * The file is fully allocated when it is made, so a full disk shows then, and
 * never as SIGBUS later. The producer keeps no descriptor open: an application
 * that closes descriptors it does not know breaks nothing.
 *
 * Every word of the file may be damaged. Each side keeps its own position in
 * its own memory, and checks the other side's values when it reads them.
 */
#ifndef OSP_RING_H
#define OSP_RING_H

#include "base/shared.h"
#include "osprofiler/base.h"
#include "osprofiler/buf.h"
#include "record/record.h"

#define OSP_RING_MAGIC       UINT64_C(0x676e69725f70736f) /* "osp_ring" */
#define OSP_RING_VERSION     3
#define OSP_RING_HEADER_SIZE 4096
#define OSP_RING_MIN         (64 * 1024)
#define OSP_RING_MAX         (1024 * 1024 * 1024)

/* The capacity that a ring may grow to. The shipper of a saturated server may come a
 * second late, and a busy session writes 2.5 MB in that time. */
#define OSP_RING_DEFAULT (4 * 1024 * 1024)

/* Bytes that all rings of a run directory may take together. */
#define OSP_RING_TOTAL_DEFAULT (UINT64_C(128) * 1024 * 1024)

/*
 * Records of one trace that found no room. The producer counts them here, and the
 * consumer reports them in an operation of that trace. The producer uses an entry
 * for another trace when reported is equal to lost.
 */
typedef struct osp_ring_loss
{
	uint64_t lost;     /* producer: records, only grows */
	uint64_t reported; /* consumer: how many of lost are reported */
	osp_uuid id;       /* producer: of the operation that will report them */
	uint64_t check;    /* producer: checksum; wrong while half written */
	osp_id base_id;    /* producer: the trace; len 0: the entry is unused */
} osp_ring_loss;

#define OSP_RING_LOSSES 8

#define OSP_RING_NAME_MAX 32

/* Writes the name of a ring's file: "ring.N". */
void osp_ring_name(char name[OSP_RING_NAME_MAX], uint64_t number);

/* The header's value for the ring before this one; 0 there: there is none. */
#define OSP_RING_PREDECESSOR(number) ((number) + 1)

/* The header in the file. The words that one side writes have cache lines of their
 * own. */
typedef struct osp_ring_header
{
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t capacity;    /* a power of two */
	osp_uuid id;          /* of this ring alone. It is the source of its
						   * notifications, whose sequence is the position
						   * behind their record */
	uint64_t predecessor; /* OSP_RING_PREDECESSOR */
	uint64_t grows_to;    /* capacity that the producer's rings may reach */
	uint64_t waits; /* not 0: the producer waits for room (OSP_ON_FULL_WAIT) */

	uint64_t owner;       /* osp_owner_self() of the producer; 0: released */
	uint64_t owner_space; /* osp_owner_space() of the producer */
	char pad1[48];

	uint64_t head;    /* producer: end of the committed records */
	uint64_t records; /* producer: records committed since the ring was made */
	uint64_t dropped; /* producer: records that found no room */
	int64_t dropped_ns; /* producer: when the last of them did; 0: none has */
	char pad2[32];

	uint64_t tail;    /* consumer: end of the records that a collector has */
	uint64_t corrupt; /* consumer: invalid bytes that were skipped */
	uint64_t seen;    /* consumer: not 0: a shipper maps or mapped the ring */
	char pad3[40];

	osp_ring_loss losses[OSP_RING_LOSSES];

	/* Labels of the producer's program, terminated; empty: it has none. They apply to
	 * all records without labels of their own. */
	char project[OSP_LABEL_MAX + 1];
	char service[OSP_LABEL_MAX + 1];
} osp_ring_header;

typedef enum osp_on_full
{
	OSP_ON_FULL_DROP, /* drop the record, and mark the trace as incomplete */
	OSP_ON_FULL_WAIT  /* wait up to OSP_RING_WAIT_MS for room, then drop */
} osp_on_full;

#define OSP_RING_WAIT_MS 100

/* A producer's or a consumer's view of a ring, in its own process. */
typedef struct osp_ring
{
	osp_ring_header *header; /* NULL: not open */
	char *data;
	uint64_t capacity;
	uint64_t mask;

	/* used by the producer */
	uint64_t head;        /* value of header->head, now or after a commit */
	uint64_t tail_seen;   /* header->tail when it was last read */
	uint64_t reserved;    /* position of the open reservation */
	size_t reserved_size; /* 0: none is open */
	osp_on_full on_full;
	bool stalled; /* a wait found no room: do not wait until there is some */

	/* Replaces the ring by one with room for a record of size bytes; false if that is
	 * not possible now. NULL: the ring does not grow. */
	bool (*grow)(struct osp_ring *ring, size_t size);
} osp_ring;

/*
 * Makes and maps the file name in directory dir_fd, mode 0600, fully allocated,
 * owned by this process, with exactly this capacity (a power of two from
 * OSP_RING_MIN to OSP_RING_MAX). It appears under its name only when it is
 * complete. OSP_EBUSY: the name is taken; OSP_EFULL: there is no room, or the
 * process may not write files of this size.
 */
osp_status osp_ring_create(osp_ring *ring, int dir_fd, const char *name,
						   size_t capacity, osp_error *err) OSP_MUST_CHECK;

/*
 * Maps an existing ring. OSP_EPROTO: the file is not a ring of this version, or
 * its header is invalid (then it is never changed).
 */
osp_status osp_ring_map(osp_ring *ring, int dir_fd, const char *name,
						osp_error *err) OSP_MUST_CHECK;

/* Maps an existing ring like osp_ring_map; the caller must close *fd, the file's
 * descriptor. It is -1 if this fails with another status than OSP_EPROTO. */
osp_status osp_ring_map_open(osp_ring *ring, int dir_fd, const char *name,
							 int *fd, osp_error *err) OSP_MUST_CHECK;

void osp_ring_unmap(osp_ring *ring);

/* Ends the producer's use of the ring; its records are still delivered. */
void osp_ring_release(osp_ring *ring);

/*
 * Has the producer released the ring, died, or replaced its program, so that nobody
 * will write to the ring any more? fd is the descriptor that osp_ring_map_open gave for
 * this mapping. False also if that cannot be known.
 */
bool osp_ring_is_orphaned(const osp_ring *ring, int fd);

/*
 * Identifies this process by one word: its pid in the upper 22 bits, its start
 * time in clock ticks since boot in the lower ones. 0 is nobody.
 */
uint64_t osp_owner_self(void);

/*
 * Identifies the PID and time namespaces of this process by one word: owner
 * words can be compared and checked only in the same space. 0: unknown, for
 * example without /proc.
 */
uint64_t osp_owner_space(void);

/* Is the process of an owner word alive? The word must come from the same
 * namespaces (osp_owner_space()). False for 0. */
bool osp_owner_alive(uint64_t owner);

/* The pid in an owner word; 0 for nobody. */
long osp_owner_pid(uint64_t owner);

/* The start time of the process of an owner word, in ns since boot; 0: not known. */
int64_t osp_owner_start_ns(uint64_t owner);

/* The slow path of osp_ring_reserve: reads tail again, and wraps, grows or waits if
 * needed. */
OSP_SHARED void *osp__ring_reserve_slow(osp_ring *ring, size_t size);

/* Gives the reservation up, and counts the record as dropped. */
OSP_SHARED void osp__ring_drop(osp_ring *ring);

/*
 * Producer: is there room for records of size bytes in all, none of which takes more
 * than a quarter of the ring? Grows and waits like osp_ring_reserve, but drops nothing.
 */
bool osp_ring_make_room(osp_ring *ring, size_t size);

/* Producer: notes that count records of this trace found no room, for the consumer's
 * report in the trace. They must be counted as dropped already. */
OSP_SHARED void osp_ring_count_loss(osp_ring *ring, const osp_id *base_id,
									uint64_t count);

/*
 * Consumer: copies an entry of header->losses; false if all its losses are reported, or
 * it is being written, or it is damaged.
 */
bool osp_ring_read_loss(const osp_ring *ring, int entry,
						osp_ring_loss *out) OSP_MUST_CHECK;

/*
 * Producer: reserves room for a record of at most size bytes, aligned to
 * OSP_RECORD_ALIGN; NULL if there is none (counted as dropped). A record larger
 * than a quarter of the capacity may not fit even into an empty ring. A second
 * reservation replaces an uncommitted one. The ring may be replaced by a larger
 * one meanwhile.
 */
static inline void *
osp_ring_reserve(osp_ring *ring, size_t size)
{
	uint64_t offset = ring->head & ring->mask;

	size = (size + OSP_RECORD_ALIGN - 1) & ~(size_t) (OSP_RECORD_ALIGN - 1);
	if (OSP_LIKELY(offset + size <= ring->capacity &&
				   ring->head + size - ring->tail_seen <= ring->capacity))
	{
		ring->reserved = ring->head;
		ring->reserved_size = size;
		return ring->data + offset;
	}
	return osp__ring_reserve_slow(ring, size);
}

/* Moves head beyond the first size bytes of the reservation. */
static inline void
osp__ring_advance(osp_ring *ring, size_t size)
{
	osp_ring_header *header = ring->header;
	uint64_t head = ring->reserved + size;

	ring->head = head;
	__atomic_store_n(&header->records, header->records + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&header->head, head, __ATOMIC_RELEASE);
}

/*
 * Producer: makes the first size bytes of the reservation visible. size 0 gives
 * the reservation up, and counts the record as dropped.
 */
static inline void
osp_ring_commit(osp_ring *ring, size_t size)
{
	if (OSP_UNLIKELY(size == 0 || size > ring->reserved_size))
	{
		osp__ring_drop(ring);
		return;
	}
	ring->reserved_size = 0;
	osp__ring_advance(ring, size);
}

/*
 * Consumer: copies the next whole record at *pos into buf (which grows in its
 * bounds), reads it and moves *pos beyond it and any pads. If bytes are
 * invalid, everything up to head is skipped and counted in header->corrupt.
 * False when no committed record is left. *pos begins at osp_ring_tail. The attributes
 * in a record's info are not checked (osp_record_read_frame).
 */
bool osp_ring_next(osp_ring *ring, uint64_t *pos, osp_buf *buf,
				   osp_record *out) OSP_MUST_CHECK;

static inline uint64_t
osp_ring_head(const osp_ring *ring)
{
	return __atomic_load_n(&ring->header->head, __ATOMIC_ACQUIRE);
}

static inline uint64_t
osp_ring_tail(const osp_ring *ring)
{
	return __atomic_load_n(&ring->header->tail, __ATOMIC_RELAXED);
}

/* Consumer: frees the room of everything before pos, which is delivered. */
static inline void
osp_ring_set_tail(osp_ring *ring, uint64_t pos)
{
	__atomic_store_n(&ring->header->tail, pos, __ATOMIC_RELEASE);
}

#endif /* OSP_RING_H */
