/* SPDX-License-Identifier: Apache-2.0
 *
 * rundir.c
 *	  Finds the path of the run directory, and checks whether it can be trusted.
 */
#include "record/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/ring.h"

#define SHARED_MEMORY "/dev/shm/osprofiler-" /* the user's number follows */

/* Checks the result of snprintf for a path. */
static osp_status
path_made(int len, char out[OSP_RUNDIR_PATH_MAX], osp_error *err)
{
	if (len >= 0 && len < OSP_RUNDIR_PATH_MAX)
		return OSP_OK;
	out[0] = '\0';
	return osp_error_set(
		err,
		OSP_EINVAL,
		"the path of the run directory is longer than %d bytes",
		OSP_RUNDIR_PATH_MAX - 1);
}

osp_status
osp_rundir_path(osp_str configured, char out[OSP_RUNDIR_PATH_MAX],
				osp_error *err)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	int len;

	if (configured.len > 0)
		len = snprintf(out,
					   OSP_RUNDIR_PATH_MAX,
					   "%.*s",
					   (int) configured.len,
					   configured.ptr);
	else if (runtime != NULL && runtime[0] == '/')
		len = snprintf(out, OSP_RUNDIR_PATH_MAX, "%s/osprofiler", runtime);
	else
		len = snprintf(out,
					   OSP_RUNDIR_PATH_MAX,
					   SHARED_MEMORY "%lu",
					   (unsigned long) geteuid());
	return path_made(len, out, err);
}

osp_status
osp_rundir_server_path(osp_str configured, osp_str sub,
					   char out[OSP_RUNDIR_PATH_MAX], osp_error *err)
{
	int len;

	if (configured.len > 0)
		len = snprintf(out,
					   OSP_RUNDIR_PATH_MAX,
					   "%.*s/%.*s",
					   (int) configured.len,
					   configured.ptr,
					   (int) sub.len,
					   sub.ptr);
	else
		len = snprintf(out,
					   OSP_RUNDIR_PATH_MAX,
					   SHARED_MEMORY "%lu/%.*s",
					   (unsigned long) geteuid(),
					   (int) sub.len,
					   sub.ptr);
	return path_made(len, out, err);
}

/* run-OWNER-XXXXXX; OWNER is osp_owner_self() in hexadecimal digits. */
#define RUN_PREFIX   "run-"
#define OWNER_DIGITS 16

void
osp_rundir_of_run(char out[OSP_RUNDIR_OF_RUN_MAX])
{
	(void) snprintf(out,
					OSP_RUNDIR_OF_RUN_MAX,
					RUN_PREFIX "%0*llx-XXXXXX",
					OWNER_DIGITS,
					(unsigned long long) osp_owner_self());
}

/* Reads from a directory's name the owner of its `osprofiler run`. False: it is not
 * such a directory. */
static bool
read_run_owner(const char *path, uint64_t *owner)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char *end;

	if (strncmp(name, RUN_PREFIX, sizeof(RUN_PREFIX) - 1) != 0)
		return false;
	name += sizeof(RUN_PREFIX) - 1;
	if (strspn(name, "0123456789abcdef") != OWNER_DIGITS)
		return false;
	*owner = strtoull(name, &end, 16);
	return *end == '-';
}

bool
osp_rundir_run_ended(const char *path)
{
	uint64_t owner;

	return read_run_owner(path, &owner) && !osp_owner_alive(owner);
}

bool
osp_rundir_run_works(const char *path)
{
	uint64_t owner;

	return read_run_owner(path, &owner) && osp_owner_alive(owner);
}

/*
 * Is the directory at path safe as a parent of the run directory? Users who can
 * write to it could replace the run directory, unless it is sticky.
 */
static bool
parent_is_safe(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return false;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
		   (st.st_mode & S_ISVTX) != 0;
}

/* Writes the path without its last component; false if it has only one. */
static bool
parent_of(const char *path, char out[OSP_RUNDIR_PATH_MAX])
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= OSP_RUNDIR_PATH_MAX)
		return false;
	memcpy(out, path, len);
	out[len] = '\0';
	return true;
}

uint64_t
osp_root_directory(void)
{
	struct stat st;

	return stat("/", &st) == 0
			   ? (uint64_t) st.st_ino ^ (uint64_t) st.st_dev << 32
			   : 0;
}

/* The root directory when this code was loaded. */
static uint64_t first_root;

static void __attribute__((constructor)) note_root(void)
{
	first_root = osp_root_directory();
}

/* Makes directories like mkdir -p, with mode 0700 whatever the umask; existing ones are
 * left as they are. Returns 0, or the errno of the first that cannot be made. */
static int
make_directories(const char *path)
{
	char part[OSP_RUNDIR_PATH_MAX];
	size_t len = strlen(path);
	int failure = 0;
	size_t i;

	if (len >= sizeof(part))
		return ENAMETOOLONG;
	memcpy(part, path, len + 1);
	for (i = 1; i <= len; i++)
	{
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0700) == 0)
			(void) chmod(part, 0700);
		else if (errno != EEXIST && failure == 0)
			failure = errno;
		if (i < len)
			part[i] = '/';
	}
	return failure;
}

static osp_status
refuse(osp_error *err, const char *path, const char *why)
{
	return osp_error_set(
		err, OSP_EPERM, "run directory %s is not used: %s", path, why);
}

static osp_status
check_directory(int fd, const char *path, osp_error *err)
{
	char parent[OSP_RUNDIR_PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return refuse(err, path, "it cannot be examined");
	if (st.st_uid != geteuid())
		return refuse(err, path, "it belongs to another user");
	if ((st.st_mode & 077) != 0)
		return refuse(err, path, "others have access to it (chmod 700 it)");
	if (parent_of(path, parent) && !parent_is_safe(parent))
		return refuse(err,
					  path,
					  "others could replace it (its parent directory must be "
					  "ours or root's, and closed or sticky)");
	return OSP_OK;
}

osp_status
osp_rundir_open(const char *path, bool create, int *dir_fd, osp_error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	osp_status status;
	char reason[128];
	int made = 0;
	int fd;

	*dir_fd = -1;
	if (path[0] != '/')
		return osp_error_set(err,
							 OSP_EINVAL,
							 "run directory \"%s\" is not an absolute path",
							 path);
	fd = open(path, flags);
	if (fd < 0 && errno == ENOENT && create &&
		osp_root_directory() == first_root && !osp_rundir_run_ended(path))
	{
		made = make_directories(path);
		fd = open(path, flags);
	}
	if (fd < 0)
	{
		int code = errno;

		if (code == ELOOP || code == ENOTDIR)
			return refuse(err, path, "it is not a real directory");
		return osp_error_set(
			err,
			code == ENOENT ? OSP_ENOENT : OSP_EIO,
			"cannot open run directory %s%s: %s",
			path,
			made != 0 ? ", which cannot be made" : "",
			strerror_r(made != 0 ? made : code, reason, sizeof(reason)));
	}
	status = check_directory(fd, path, err);
	if (status != OSP_OK)
		(void) close(fd);
	else
		*dir_fd = fd;
	return status;
}
