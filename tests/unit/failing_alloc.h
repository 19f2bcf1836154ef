/* SPDX-License-Identifier: Apache-2.0
 *
 * failing_alloc.h
 *	  An allocator for tests, which can fail its n-th call, and counts the blocks that
 *	  were not freed.
 *
 * This is how to test that a module handles each failed allocation:
 *
 *	  failing_alloc fa;
 *
 *	  for (failing_alloc_init(&fa); !fa.done;)
 *		  failing_alloc_check(&fa, work(&fa.alc));
 */
#ifndef TEST_FAILING_ALLOC_H
#define TEST_FAILING_ALLOC_H

#include "osprofiler/base.h"

typedef struct failing_alloc
{
	osp_allocator alc;
	size_t calls;   /* allocations in this round */
	size_t fail_at; /* the call that fails, counting from 1; 0: none */
	bool failed;    /* has that call happened? */
	long live;      /* blocks that are not freed */
	size_t largest; /* the largest size of one call */
	bool done;      /* a round has ended without a failed call */
} failing_alloc;

/* Begins with a round that fails the first allocation. */
void failing_alloc_init(failing_alloc *fa);

/* Ends a round. The next round fails the next call. If no call failed in this round, it
 * was the last one. */
void failing_alloc_next(failing_alloc *fa);

/* Ends a round of work that has returned STATUS. Asserts that all blocks were freed,
 * and that the work returned OSP_ENOMEM exactly if an allocation failed. */
void failing_alloc_check(failing_alloc *fa, osp_status status);

/* Makes an allocator that never fails, and only counts. */
void failing_alloc_init_counting(failing_alloc *fa);

#endif /* TEST_FAILING_ALLOC_H */
