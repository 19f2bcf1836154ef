/* SPDX-License-Identifier: Apache-2.0
 *
 * waiting_points.c
 *	  The points of one trace that wait in the rings and the spool of a run directory.
 */
#include "waiting_points.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/directory.h"
#include "osprofiler/notification.h"
#include "record/ring.h"
#include "record/rundir.h"
#include "ship/spool.h"

#define SCRATCH_MAX ((size_t) 64 * 1024 * 1024)

/*
 * Copies the complete records out of the ring, since it may change meanwhile.
 * NULL: there are none, or there is no memory.
 */
static char *
copy_ring(const osp_ring *ring, size_t *len)
{
	uint64_t head = osp_ring_head(ring);
	uint64_t tail = osp_ring_tail(ring);
	size_t from = (size_t) (tail & ring->mask);
	size_t first;
	char *bytes;

	if (tail >= head || head - tail > ring->capacity)
		return NULL;
	*len = (size_t) (head - tail);
	first = *len < ring->capacity - from ? *len : ring->capacity - from;
	bytes = malloc(*len);
	if (bytes == NULL)
		return NULL;
	memcpy(bytes, ring->data + from, first);
	memcpy(bytes + first, ring->data, *len - first);
	return bytes;
}

static uint64_t
count_in_ring(int dir_fd, const char *name, const osp_id *base_id)
{
	uint64_t count = 0;
	osp_record record;
	osp_ring ring;
	size_t len = 0;
	size_t pos;
	size_t size;
	char *bytes;

	if (osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
		return 0;
	bytes = copy_ring(&ring, &len);
	osp_ring_unmap(&ring);
	for (pos = 0; bytes != NULL && pos < len; pos += size)
	{
		size = osp_record_read(bytes + pos, len - pos, &record);
		if (size == 0)
			break; /* The shipper skips damaged records, and counts them. */
		if (record.kind != OSP_RECORD_PAD &&
			osp_id_eq(&record.base_id, base_id))
			count++;
	}
	free(bytes);
	return count;
}

/*
 * May the JSON be a point of this trace? JSON never escapes anything in a UUID,
 * so most points of other traces are excluded without being parsed.
 */
static bool
may_hold(osp_str json, const osp_id *base_id, osp_str id)
{
	return !base_id->is_uuid ||
		   memmem(json.ptr, json.len, id.ptr, id.len) != NULL;
}

static uint64_t
count_in_spool(const char *run_directory, const osp_id *base_id)
{
	char path[OSP_RUNDIR_PATH_MAX + sizeof("/spool")];
	char storage[OSP_ID_MAX + 1];
	osp_str id = osp_id_text(base_id, storage);
	osp_notification point;
	uint64_t count = 0;
	osp_spool *spool;
	osp_place place;
	osp_buf scratch;
	uint64_t pos;
	osp_str json;

	(void) snprintf(path, sizeof(path), "%s/spool", run_directory);
	if (osp_spool_peek(&osp_allocator_default, path, &spool, NULL) != OSP_OK)
		return 0;
	osp_buf_init(&scratch, &osp_allocator_default, SCRATCH_MAX);
	pos = osp_spool_begin(spool);
	while (osp_spool_next(spool, &pos, &json, &place))
		if (may_hold(json, base_id, id) &&
			osp_notification_read(json, &scratch, &point, NULL) == OSP_OK &&
			osp_str_eq(point.base_id, id))
			count++;
	osp_buf_term(&scratch);
	osp_spool_close(spool);
	return count;
}

uint64_t
cli_waiting_points(const char *run_directory, const osp_id *base_id)
{
	const struct dirent *entry;
	uint64_t count;
	DIR *dir;
	int fd;

	if (osp_rundir_open(run_directory, false, &fd, NULL) != OSP_OK)
		return 0;
	dir = osp__directory_of(fd);
	if (dir == NULL)
		return 0;
	count = count_in_spool(run_directory, base_id);
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "ring.", 5) == 0)
			count += count_in_ring(fd, entry->d_name, base_id);
	(void) closedir(dir);
	return count;
}
