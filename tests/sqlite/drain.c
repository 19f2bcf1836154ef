/* SPDX-License-Identifier: Apache-2.0
 *
 * drain.c
 *	  Takes the points out of the rings of a run directory, as the shipper would,
 *	  and appends them to a file, one notification a line.
 *
 *	  drain DIRECTORY FILE         what is there now
 *	  drain -f DIRECTORY FILE      until its standard input ends, then once more
 *
 * Prints to standard error how many records were dropped, if any were.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "notify/batch.h"
#include "record/producer.h"

static FILE *out;
static osp_buf record_bytes;
static osp_buf json;

static void
print_point(const osp_record *record, int64_t wall_offset_ns)
{
	osp_origin origin = {.host = OSP_STR("test"),
						 .project = OSP_STR(""),
						 .service = OSP_STR(""),
						 .wall_offset_ns = wall_offset_ns};

	osp_buf_reset(&json);
	if (osp_notification_write(&json, record, &origin) != OSP_OK)
		(void) fprintf(stderr, "drain: a record is no notification\n");
	else
		(void) fprintf(out, "%s\n", json.ptr);
}

/* Empties one ring. Returns how many records it has dropped. */
static uint64_t
drain_ring(osp_ring *ring, int64_t wall_offset_ns)
{
	uint64_t pos = osp_ring_tail(ring);
	osp_record record;

	while (osp_ring_next(ring, &pos, &record_bytes, &record))
	{
		print_point(&record, wall_offset_ns);
		osp_ring_set_tail(ring, pos);
	}
	osp_ring_set_tail(ring, pos);
	if (ring->header->corrupt > 0)
		(void) fprintf(stderr, "drain: a ring holds nonsense\n");
	return ring->header->dropped;
}

static uint64_t
drain_all(int dir_fd)
{
	static uint64_t dropped_before = 0;
	static uint64_t first = 0;
	uint64_t dropped = 0;
	osp_runstat *stat;
	uint64_t n;

	if (osp_runstat_map(dir_fd, &stat, NULL) != OSP_OK)
		return 0;
	for (n = first; n < stat->next_ring; n++)
	{
		char name[OSP_RING_NAME_MAX];
		uint64_t of_ring;
		osp_ring ring;
		bool over;
		int fd;

		osp_ring_name(name, n);
		if (osp_ring_map_open(&ring, dir_fd, name, &fd, NULL) != OSP_OK)
			continue;
		over = osp_ring_is_orphaned(&ring, fd);
		of_ring = drain_ring(&ring, stat->wall_offset_ns);
		if (over)
		{
			(void) unlinkat(dir_fd, name, 0);
			osp_runstat_sub(&stat->ring_bytes,
							OSP_RING_HEADER_SIZE + ring.capacity);
			dropped_before += of_ring;
			first = n == first ? n + 1 : first;
		}
		else
			dropped += of_ring;
		osp_ring_unmap(&ring);
		(void) close(fd);
	}
	osp_runstat_unmap(stat);
	(void) fflush(out);
	return dropped_before + dropped;
}

int
main(int argc, char **argv)
{
	bool follow = argc == 4 && strcmp(argv[1], "-f") == 0;
	struct pollfd input = {.fd = 0, .events = POLLIN};
	uint64_t dropped;
	osp_error err;
	int dir_fd;

	if (argc != (follow ? 4 : 3))
		return 2;
	argv += follow ? 2 : 1;
	osp_buf_init(&record_bytes, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	osp_buf_init(&json, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	out = fopen(argv[1], "a");
	if (out == NULL ||
		osp_rundir_open(argv[0], follow, &dir_fd, &err) != OSP_OK)
		return 1;
	while (follow && poll(&input, 1, 1) == 0)
		(void) drain_all(dir_fd);
	dropped = drain_all(dir_fd);
	if (dropped > 0)
		(void) fprintf(
			stderr, "drain: %llu dropped\n", (unsigned long long) dropped);
	osp_buf_term(&record_bytes);
	osp_buf_term(&json);
	return fclose(out) == 0 ? 0 : 1;
}
