/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_watch.h
 *	  What the background worker sees of backends that wait.
 */
#ifndef PGOSP_WAIT_WATCH_H
#define PGOSP_WAIT_WATCH_H

#include "pgosp.h"

#include "storage/lock.h"
#include "storage/proc.h"

#pragma GCC visibility push(hidden)

/* A backend, between two looks at it. */
typedef struct pgospWatched
{
	pgospSlot *slot;
	int pid;        /* of the backend that was there */
	int64 began_ns; /* of the statement that was seen last */
	int64 looked_ns;
	int64 cpu_of_ns;     /* of the statement whose CPU time was noted last */
	pgospLockWait *wait; /* that was not seen to end; NULL: none */
	uint32 wait_number;
	TimestampTz wait_began; /* as PostgreSQL has it; 0: not known */
	int64 holder_due_ns;    /* when to look again who holds the lock */
} pgospWatched;

/* One look at a backend that runs a traced statement. */
typedef struct pgospLook
{
	PGPROC *proc;
	struct pgospPoint *current;
	const void *status; /* of the backend */
	uint32 event;
	int64 now_ns;
	int64 before_ns; /* the look before */
	int64 since_ns;  /* since when the operation runs */
} pgospLook;

/* ---- replaced_files.c ---- */

typedef enum pgospReplaced
{
	PGOSP_REPLACED_NONE,
	PGOSP_REPLACED_PROGRAM,
	PGOSP_REPLACED_LIBRARY
} pgospReplaced;

/* The files as they are now are those that this process has. */
extern void pgosp_replaced_note_library(const char *path);
extern void pgosp_replaced_note_program(const char *path);

/* Looks every few seconds, or at once. */
extern pgospReplaced pgosp_replaced_check(bool at_once);

/* ---- wait_watch.c ---- */

/* Watches the backends of this run directory from now on. */
extern void pgosp_watch_begin(const char *run_directory);
extern void pgosp_watch_end(void);

/* Looks at all backends. Milliseconds until the next look is due; it is due earlier
 * when the latch is set. */
extern long pgosp_watch_look(void);

/* ---- watched_slots.c ---- */

/* The slots of this run directory from now on. */
extern void pgosp_watched_open(const char *run_directory);
extern void pgosp_watched_close(void);

/* False: there are none. The run directory may have been removed, and made again: looks
 * for that now and then. */
extern bool pgosp_watched_check(int64 now_ns);

/* How many backends there can be. */
extern uint32 pgosp_watched_count(void);

/* One by its number among all PGPROC; NULL: it has no slot. */
extern pgospWatched *pgosp_watched(uint32 number);

/* ---- cpu_note.c ---- */

/* Notes what the kernel has counted for the backend; false: it does not say. */
extern bool pgosp_cpu_note(pgospSlot *slot, int pid);

/* ---- lock_watch.c ---- */

/* Notes the lock that the backend waits for; false: none. Where it waits for one and
 * has no event, the look gets that of the lock. */
extern bool pgosp_lock_look(pgospWatched *watched, pgospLook *look);

/* The backend waits no more. */
extern void pgosp_lock_wait_ends(pgospWatched *watched, int64 now_ns);

/* ---- lock_peer.c ---- */

/* Who holds the lock for which a backend waits: the first of those, *count of which
 * there are; NULL: nobody, or that cannot be seen now. */
extern PGPROC *pgosp_lock_holder(PGPROC *waiter, const LOCKTAG *tag,
								 int *count);

/* Who keeps the holder from going on, or the one who keeps that one: the last of a
 * chain of *length that does not lead back to the waiter; NULL: the holder does not
 * wait. */
extern PGPROC *pgosp_lock_root(PGPROC *holder, const PGPROC *waiter,
							   int *length);

/* The row that the waiter has locked to change it, for which it has to wait for a
 * transaction; false: none. */
extern bool pgosp_lock_row(PGPROC *waiter, LOCKTAG *row);

/* Notes what another backend says of itself; look is one at the waiter. */
extern void pgosp_lock_peer_note(pgospLockPeer *peer, const PGPROC *proc,
								 const pgospLook *look);

#pragma GCC visibility pop

#endif /* PGOSP_WAIT_WATCH_H */
