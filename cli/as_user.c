/* SPDX-License-Identifier: Apache-2.0
 *
 * as_user.c
 *	  Other users of this host.
 *
 * While root acts as another user the saved user id stays root's. Programs that
 * it executes meanwhile do not inherit that.
 */
#include "as_user.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program_path.h"

#define PASSWD_MAX 4096

static bool
copy_user(const struct passwd *entry, cli_user *out)
{
	out->uid = entry->pw_uid;
	out->gid = entry->pw_gid;
	return snprintf(out->name, sizeof(out->name), "%s", entry->pw_name) <
			   (int) sizeof(out->name) &&
		   snprintf(out->home, sizeof(out->home), "%s", entry->pw_dir) <
			   (int) sizeof(out->home);
}

bool
cli_user_named(const char *name, cli_user *out)
{
	char space[PASSWD_MAX];
	struct passwd entry;
	struct passwd *found = NULL;

	return getpwnam_r(name, &entry, space, sizeof(space), &found) == 0 &&
		   found != NULL && copy_user(found, out);
}

bool
cli_user_numbered(uid_t uid, cli_user *out)
{
	char space[PASSWD_MAX];
	struct passwd entry;
	struct passwd *found = NULL;

	return getpwuid_r(uid, &entry, space, sizeof(space), &found) == 0 &&
		   found != NULL && copy_user(found, out);
}

/*
 * Finds the real user of the parent process. su and runuser wait for the
 * program that they execute, and their real user is the one who called them.
 * False: the parent has ended, or /proc does not show it.
 */
static bool
find_parent_user(uid_t *uid)
{
	pid_t parent = getppid();
	char line[128];
	unsigned long value;
	bool found = false;
	FILE *file;

	/* A program whose parent has ended is a child of init. */
	if (parent <= 1)
		return false;
	(void) snprintf(line, sizeof(line), "/proc/%ld/status", (long) parent);
	file = fopen(line, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "Uid:", 4) == 0)
		{
			value = strtoul(line + 4, NULL, 10);
			*uid = (uid_t) value;
			found = true;
		}
	(void) fclose(file);
	return found;
}

uid_t
cli_typist(void)
{
	const char *caller = getenv("SUDO_UID");
	uid_t uid;

	if (caller != NULL && caller[0] != '\0')
		return (uid_t) strtoul(caller, NULL, 10);
	return find_parent_user(&uid) ? uid : geteuid();
}

bool
cli_has_sudo(void)
{
	char path[PATH_MAX];

	return cli_program_find("sudo", path);
}

/* Did root call this command by sudo, and can a proposed command use sudo again? */
static bool
root_types_sudo(void)
{
	const char *caller = getenv("SUDO_UID");

	return caller != NULL && strcmp(caller, "0") == 0 && cli_has_sudo();
}

void
cli_as_user_words(uid_t typist, uid_t user, char out[CLI_AS_USER_MAX])
{
	cli_user found;

	out[0] = '\0';
	if (typist == user || !cli_user_numbered(user, &found))
		return;
	if (typist == 0 && !root_types_sudo())
		(void) snprintf(out, CLI_AS_USER_MAX, "runuser -u %s -- ", found.name);
	else if (typist == 0 || cli_has_sudo())
		(void) snprintf(out,
						CLI_AS_USER_MAX,
						user == 0 ? "sudo " : "sudo -u %s ",
						found.name);
	else
		(void) snprintf(out,
						CLI_AS_USER_MAX,
						user == 0 ? "as root: " : "as root: runuser -u %s -- ",
						found.name);
}

bool
cli_may_act_as_others(void)
{
	uid_t real;
	uid_t effective;
	uid_t saved;

	return getresuid(&real, &effective, &saved) == 0 && saved == 0;
}

void
cli_act_as_root(void)
{
	if (setresuid(0, 0, 0) != 0 || setresgid(0, 0, 0) != 0 ||
		setgroups(0, NULL) != 0)
		abort();
}

bool
cli_act_as(const cli_user *user)
{
	if (!cli_may_act_as_others())
		return false;
	cli_act_as_root();
	if (initgroups(user->name, user->gid) == 0 &&
		setresgid(user->gid, user->gid, 0) == 0 &&
		setresuid(user->uid, user->uid, 0) == 0)
		return true;
	cli_act_as_root();
	return false;
}
