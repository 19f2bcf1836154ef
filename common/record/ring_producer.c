/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_producer.c
 *	  A producer: finds itself a ring in the run directory, and wakes the
 *	  shipper.
 */
#include "osprofiler/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CREATE_TRIES 100

static size_t
round_up_to_power_of_two(size_t size)
{
	size_t power = OSP_RING_MIN;

	while (power < size && power < OSP_RING_MAX)
		power *= 2;
	return power;
}

/* Can this ring, mapped a moment ago, be ours? */
static bool
claim_if_useful(osp_ring *ring, size_t capacity)
{
	uint64_t used = osp_ring_head(ring) - osp_ring_tail(ring);

	/* One that waits for the shipper with much in it is left to it. */
	return ring->capacity == capacity && used <= capacity / 2 &&
		   osp_ring_claim(ring);
}

/* A ring of the pool, or a new one. */
static osp_status
find_ring(osp_ring *ring, int dir_fd, size_t capacity, osp_error *err)
{
	osp_status status = OSP_OK;
	int busy = 0;
	int n;

	for (n = 0; n < OSP_RINGS_MAX && busy < CREATE_TRIES; n++)
	{
		char name[32];

		(void) snprintf(name, sizeof(name), "ring.%d", n);
		status = osp_ring_map(ring, dir_fd, name, err);
		if (status == OSP_OK && claim_if_useful(ring, capacity))
			return OSP_OK;
		osp_ring_unmap(ring);
		if (status != OSP_ENOENT)
			continue;
		status = osp_ring_create(ring, dir_fd, name, capacity, err);
		if (status == OSP_OK)
			return OSP_OK;
		if (status != OSP_EBUSY)
			return status;

		/* Another producer made it first; the next number is as good. */
		busy++;
	}
	return osp_error_set(err,
						 OSP_EFULL,
						 "all %d rings of the run directory are in use",
						 OSP_RINGS_MAX);
}

osp_status
osp_producer_open(osp_producer *producer, const char *path, size_t ring_size,
				  osp_on_full on_full, osp_error *err)
{
	osp_status status;
	int dir_fd;

	osp__clock_find();
	memset(producer, 0, sizeof(*producer));
	if (strlen(path) >= sizeof(producer->path))
		return osp_error_set(err, OSP_EINVAL, "run directory: path too long");
	status = osp_rundir_open(path, true, &dir_fd, err);
	if (status != OSP_OK)
		return status;
	memcpy(producer->path, path, strlen(path) + 1);
	status = osp_runstat_map(dir_fd, &producer->stat, err);
	if (status == OSP_OK)
		status = find_ring(
			&producer->ring, dir_fd, round_up_to_power_of_two(ring_size), err);
	(void) close(dir_fd);
	if (status != OSP_OK)
	{
		osp_producer_abandon(producer);
		return status;
	}
	producer->ring.on_full = on_full;
	osp_runstat_add(&producer->stat->rings_made, 1);
	return OSP_OK;
}

void
osp_producer_close(osp_producer *producer)
{
	osp_ring_release(&producer->ring);
	osp_producer_abandon(producer);
}

void
osp_producer_abandon(osp_producer *producer)
{
	osp_ring_unmap(&producer->ring);
	osp_runstat_unmap(producer->stat);
	producer->stat = NULL;
}

void
osp__producer_wake(osp_producer *producer)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];
	uint32_t sleep =
		__atomic_load_n(&producer->stat->sleeping, __ATOMIC_ACQUIRE);
	int saved = errno;
	int fd;

	if (sleep == 0)
		return;
	(void) snprintf(path, sizeof(path), "%s/doorbell", producer->path);
	/* Opened for reading too, so that no SIGPIPE can come of it. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
	{
		bool rung;

		/* A full pipe wakes as well as one more byte in it. */
		rung = write(fd, "", 1) == 1 || errno == EAGAIN;
		(void) close(fd);

		/*
		 * The others need not ring as well. Said only now, so that being killed
		 * on the way leaves nobody deaf, and only of this sleep: by now it may
		 * be over, and another one begun.
		 */
		if (rung)
			(void) __atomic_compare_exchange_n(&producer->stat->sleeping,
											   &sleep,
											   0,
											   false,
											   __ATOMIC_ACQ_REL,
											   __ATOMIC_RELAXED);
	}
	errno = saved;
}
