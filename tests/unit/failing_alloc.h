/* SPDX-License-Identifier: Apache-2.0
 *
 * failing_alloc.h
 *	  An allocator for tests: it can fail its n-th call, and knows what was not
 *	  given back.
 *
 * A module is tested against memory running out like this:
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
	size_t calls;   /* allocations asked for in this round */
	size_t fail_at; /* the call that fails, counting from 1; 0: none */
	bool failed;    /* did that call come? */
	long live;      /* blocks not given back */
	size_t largest; /* bytes that were asked for in one call */
	bool done;      /* a round came to its end without a failure */
} failing_alloc;

/* Fails the first allocation. */
void failing_alloc_init(failing_alloc *fa);

/* Ends a round: the next one fails the next call, unless this one was the first
 * in which no call failed.
 */
void failing_alloc_next(failing_alloc *fa);

/* Ends a round of work that came to STATUS: all must have been given back, and
 * the work failed for want of memory just if an allocation did.
 */
void failing_alloc_check(failing_alloc *fa, osp_status status);

/* Never fails, only counts. */
void failing_alloc_init_counting(failing_alloc *fa);

#endif /* TEST_FAILING_ALLOC_H */
