/* SPDX-License-Identifier: Apache-2.0
 *
 * run_directory.c
 *	  The run directory of this cluster, and its status file.
 *
 * Every cluster has a directory of its own in the run directory. Its name comes
 * from the system identifier and the data directory: copies of a cluster differ
 * in the latter.
 */
#include "pgosp_setting.h"

#include <unistd.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"

osp_status
pgosp_rundir(char out[OSP_RUNDIR_PATH_MAX], osp_error *err)
{
	char sub[64];
	uint32 hash =
		hash_bytes((const unsigned char *) DataDir, (int) strlen(DataDir));

	snprintf(sub,
			 sizeof(sub),
			 "pg-" UINT64_FORMAT "-%08x",
			 GetSystemIdentifier(),
			 hash);
	return osp_rundir_server_path(
		osp_str_of(pgosp_run_directory), osp_str_of(sub), out, err);
}

/*
 * The status file, for counting. A session whose contexts are all refused has
 * no ring, but counts them, so it maps the status file alone. It is mapped
 * again when the run directory has changed.
 */
osp_runstat *
pgosp_runstat(void)
{
	static osp_runstat *alone = NULL;
	static bool tried = false;
	char path[OSP_RUNDIR_PATH_MAX];
	int dir_fd;

	if (pgosp_ring != NULL)
		return pgosp_ring->stat;
	if (tried &&
		(alone == NULL || __atomic_load_n(&alone->sleeping, __ATOMIC_RELAXED) !=
							  OSP_RUNSTAT_MOVED))
		return alone;
	osp_runstat_unmap(alone);
	alone = NULL;
	tried = true;
	if (pgosp_rundir(path, NULL) != OSP_OK ||
		osp_rundir_open(path, true, &dir_fd, NULL) != OSP_OK)
		return NULL;
	if (osp_runstat_map(dir_fd, &alone, NULL) != OSP_OK)
		alone = NULL;
	(void) close(dir_fd);
	return alone;
}
