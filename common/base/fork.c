/* SPDX-License-Identifier: Apache-2.0
 *
 * fork.c
 *	  Tells a process from its parent, without a system call.
 *
 * The mark lies in a page of its own that is advised MADV_WIPEONFORK, so it is
 * zero in a child however the child was made. A handler of pthread_atfork does
 * the same where the kernel or a tool does not know the advice.
 */
#include "base/fork.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

/* Used before the page exists. If the page cannot be allocated, this word holds the
 * generation. */
static uint64_t plain_mark = 0;
uint64_t *osp__fork_mark = &plain_mark;

/* Not wiped: a child counts on from its parent's number. */
static uint64_t last_generation = 0;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
forget(void)
{
	__atomic_store_n(osp__fork_mark, 0, __ATOMIC_RELAXED);
}

static void
make_mark(void)
{
	size_t size = (size_t) sysconf(_SC_PAGESIZE);
	void *page = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		page = &plain_mark;
	else
		(void) madvise(page, size, MADV_WIPEONFORK);
	__atomic_store_n(&osp__fork_mark, page, __ATOMIC_RELEASE);
	(void) pthread_atfork(NULL, NULL, forget);
}

uint64_t
osp__generation_new(void)
{
	uint64_t none = 0;
	uint64_t mine;

	(void) pthread_once(&once, make_mark);
	mine = __atomic_add_fetch(&last_generation, 1, __ATOMIC_RELAXED);

	/* If several threads come here together, the first one wins. */
	if (__atomic_compare_exchange_n(osp__fork_mark,
									&none,
									mine,
									false,
									__ATOMIC_RELAXED,
									__ATOMIC_RELAXED))
		return mine;
	return none;
}
