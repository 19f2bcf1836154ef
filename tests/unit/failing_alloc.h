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
 *	  for (failing_alloc_init(&fa);; failing_alloc_next(&fa))
 *	  {
 *		  status = work(&fa.alc);
 *		  assert_int_equal(fa.live, 0);
 *		  if (!fa.failed)
 *			  break; // all allocations succeeded: the work is done
 *		  assert_int_equal(status, OSP_ENOMEM);
 *	  }
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
} failing_alloc;

/* Fails the first allocation. */
void failing_alloc_init(failing_alloc *fa);

/* Fails the next one in the next round. */
void failing_alloc_next(failing_alloc *fa);

/* Never fails, only counts. */
void failing_alloc_init_counting(failing_alloc *fa);

#endif /* TEST_FAILING_ALLOC_H */
