/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_lockwait.h
 *	  Waits for locks: seen by worker/lock_watch.c, written by
 *	  operations/lockwait.c.
 */
#ifndef PGOSP_LOCKWAIT_H
#define PGOSP_LOCKWAIT_H

#include "pgosp_usage.h"

#include "storage/lock.h"
#include "storage/proc.h"

#pragma GCC visibility push(hidden)

#define PGOSP_NS_PER_MS INT64CONST(1000000)

/* The value of check in a complete note. */
static inline uint64
pgosp_note_check(const pgospTraceNote *note)
{
	return note->transaction ^ (note->base_id[0] * 3) ^ (note->base_id[1] * 5) ^
		   UINT64CONST(0x6e6f74655f70736f);
}

/* Notes that this backend's transaction belongs to the trace of the context. */
static inline void
pgosp_lockwait_note(const osp_context *context)
{
	pgospTraceNote note = {pgosp_transaction_of(MyProc), {0, 0}, 0};

	if (!context->base_id.is_uuid)
		return;
	memcpy(note.base_id, context->base_id.bytes, sizeof(note.base_id));
	note.check = pgosp_note_check(&note);
	pgosp_slot.note = note; /* comparing them first would take longer */
}

#pragma GCC visibility pop

#endif /* PGOSP_LOCKWAIT_H */
