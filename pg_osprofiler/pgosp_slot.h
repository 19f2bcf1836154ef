/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_slot.h
 *	  What a backend and the background worker share: the slot of the backend.
 *
 * PostgreSQL says in shared memory what a backend waits for, and for how long
 * nobody keeps count. The background worker samples it (worker/wait_watch.c), from
 * outside, so that a backend gets no signal and no timer of ours. The backend
 * writes in its slot which operation runs, since when, and the worker writes the
 * time that it saw for each wait event, and the locks.
 *
 * The slots are one file in the run directory. A backend maps its own slot in the
 * place of the variable pgosp_slot when its first statement is traced, and has
 * allocated it before. So the variables of the slot are as cheap as any other. Until
 * then, and if there is no worker, nobody reads or writes them but the backend.
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

#define PGOSP_WAITS_MAX     24 /* kinds of events that are told apart */
#define PGOSP_LOCKWAITS_MAX 8  /* kept until they are written */
#define PGOSP_PEER_TEXT     1024

/* Another backend, as it was when the wait was first seen. */
typedef struct pgospLockPeer
{
	int pid;        /* 0: there is none, or it is a prepared transaction */
	bool traced;    /* trace is known */
	osp_uuid trace; /* that its transaction belongs to */
	bool known;     /* what follows is; not with PostgreSQL 13 */
	Oid user;
	int state;       /* a BackendState */
	double state_ms; /* since when it is in that state */
	char application[NAMEDATALEN];
	char text
		[PGOSP_PEER_TEXT]; /* of its statement, the present or the last one */
} pgospLockPeer;

/* A wait for a lock. The worker sets what stands below held before held, once. */
typedef struct pgospLockWait
{
	int64 start_ns;
	int64 stop_ns; /* 0: it was not seen to end */
	struct pgospPoint
		*parent; /* NULL: it began before there was an operation */
	LOCKTAG tag;
	LOCKMODE mode;
	bool held;    /* somebody was seen to hold it */
	bool has_row; /* a transaction is waited for because of this row */
	LOCKTAG row;
	int holders;
	pgospLockPeer holder;
	int chain; /* the holder waits for somebody, who waits ...: how many */
	pgospLockPeer root; /* the last of them */
} pgospLockWait;

/* What the kernel had counted for the backend at a time in its statement. */
typedef struct pgospCpu
{
	int64 at_ns; /* 0: never; set last */
	int64 total_ns;
	int64 user_ns; /* of it, to 10 ms */
	int64 voluntary_switches;
	int64 involuntary_switches;
	int64 major_faults;
} pgospCpu;

/* To which trace a transaction belongs. check reveals a note that is half written. */
typedef struct pgospTraceNote
{
	uint64 transaction; /* its number in its backend; 0: none */
	uint64 base_id[2];
	uint64 check;
} pgospTraceNote;

typedef struct pgospSlot
{
	/* What the backend writes. */
	struct pgospPoint *current; /* the operation that runs; NULL: none */
	int64 began_ns; /* the top-level statement; 0: its waits are not sampled */
	int64 since_ns; /* the last operation that began */
	uint32 lockwaits_taken;
	int pid;
	void *status; /* its PgBackendStatus; NULL: not known */
	pgospTraceNote note;

	/* What the worker writes. The backend sets asleep to false when it wakes the
	 * worker. */
	volatile bool asleep __attribute__((aligned(64)));
	volatile uint32 lockwaits_seen; /* all that there were */
	volatile uint64 seen; /* grows with the sums, and when cpu is set */
	pgospCpu cpu;
	volatile int64 of_ns; /* began_ns of the statement that the sums are of */
	volatile int used;
	uint32 events[PGOSP_WAITS_MAX];
	int64 sums[PGOSP_WAITS_MAX];
	pgospLockWait lockwaits[PGOSP_LOCKWAITS_MAX]; /* by number, modulo this */
} __attribute__((aligned(PGOSP_SLOT_PAGE))) pgospSlot;

extern pgospSlot pgosp_slot;

/* The innermost operation that runs now, of those in which others can run. */
typedef struct pgospPoint pgospPoint;
#define pgosp_current (pgosp_slot.current)

/* Waits for locks that were seen and are not written yet. */
static inline bool
pgosp_has_lockwaits(void)
{
	return pgosp_slot.lockwaits_seen != pgosp_slot.lockwaits_taken;
}

/*
 * The file has these, and after them the slots by the number of their PGPROC. The
 * number in the name is another whenever the layout is.
 */
#define PGOSP_SLOTS_FILE "waits.1"
#define PGOSP_SLOTS_SIZE 65536
#define PGOSP_SLOTS_MAX  (PGOSP_SLOTS_SIZE - 64)

typedef struct pgospSlots
{
	volatile int worker_pid;    /* 0: there is none */
	volatile int worker_number; /* of its PGPROC */
	char unused[56];
	volatile bool allocated[PGOSP_SLOTS_MAX];
} pgospSlots;

#define PGOSP_SLOT_AT(number) \
	(PGOSP_SLOTS_SIZE + (size_t) (number) * sizeof(pgospSlot))

/* Has the worker see this backend, through this run directory. If that is not
 * possible, nothing is sampled. */
extern void pgosp_slot_open(const char *run_directory);

/* The session ends. */
extern void pgosp_slot_close(void);

/* Wakes the worker, which sleeps while no traced statement runs. */
extern void pgosp_slot_wake(void);

#pragma GCC visibility pop

#endif /* PGOSP_SLOT_H */
