/* SPDX-License-Identifier: Apache-2.0
 *
 * other_users.c
 *	  Other users of this host who trace.
 *
 * A user without XDG_RUNTIME_DIR, such as root or a service, has a run
 * directory in /dev/shm. All users see that it exists, but only its owner can
 * read it.
 */
#include "other_users.h"
#include "as_user.h"
#include "shell_text.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The search in /etc/passwd ends at a longer line. */
#define PASSWD_LINE_MAX 4096
#define SHARED_MEMORY   "/dev/shm"

static bool
is_among(uid_t user, const uid_t *users, size_t count)
{
	size_t i = 0;

	while (i < count && users[i] != user)
		i++;
	return i < count;
}

size_t
cli_other_users_find(uid_t users[CLI_OTHER_USERS_MAX])
{
	const struct dirent *entry;
	DIR *dir = opendir(SHARED_MEMORY);
	size_t count = 0;
	struct stat st;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
	{
		if (strncmp(entry->d_name, "osprofiler-", 11) != 0 ||
			fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISDIR(st.st_mode) || st.st_uid == geteuid() ||
			is_among(st.st_uid, users, count))
			continue;
		if (count < CLI_OTHER_USERS_MAX)
			users[count++] = st.st_uid;
		if (st.st_uid == 0)
		{
			users[count - 1] = users[0];
			users[0] = 0;
		}
	}
	(void) closedir(dir);
	return count;
}

void
cli_other_users_describe(osp_buf *out, const char *name)
{
	uid_t users[CLI_OTHER_USERS_MAX];
	size_t count = cli_other_users_find(users);
	const char *before =
		"; what another user of this host ran, as by sudo, is in "
		"that user's store: ";
	char as_user[CLI_AS_USER_MAX];
	size_t i;

	for (i = 0; i < count; i++)
	{
		cli_as_user_words(geteuid(), users[i], as_user);
		if (as_user[0] == '\0')
			continue;
		osp_buf_addf(out, "%s%sosprofiler trace show ", before, as_user);
		cli_add_quoted(out, osp_str_of(name));
		before = ", or ";
	}
}

/* Has the user a file of keys in the default place? */
static bool
has_keys(const struct passwd *user)
{
	char path[PATH_MAX];
	struct stat st;

	return snprintf(path,
					sizeof(path),
					"%s/.config/osprofiler/hmac_keys",
					user->pw_dir) < (int) sizeof(path) &&
		   lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

void
cli_other_users_files(cli_user_file_fn fn, void *ctx)
{
	static const char *const names[] = {".config/osprofiler/hmac_keys",
										".local/state/osprofiler/traces.db"};
	FILE *list = fopen("/etc/passwd", "re");
	struct passwd storage;
	struct passwd *user;
	char space[PASSWD_LINE_MAX];
	char path[PATH_MAX];
	struct stat st;
	size_t i;

	if (list == NULL)
		return;
	memset(&storage, 0, sizeof(storage));
	while (fgetpwent_r(list, &storage, space, sizeof(space), &user) == 0)
		for (i = 0;
			 user->pw_uid != geteuid() && i < sizeof(names) / sizeof(names[0]);
			 i++)
			if (snprintf(path, sizeof(path), "%s/%s", user->pw_dir, names[i]) <
					(int) sizeof(path) &&
				lstat(path, &st) == 0 && S_ISREG(st.st_mode))
				fn(ctx, path);
	(void) fclose(list);
}

/*
 * Finds another user of /etc/passwd who has a file of keys, preferably
 * postgres. False: there is none.
 */
static bool
find_user_with_keys(uid_t *found)
{
	FILE *list = fopen("/etc/passwd", "re");
	struct passwd storage;
	struct passwd *user;
	char space[PASSWD_LINE_MAX];
	bool any = false;

	if (list == NULL)
		return false;

	memset(&storage, 0, sizeof(storage));
	while (fgetpwent_r(list, &storage, space, sizeof(space), &user) == 0)
	{
		bool is_server = strcmp(user->pw_name, "postgres") == 0;

		if (user->pw_uid == geteuid() || (any && !is_server) || !has_keys(user))
			continue;
		*found = user->pw_uid;
		any = true;
		if (is_server)
			break;
	}
	(void) fclose(list);
	return any;
}

void
cli_other_users_describe_keys(osp_buf *out, const char *command)
{
	char as_user[CLI_AS_USER_MAX] = "";
	cli_user user;
	uid_t uid;

	osp_buf_add_str(out, OSP_STR("; keys are each user's own"));
	if (find_user_with_keys(&uid) && cli_user_numbered(uid, &user))
		cli_as_user_words(geteuid(), uid, as_user);
	if (as_user[0] != '\0')
		osp_buf_addf(out,
					 ", and %s has one: %sosprofiler %s",
					 user.name,
					 as_user,
					 command);
	else
		osp_buf_add_str(
			out, OSP_STR(": 'osprofiler doctor --fix' makes one of yours"));
}
