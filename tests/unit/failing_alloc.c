/* SPDX-License-Identifier: Apache-2.0
 *
 * failing_alloc.c
 *	  An allocator for tests, which can fail its n-th call, and counts the blocks that
 *	  were not freed.
 */
#include "failing_alloc.h"

#include <stdlib.h>

#include "tap.h"

static bool
refuse(failing_alloc *fa, size_t size)
{
	fa->calls++;
	if (size > fa->largest)
		fa->largest = size;
	if (fa->calls != fa->fail_at)
		return false;
	fa->failed = true;
	return true;
}

static void *
fail_alloc(void *ctx, size_t size)
{
	failing_alloc *fa = ctx;
	void *ptr = refuse(fa, size) ? NULL : malloc(size > 0 ? size : 1);

	if (ptr != NULL)
		fa->live++;
	return ptr;
}

static void *
fail_realloc(void *ctx, void *old, size_t size)
{
	failing_alloc *fa = ctx;
	void *ptr = refuse(fa, size) ? NULL : realloc(old, size > 0 ? size : 1);

	if (ptr != NULL && old == NULL)
		fa->live++;
	return ptr;
}

static void
fail_free(void *ctx, void *ptr)
{
	failing_alloc *fa = ctx;

	if (ptr != NULL)
		fa->live--;
	free(ptr);
}

void
failing_alloc_init_counting(failing_alloc *fa)
{
	memset(fa, 0, sizeof(*fa));
	fa->alc.alloc = fail_alloc;
	fa->alc.realloc = fail_realloc;
	fa->alc.free = fail_free;
	fa->alc.ctx = fa;
}

void
failing_alloc_init(failing_alloc *fa)
{
	failing_alloc_init_counting(fa);
	fa->fail_at = 1;
}

void
failing_alloc_next(failing_alloc *fa)
{
	fa->done = !fa->failed;
	fa->fail_at++;
	fa->calls = 0;
	fa->failed = false;
}

void
failing_alloc_check(failing_alloc *fa, osp_status status)
{
	assert_int_equal(fa->live, 0);
	assert_int_equal(status, fa->failed ? OSP_ENOMEM : OSP_OK);
	failing_alloc_next(fa);
}
