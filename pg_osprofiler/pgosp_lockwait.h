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

/* A transaction by its process and its own number; in the years, unique. */
static inline uint64
pgosp_lockwait_key(const PGPROC *proc)
{
	return (uint64) (uint32) proc->pid << 32 | pgosp_transaction_of(proc);
}

#pragma GCC visibility pop

#endif /* PGOSP_LOCKWAIT_H */
