/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_watch.h
 *	  How the background worker watches backends that wait.
 */
#ifndef PGOSP_WAIT_WATCH_H
#define PGOSP_WAIT_WATCH_H

#include "pgosp.h"

#include "storage/lock.h"
#include "storage/proc.h"

#pragma GCC visibility push(hidden)

/* What the worker keeps of a backend between two looks at it. */
typedef struct pgospWatched
{
	pgospSlot *slot;
	int pid;        /* of the backend that was last seen there */
	int64 began_ns; /* beginning of the statement that was seen last */
	int64 looked_ns;
	int64 cpu_of_ns;     /* began_ns of the statement with the last CPU note */
	pgospLockWait *wait; /* wait whose end was not seen yet; NULL: none */
	uint32 wait_number;
	TimestampTz wait_began; /* when PostgreSQL began the wait; 0: not known */
	int64 holder_due_ns;    /* when to look up the lock's holder again */
} pgospWatched;

/* One look at a backend that runs a traced statement. */
typedef struct pgospLook
{
	PGPROC *proc;
	struct pgospPoint *current;
	const void *status; /* the backend's PgBackendStatus */
	uint32 event;
	int64 now_ns;
	int64 before_ns; /* time of the previous look */
	int64 since_ns;  /* beginning of the running operation */
} pgospLook;

/* ---- replaced_files.c ---- */

typedef enum pgospReplaced
{
	PGOSP_REPLACED_NONE,
	PGOSP_REPLACED_PROGRAM,
	PGOSP_REPLACED_LIBRARY
} pgospReplaced;

/* Note that this process uses the library, or the program, in its present form. */
extern void pgosp_replaced_note_library(const char *path);
extern void pgosp_replaced_note_program(const char *path);

/* Checks whether a noted file was replaced; only every few seconds, unless at_once is
 * set. */
extern pgospReplaced pgosp_replaced_check(bool at_once);

/* The time until the next check if a file is being replaced now, else LONG_MAX. */
extern long pgosp_replaced_due_ms(void);

/* ---- wait_watch.c ---- */

/* Watches the backends of this run directory from now on. */
extern void pgosp_watch_begin(const char *run_directory);
extern void pgosp_watch_end(void);

/* Looks at all backends. Returns the milliseconds until the next look is due; setting
 * the latch makes it due earlier. */
extern long pgosp_watch_look(void);

/* ---- watched_slots.c ---- */

/* Uses the slots of this run directory from now on. */
extern void pgosp_watched_open(const char *run_directory);
extern void pgosp_watched_close(void);

/* Are there slots? From time to time this checks whether the run directory was removed,
 * and makes it again. */
extern bool pgosp_watched_check(int64 now_ns);

/* The time until the next check while the file with the slots is missing, else
 * LONG_MAX. */
extern long pgosp_watched_due_ms(void);

/* A descriptor that becomes readable when the file with the slots may have been removed;
 * -1: none. To be called then: pgosp_watched_removed, which makes the check due. */
extern int pgosp_watched_removal_fd(void);
extern void pgosp_watched_removed(void);

/* How many backends there can be. */
extern uint32 pgosp_watched_count(void);

/* The backend with this number among all PGPROC; NULL: it has no slot. */
extern pgospWatched *pgosp_watched(uint32 number);

/* ---- cpu_note.c ---- */

/* Notes the kernel's counters of the backend; false: they cannot be read. */
extern bool pgosp_cpu_note(pgospSlot *slot, int pid);

/* ---- lock_watch.c ---- */

/* Notes the lock for which the backend waits; false: it waits for none. If a backend
 * that waits for a lock has no wait event, look gets the event of the lock. */
extern bool pgosp_lock_look(pgospWatched *watched, pgospLook *look);

/* Notes that the backend no longer waits for a lock. */
extern void pgosp_lock_wait_ends(pgospWatched *watched, int64 now_ns);

/* ---- lock_peer.c ---- */

/* The process that holds the lock for which a backend waits: the first one of *count
 * processes. NULL: there is none, or it cannot be seen now. */
extern PGPROC *pgosp_lock_holder(PGPROC *waiter, const LOCKTAG *tag,
								 int *count);

/* The process at the end of a chain: it keeps the holder waiting, directly or through
 * others. *length is the length of the chain, which does not lead back to the waiter.
 * NULL: the holder does not wait. */
extern PGPROC *pgosp_lock_root(PGPROC *holder, const PGPROC *waiter,
							   int *length);

/* The row that the waiter has locked in order to change it, while it waits for a
 * transaction that changed it; false: there is none. */
extern bool pgosp_lock_row(PGPROC *waiter, LOCKTAG *row);

/* Notes what is known of another backend. look: the look at the waiter. */
extern void pgosp_lock_peer_note(pgospLockPeer *peer, const PGPROC *proc,
								 const pgospLook *look);

#pragma GCC visibility pop

#endif /* PGOSP_WAIT_WATCH_H */
