/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_slot.h
 *	  What a backend and the background worker share: the slot of the backend.
 *
 * PostgreSQL shows in shared memory what a backend waits for, but does not count for
 * how long. The background worker samples these waits (worker/wait_watch.c) from
 * outside, so that a backend needs no signal and no timer of ours. In the slot, the
 * backend writes which operation runs, and since when; the worker writes the time that
 * it saw for each wait event, and the waits for locks.
 *
 * The slots are one file in the run directory. When its first statement is traced, a
 * backend allocates its slot in the file and maps it in the place of the variable
 * pgosp_slot. So the members of the slot are as cheap as any variable. Until then, and
 * if there is no worker, only the backend itself reads and writes them.
 */
#ifndef PGOSP_SLOT_H
#define PGOSP_SLOT_H

#include "pgosp_base.h"

#include "storage/lock.h"

#pragma GCC visibility push(hidden)

/* The size of a page, or a multiple of it. */
#if defined(__x86_64__) || defined(__i386__)
#define PGOSP_SLOT_PAGE 4096
#else
#define PGOSP_SLOT_PAGE 65536
#endif

#define PGOSP_WAITS_MAX     24 /* kinds of events that are counted separately */
#define PGOSP_LOCKWAITS_MAX 8  /* kept until they are written */
#define PGOSP_PEER_TEXT     1024

/* What is known of a backend that keeps another one waiting. */
typedef struct pgospLockPeer
{
	int pid;        /* 0: there is none, or it is a prepared transaction */
	bool traced;    /* trace is known */
	osp_uuid trace; /* the trace of its transaction */
	bool known;     /* the next members are set; never with PostgreSQL 13 */
	Oid user;
	int state;       /* a BackendState */
	double state_ms; /* how long it was in that state when the wait began */
	char application[NAMEDATALEN];
	char text
		[PGOSP_PEER_TEXT]; /* text of its present statement, or its last one */
} pgospLockPeer;

/* A wait for a lock. The worker sets the members below held, and then held; it resets
 * held before it changes them again. */
typedef struct pgospLockWait
{
	int64 start_ns;
	int64 stop_ns; /* 0: it was not seen to end */
	struct pgospPoint
		*parent; /* NULL: it began before there was an operation */
	LOCKTAG tag;
	LOCKMODE mode;
	bool held;    /* a holder was seen */
	bool has_row; /* a transaction is waited for because of this row */
	LOCKTAG row;
	int holders;
	pgospLockPeer holder;
	int chain;          /* length of the chain of waits from the holder on */
	pgospLockPeer root; /* the last process of the chain */
} pgospLockWait;

/* What the kernel had counted for the backend at one moment of its statement. */
typedef struct pgospCpu
{
	int64 at_ns; /* when; 0: never; set last */
	int64 total_ns;
	int64 user_ns; /* user part of total_ns, in steps of 10 ms */
	int64 voluntary_switches;
	int64 involuntary_switches;
	int64 major_faults;
} pgospCpu;

/* The trace to which a transaction belongs. check reveals a note that is half
 * written. */
typedef struct pgospTraceNote
{
	uint64 transaction; /* its number in its backend; 0: none */
	uint64 base_id[2];
	uint64 check;
} pgospTraceNote;

typedef struct pgospSlot
{
	/* The backend writes these. */
	struct pgospPoint *current; /* the operation that runs; NULL: none */
	int64 began_ns; /* beginning of the top statement; 0: waits not sampled */
	int64 since_ns; /* beginning of the operation that began last */
	uint32 lockwaits_taken;
	int pid;
	void *status; /* its PgBackendStatus; NULL: not known */
	pgospTraceNote note;

	/* The worker writes these. The backend only sets asleep to false when it wakes the
	 * worker. */
	volatile bool asleep __attribute__((aligned(64)));
	volatile uint32 lockwaits_seen; /* number of all waits so far */
	volatile uint64 seen; /* grows with the sums, and when cpu changes */
	pgospCpu cpu;
	volatile int64 of_ns; /* began_ns of the statement that the sums are of */
	volatile int used;
	uint32 events[PGOSP_WAITS_MAX];
	int64 sums[PGOSP_WAITS_MAX];
	pgospLockWait lockwaits[PGOSP_LOCKWAITS_MAX]; /* place: number % size */
} __attribute__((aligned(PGOSP_SLOT_PAGE))) pgospSlot;

extern pgospSlot pgosp_slot;

/* The innermost running operation in which others can run. */
typedef struct pgospPoint pgospPoint;
#define pgosp_current (pgosp_slot.current)

/* Are there waits for locks that the worker has seen and that are not written yet? */
static inline bool
pgosp_has_lockwaits(void)
{
	return pgosp_slot.lockwaits_seen != pgosp_slot.lockwaits_taken;
}

/*
 * The file begins with these members, and the slots follow in the order of the numbers
 * of their PGPROC. The number in the file's name changes with the layout.
 */
#define PGOSP_SLOTS_FILE "waits.1"
#define PGOSP_SLOTS_SIZE 65536
#define PGOSP_SLOTS_MAX  (PGOSP_SLOTS_SIZE - 64)

/* Value of worker_pid: the file was removed, and backends must move to the new one. */
#define PGOSP_SLOTS_MOVED (-1)

typedef struct pgospSlots
{
	volatile int worker_pid;    /* 0: there is none; or PGOSP_SLOTS_MOVED */
	volatile int worker_number; /* number of its PGPROC */
	char unused[56];
	volatile bool allocated[PGOSP_SLOTS_MAX];
} pgospSlots;

#define PGOSP_SLOT_AT(number) \
	(PGOSP_SLOTS_SIZE + (size_t) (number) * sizeof(pgospSlot))

/* Makes this backend's slot visible to the worker, in this run directory. If that is
 * not possible, nothing is sampled. */
extern void pgosp_slot_open(const char *run_directory);

/* Gives up the slot, because the session ends. */
extern void pgosp_slot_close(void);

/* Wakes the worker, which sleeps while no traced statement runs. */
extern void pgosp_slot_wake(void);

#pragma GCC visibility pop

#endif /* PGOSP_SLOT_H */
