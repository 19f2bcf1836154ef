/* SPDX-License-Identifier: Apache-2.0
 *
 * check_run_directory.c
 *	  Is there a run directory that belongs to this user alone, with room for
 *	  rings?
 */
#include "doctor/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "record/ring.h"
#include "writable_path.h"

/*
 * The free space that is wanted. Rings take at most five eighths of it, and a
 * traced program has one for each thread: with less, some threads would go
 * untraced.
 */
#define RINGS_WANTED 16
#define ROOM_WANTED  (RINGS_WANTED * (uint64_t) OSP_RING_MIN / 5 * 8)

#define IN_HOME "/.cache/osprofiler"

static void
advise_other_directory(doctor_result *r)
{
	const char *home = getenv("HOME");
	char path[PATH_MAX] = "";

	if (home != NULL)
		(void) snprintf(path, sizeof(path), "%s" IN_HOME, home);
	doctor_advise(r,
				  "name a directory on a file system with room, best one in "
				  "memory, for the programs and for the agent");
	doctor_mend(r,
				"export OSPROFILER_RUN_DIR=%s",
				path[0] == '/' && cli_writable_path(path) ? "\"$HOME" IN_HOME
															"\""
														  : "\"$(mktemp -d)\"");
}

/* Is this the path of the default, which has the number of this user? */
static bool
is_named_after_user(const char *path)
{
	char name[64];

	(void) snprintf(
		name, sizeof(name), "/osprofiler-%lu", (unsigned long) geteuid());
	return strlen(path) > strlen(name) &&
		   strcmp(path + strlen(path) - strlen(name), name) == 0;
}

/*
 * Proposes to give root's directory to this user, or to remove that of another
 * one, whose files nobody should trust. The programs make a new one.
 */
static void
mend_foreign(doctor_result *r, const char *path, uid_t uid)
{
	char name[CLI_USER_NAME_MAX];

	r->is_roots = true;
	r->is_left = true;
	doctor_user_name(name);
	doctor_advise(r, "it has to belong to the user %s; as root:", name);
	doctor_mend_as_root(r);
	if (uid == 0)
		doctor_mend(r, "chown -hR %s: ", name);
	else
		doctor_mend(r, "rm -r ");
	doctor_mend_word(r, path);
	if (uid != 0)
		return;
	doctor_mend(r, " && ");
	doctor_mend_as_root(r);
	doctor_mend(r, "chmod 700 ");
	doctor_mend_word(r, path);
}

/* Reports why the directory cannot be used. */
static void
report_refusal(doctor_result *r, const char *path, osp_status status,
			   const char *message)
{
	struct stat st;

	doctor_wrong(r, "%s", message);
	if (is_named_after_user(path) && lstat(path, &st) == 0 &&
		S_ISDIR(st.st_mode) && st.st_uid != geteuid())
	{
		mend_foreign(r, path, st.st_uid);
		return;
	}
	if (status == OSP_EPERM && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid() && (st.st_mode & 077) != 0)
	{
		doctor_mend(r, "chmod 700 ");
		doctor_mend_word(r, path);
		return;
	}
	advise_other_directory(r);
}

void
check_run_directory(doctor *d, doctor_result *r)
{
	const char *given = d->run_directory_given != NULL
							? d->run_directory_given
							: d->config.run_directory;
	struct statvfs fs;
	osp_status status;
	osp_error err = {OSP_OK, ""};
	uint64_t room;
	int fd = -1;

	status = osp_rundir_path(osp_str_of(given), d->run_directory, &err);
	if (status == OSP_OK)
		status = osp_rundir_open(d->run_directory, true, &fd, &err);
	if (status != OSP_OK)
	{
		report_refusal(r, d->run_directory, status, err.msg);
		return;
	}
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
	{
		doctor_wrong(r, "%s cannot be written to", d->run_directory);
		advise_other_directory(r);
	}
	else if (fstatvfs(fd, &fs) == 0 &&
			 (room = (uint64_t) fs.f_bavail * fs.f_frsize) < ROOM_WANTED)
	{
		doctor_wrong(r,
					 "%s has only %llu kB of room, which is too little for "
					 "rings",
					 d->run_directory,
					 (unsigned long long) (room / 1024));
		advise_other_directory(r);
	}
	else
		doctor_good(r, "%s", d->run_directory);
	(void) close(fd);
}
