/* SPDX-License-Identifier: Apache-2.0
 *
 * run_trace.c
 *	  Which trace another producer of the run directory works on: what it has
 *	  noted in the header of its ring.
 */
#include "base/directory.h"
#include "record/ring.h"
#include "record/runstat.h"

static bool
trace_in_ring(const osp_ring *ring, uint64_t key, osp_uuid *out)
{
	osp_ring_notice notice;

	/* Copied before it is checked: it may change meanwhile. */
	memcpy(&notice,
		   &ring->header->notices[key % OSP_RING_NOTICES],
		   sizeof(notice));
	if (key == 0 || notice.key != key ||
		notice.check != osp__notice_check(&notice))
		return false;
	memcpy(out->bytes, notice.base_id, sizeof(out->bytes));
	return true;
}

static bool
trace_in(int dir_fd, const char *name, uint64_t key, osp_uuid *out)
{
	osp_ring ring;
	bool known;

	if (osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
		return false;
	known = trace_in_ring(&ring, key, out);
	osp_ring_unmap(&ring);
	return known;
}

bool
osp_run_trace_of(const char *path, uint64_t key, osp_uuid *out)
{
	struct dirent *entry;
	bool known = false;
	int dir_fd;
	DIR *dir;

	memset(out, 0, sizeof(*out));
	if (osp_rundir_open(path, false, &dir_fd, NULL) != OSP_OK)
		return false;
	dir = osp__directory_of(dir_fd);
	if (dir == NULL)
		return false;
	while (!known && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "ring.", 5) == 0)
			known = trace_in(dir_fd, entry->d_name, key, out);
	(void) closedir(dir);
	return known;
}
