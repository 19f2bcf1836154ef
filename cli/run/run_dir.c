/* SPDX-License-Identifier: Apache-2.0
 *
 * run_dir.c
 *	  A run directory for one run, below the usual one.
 *
 * Each run has its own, so that several runs, and an agent, may be at work at
 * the same time.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"

osp_status
run_dir_make(const osp_config *config, char path[OSP_RUNDIR_PATH_MAX],
			 osp_error *err)
{
	char parent[OSP_RUNDIR_PATH_MAX];
	char name[OSP_RUNDIR_OF_RUN_MAX];
	osp_error reason;
	osp_status status;
	int fd;
	int len;

	status = osp_rundir_path(osp_str_of(config->run_directory), parent, err);
	if (status != OSP_OK)
		return status;
	status = osp_rundir_open(parent, true, &fd, &reason);
	if (status != OSP_OK)
		return osp_error_set(err,
							 status,
							 "%s; OSPROFILER_RUN_DIR names another one",
							 reason.msg);
	(void) close(fd);
	osp_rundir_of_run(name);
	len = snprintf(path, OSP_RUNDIR_PATH_MAX, "%s/%s", parent, name);
	if (len < 0 || len >= OSP_RUNDIR_PATH_MAX)
		return osp_error_set(err, OSP_EINVAL, "%s: path too long", parent);
	if (mkdtemp(path) == NULL || chmod(path, 0700) != 0)
		return osp_error_set(err,
							 OSP_EIO,
							 "cannot make a directory in %s: %s",
							 parent,
							 strerror(errno));
	return OSP_OK;
}

/* The directory never holds anything but plain files. */
void
run_dir_remove(const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	DIR *dir = osp__directory_of(open(path, flags));
	const struct dirent *entry;

	if (dir == NULL)
		return;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void) unlinkat(dirfd(dir), entry->d_name, 0);
	(void) closedir(dir);
	(void) rmdir(path);
}
