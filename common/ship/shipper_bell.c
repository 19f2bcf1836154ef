/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_bell.c
 *	  Waits in a thread of its own for the bell of the status file, a futex, and turns
 *	  it into an event of a descriptor that can be polled together with others.
 */
#include "ship/shipper_bell.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_SIZE ((size_t) 128 * 1024)

/* Pause between two looks at the bell if the status file was cut short and cannot be
 * waited for. */
#define UNSURE_US 100000

struct osp_bell
{
	const osp_allocator *alc;
	osp_runstat *stat;
	pthread_t thread;
	int fd;
	uint32_t seen;
	bool stop;
};

static void *
hear(void *arg)
{
	osp_bell *bell = arg;
	uint32_t seen = bell->seen;

	while (!__atomic_load_n(&bell->stop, __ATOMIC_ACQUIRE))
	{
		uint64_t one = 1;
		uint32_t now;

		if (osp_runstat_listen(bell->stat, seen) == EFAULT)
			(void) usleep(UNSURE_US);
		now = __atomic_load_n(&bell->stat->bell, __ATOMIC_ACQUIRE);
		if (now == seen)
			continue;
		seen = now;

		/* If the counter is full, the write fails, but then the descriptor is readable
		 * already. */
		(void) !write(bell->fd, &one, sizeof(one));
	}
	return NULL;
}

static int
start_thread(osp_bell *bell)
{
	pthread_attr_t attributes;
	sigset_t before;
	sigset_t all;
	int code;

	(void) sigfillset(&all);
	(void) pthread_attr_init(&attributes);
	(void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
	(void) pthread_sigmask(SIG_BLOCK, &all, &before);
	code = pthread_create(&bell->thread, &attributes, hear, bell);
	(void) pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void) pthread_attr_destroy(&attributes);
	return code;
}

osp_bell *
osp__bell_new(const osp_allocator *alc, osp_runstat *stat, int fd)
{
	osp_bell *bell = osp_calloc(alc, 1, sizeof(*bell));

	if (bell == NULL)
		return NULL;
	bell->alc = alc;
	bell->stat = stat;
	bell->fd = fd;
	bell->seen = __atomic_load_n(&stat->bell, __ATOMIC_ACQUIRE);
	if (start_thread(bell) == 0)
		return bell;
	osp_free(alc, bell);
	return NULL;
}

void
osp__bell_free(osp_bell *bell)
{
	if (bell == NULL)
		return;
	__atomic_store_n(&bell->stop, true, __ATOMIC_RELEASE);
	osp_runstat_ring_always(bell->stat);
	(void) pthread_join(bell->thread, NULL);
	osp_free(bell->alc, bell);
}
