/* SPDX-License-Identifier: Apache-2.0
 *
 * run_totals.c
 *	  Adds up the counters of a run directory's rings and of its status file.
 */
#include "base/directory.h"
#include "record/ring.h"
#include "record/runstat.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define COPY_TRIES 1000

/* If a ring was removed while the files were read, all are read again: at most
 * READ_TRIES times, with a pause of WAIT_NS before each. There is a limit because a
 * shipper that was killed while it removed a ring never finishes. */
#define READ_TRIES 50
#define WAIT_NS    1000000

static void
add_ring(osp_run_totals *totals, int dir_fd, const char *name)
{
	osp_ring ring;
	int64_t dropped_ns;
	uint64_t tail;
	uint64_t head;

	/* The ring was just removed; read_once() notices that, and all is read again. */
	if (osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
		return;
	tail = osp_ring_tail(&ring);
	head = osp_ring_head(&ring);
	totals->rings++;
	totals->written += __atomic_load_n(&ring.header->records, __ATOMIC_RELAXED);
	totals->dropped += __atomic_load_n(&ring.header->dropped, __ATOMIC_RELAXED);
	totals->waiting_bytes += head > tail ? head - tail : 0;
	dropped_ns = __atomic_load_n(&ring.header->dropped_ns, __ATOMIC_RELAXED);
	if (dropped_ns != 0 &&
		dropped_ns + totals->stat.wall_offset_ns > totals->last_loss_wall_ns)
		totals->last_loss_wall_ns = dropped_ns + totals->stat.wall_offset_ns;
	osp_ring_unmap(&ring);
}

static osp_status
add_rings(osp_run_totals *totals, int dir_fd, osp_error *err)
{
	DIR *dir = osp__directory_of(dup(dir_fd));
	struct dirent *entry;

	if (dir == NULL)
		return osp_error_set(
			err, OSP_EIO, "cannot read run directory: %s", strerror(errno));
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "ring.", 5) == 0)
			add_ring(totals, dir_fd, entry->d_name);
	(void) closedir(dir);
	return OSP_OK;
}

/* Copies the status file. A sequence number guards the error's text; it is odd while
 * the text is being written. */
static void
copy_stat(osp_runstat *to, const osp_runstat *from)
{
	int tries;

	for (tries = 0; tries < COPY_TRIES; tries++)
	{
		uint32_t seq = __atomic_load_n(&from->error_seq, __ATOMIC_ACQUIRE);

		memcpy(to, from, sizeof(*to));

		/* This is not __atomic_thread_fence, which ThreadSanitizer cannot follow. */
		__sync_synchronize();
		if (seq % 2 == 0 &&
			seq == __atomic_load_n(&from->error_seq, __ATOMIC_RELAXED))
			break;
	}
	to->last_error[sizeof(to->last_error) - 1] = '\0';
}

/* Reads everything once; false: a ring was removed meanwhile. */
static bool
read_once(osp_run_totals *totals, const osp_runstat *stat, int dir_fd,
		  osp_status *status, osp_error *err)
{
	uint64_t before = __atomic_load_n(&stat->retiring, __ATOMIC_ACQUIRE);

	memset(totals, 0, sizeof(*totals));
	copy_stat(&totals->stat, stat);
	totals->written = totals->stat.retired_records;
	totals->dropped = totals->stat.retired_dropped;
	totals->last_loss_wall_ns = totals->stat.last_loss_wall_ns;
	*status = add_rings(totals, dir_fd, err);
	return before % 2 == 0 &&
		   before == __atomic_load_n(&stat->retiring, __ATOMIC_ACQUIRE);
}

osp_status
osp_run_totals_read(int dir_fd, osp_run_totals *totals, osp_error *err)
{
	const struct timespec pause = {0, WAIT_NS};
	osp_runstat *stat;
	osp_status status;
	int tries = 0;

	memset(totals, 0, sizeof(*totals));
	status = osp_runstat_map(dir_fd, &stat, err);
	if (status != OSP_OK)
		return status;
	while (!read_once(totals, stat, dir_fd, &status, err) && status == OSP_OK &&
		   ++tries < READ_TRIES)
		(void) nanosleep(&pause, NULL);

	/* A shipper that waits for the spool has the lock, but is not at work yet. */
	totals->shipper_alive =
		totals->stat.shipper != 0 && osp_shipper_alive(dir_fd);
	osp_runstat_unmap(stat);
	return status;
}
