/* SPDX-License-Identifier: Apache-2.0
 *
 * fork.h
 *	  Tells a process from its parent, without a system call.
 */
#ifndef OSP_FORK_H
#define OSP_FORK_H

#include "base/shared.h"
#include "osprofiler/base.h"

/* Points to the generation's number, in a page that the kernel wipes in a child. The
 * number is 0 in a new child and before its first use. */
OSP_SHARED extern uint64_t *osp__fork_mark;

/* Makes a new generation; see osp__generation(). */
OSP_SHARED uint64_t osp__generation_new(void);

/*
 * A number that is the same as long as this process lives, and that differs
 * from all numbers its parent ever had. The owner of something that must not be
 * shared with a parent (pooled ids, a ring) remembers the number. Thread-safe.
 */
static inline uint64_t
osp__generation(void)
{
	uint64_t *mark = __atomic_load_n(&osp__fork_mark, __ATOMIC_ACQUIRE);
	uint64_t generation = __atomic_load_n(mark, __ATOMIC_RELAXED);

	return OSP_LIKELY(generation != 0) ? generation : osp__generation_new();
}

#endif /* OSP_FORK_H */
