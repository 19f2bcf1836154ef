/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_producer.c
 *	  A producer for tests that kill it: fault_producer RUN_DIRECTORY NAME LOG RATE
 *	  commits points 0, 1, 2, ... and writes their number to the file LOG.
 *
 * LOG is mapped. It holds the number of committed points as a 64-bit word, which is
 * stored after each commit, so after a kill it is at most one too small. If the ring is
 * full, the producer waits, so no number is left out. SIGTERM ends it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "record/producer.h"

#define POINTS_PER_TRACE 5000
#define RING_SIZE        OSP_RING_DEFAULT

static volatile sig_atomic_t stop;

static void
on_term(int signo)
{
	(void) signo;
	stop = 1;
}

static uint64_t *
map_log(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *map;

	if (fd < 0 || ftruncate(fd, sizeof(uint64_t)) != 0)
		return NULL;
	map =
		mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void) close(fd);
	if (map == MAP_FAILED)
		return NULL;
	return map;
}

/* Commits point number i; false if there is no room now. */
static bool
commit(osp_producer *producer, const char *name, uint64_t i)
{
	static osp_uuid trace_id;
	osp_point_ids ids;
	osp_writer w;
	char text[96];
	osp_id base;

	(void) snprintf(text,
					sizeof(text),
					"%s-%llu",
					name,
					(unsigned long long) (i / POINTS_PER_TRACE));
	if (!osp_id_set(&base, osp_str_of(text)))
		return false;
	if (i % 2 == 0)
		osp_uuid_new(&trace_id);
	ids.base_id = ids.parent_id = &base;
	ids.trace_id = trace_id;
	if (!osp_point_begin(producer,
						 &w,
						 i % 2 == 0 ? OSP_RECORD_START : OSP_RECORD_STOP,
						 &ids,
						 OSP_STR("fault"),
						 OSP_STR(""),
						 OSP_STR(""),
						 osp_mono_now(),
						 0,
						 256))
		return false;
	osp_put_str(&w, OSP_STR("producer"), osp_str_of(name));
	osp_put_u64(&w, OSP_STR("point"), i);
	osp_point_commit(producer, &w);
	return true;
}

int
main(int argc, char **argv)
{
	osp_producer producer;
	osp_error err;
	uint64_t *committed;
	uint64_t i = 0;
	long rate;

	if (argc != 5)
	{
		(void) fprintf(stderr,
					   "usage: fault_producer RUN_DIRECTORY NAME LOG RATE\n");
		return 2;
	}
	rate = strtol(argv[4], NULL, 10);
	committed = map_log(argv[3]);
	if (committed == NULL || rate < 100)
		return 1;
	(void) signal(SIGTERM, on_term);
	if (osp_producer_open(&producer,
						  argv[1],
						  &(osp_producer_options){.ring_size = RING_SIZE,
												  .on_full = OSP_ON_FULL_WAIT},
						  &err) != OSP_OK)
	{
		(void) fprintf(stderr, "fault_producer: %s\n", err.msg);
		return 1;
	}
	while (!stop)
	{
		const struct timespec nap = {0, 10000000};
		long n;

		for (n = 0; n < rate / 100 && !stop; n++)
			if (commit(&producer, argv[2], i))
				__atomic_store_n(committed, ++i, __ATOMIC_RELEASE);
		(void) nanosleep(&nap, NULL);
	}
	osp_producer_close(&producer);
	return 0;
}
