/* SPDX-License-Identifier: Apache-2.0
 *
 * server_rights.c
 *	  Proposes the owner and mode of files and directories that the server's
 *	  user must be able to use.
 */
#include "doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* The directory of the server's default store, below its data directory. */
#define STORE_DIRECTORY "/osprofiler"

/* Begins the name of a server's own directory in the run directory. */
#define SERVER_PREFIX "/pg-"

/* Finds the text between two others in a message; empty: it is not there. */
static osp_str
text_between(const char *message, const char *before, const char *behind)
{
	const char *begin = strstr(message, before);
	const char *end;

	if (begin == NULL)
		return OSP_STR("");
	begin += strlen(before);
	end = strstr(begin, behind);
	return osp_str_n(begin, end != NULL ? (size_t) (end - begin) : 0);
}

/* Copies the path that a message names. False: it names none. */
static bool
find_path(const char *message, const char *before, const char *behind,
		  char path[PATH_MAX])
{
	osp_str text = text_between(message, before, behind);

	if (text.len == 0 || text.len >= PATH_MAX)
		return false;
	(void) snprintf(path, PATH_MAX, "%.*s", (int) text.len, text.ptr);
	return true;
}

/* Finds the user that the server runs as. False: not known; owner is then "postgres",
 * as on Debian. */
static bool
find_user(const doctor *d, uid_t *uid, char owner[CLI_USER_NAME_MAX])
{
	if (cli_server_owner(d->server, uid, owner, CLI_USER_NAME_MAX))
		return true;
	(void) snprintf(owner, CLI_USER_NAME_MAX, "postgres");
	return false;
}

/* Does the file belong to the user, as far as this process can see? */
static bool
belongs_to(const char *path, uid_t uid)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_uid == uid;
}

/*
 * Proposes command lines that make the server's user the owner of path again,
 * and set its mode. Unless path is a file, everything below the directory gets
 * this owner, too. If mode is empty, the mode is not changed.
 */
static void
mend_owner(const doctor *d, doctor_result *r, const char *path,
		   const char *mode)
{
	char owner[CLI_USER_NAME_MAX];
	uid_t uid;

	(void) find_user(d, &uid, owner);
	r->is_left = true;
	doctor_advise(r,
				  "the file has to belong to the server's user, %s, be closed "
				  "to others, and lie in a directory that this user may enter; "
				  "as root:",
				  owner);
	doctor_mend_as_root(r);
	doctor_mend(r, "chown %s%s: ", mode[0] == '6' ? "" : "-hR ", owner);
	doctor_mend_word(r, path);
	if (mode[0] == '\0')
		return;
	doctor_mend(r, " && ");
	doctor_mend_as_root(r);
	doctor_mend(r, "chmod %s ", mode);
	doctor_mend_word(r, path);
}

/*
 * Proposes a chmod that keeps other users out. If the path does not belong to
 * the server's user, or this cannot be seen, proposes a new owner, too.
 */
static void
mend_mode(const doctor *d, doctor_result *r, const char *path, const char *mode)
{
	char owner[CLI_USER_NAME_MAX];
	uid_t uid;

	if (!find_user(d, &uid, owner) || !belongs_to(path, uid))
	{
		mend_owner(d, r, path, mode);
		return;
	}
	doctor_mend_as_root_or(d, r, uid);
	doctor_mend(r, "chmod %s ", mode);
	doctor_mend_word(r, path);
}

/* Appends a command that makes the server reload its settings, to be executed as the
 * server's user. */
static void
mend_reload(const doctor *d, doctor_result *r)
{
	char owner[CLI_USER_NAME_MAX];
	char words[CLI_AS_USER_MAX] = "";
	uid_t uid = 0;
	bool is_known = find_user(d, &uid, owner);

	doctor_mend(r, " && ");
	if (is_known && r->is_left)
		cli_as_user_words(cli_has_sudo() ? cli_typist() : 0, uid, words);
	else if (is_known)
		doctor_mend_as(d, r, uid);
	doctor_mend(r, "%s", words);
	cli_server_add_psql(d->server, &r->mend);
	doctor_mend(r, " -c 'SELECT pg_catalog.pg_reload_conf()'");
}

/*
 * Proposes that the server's user may use its database again. A database that
 * does not exist is only made below the data directory.
 */
static bool
mend_database(const doctor *d, doctor_result *r, const char *error)
{
	char path[PATH_MAX];
	bool is_there =
		find_path(error, "cannot open ", ": Permission denied", path);
	char *store;

	if (!is_there &&
		!find_path(error, "cannot make ", ": Permission denied", path))
		return false;
	store = strstr(path, STORE_DIRECTORY "/pgsql_tmp/");
	if (store == NULL && !is_there)
		return false;
	if (store != NULL)
		store[strlen(STORE_DIRECTORY)] = '\0';
	mend_owner(d, r, path, "");
	return true;
}

bool
doctor_mend_server_file(const doctor *d, doctor_result *r, const char *error)
{
	bool has_mode = strstr(error, " has mode ") != NULL;
	char path[PATH_MAX];

	if (!cli_server_is_local(d->server))
		return false;
	if (mend_database(d, r, error))
		return true;
	if (!find_path(error, "file \"", "\"", path) ||
		(!has_mode && strstr(error, "Permission denied") == NULL))
		return false;
	if (has_mode)
		mend_mode(d, r, path, "600");
	else
		mend_owner(d, r, path, "600");
	mend_reload(d, r);
	return true;
}

/* Does the file system say that there is no such path? */
static bool
is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) != 0 && errno == ENOENT;
}

/* Proposes a command that makes the missing directory for the server's user, or to
 * reset the setting to the default directory. */
static void
mend_missing(const doctor *d, doctor_result *r, const char *path)
{
	char owner[CLI_USER_NAME_MAX];
	uid_t uid;

	(void) find_user(d, &uid, owner);
	r->is_left = true;
	doctor_advise(r,
				  "make the directory that osprofiler.run_directory names, or "
				  "use the default (ALTER SYSTEM RESET "
				  "osprofiler.run_directory, and a reload); as root:");
	doctor_mend_as_root(r);
	doctor_mend(r, "install -d -o %s -m 700 ", owner);
	doctor_mend_word(r, path);
}

/* Proposes to use the default directory where the one that is set cannot be made. */
static void
mend_by_default(const doctor *d, doctor_result *r)
{
	r->is_left = true;
	doctor_advise(r,
				  "name another directory in osprofiler.run_directory, or use "
				  "the default, as a superuser:");
	doctor_mend_sql(d,
					r,
					"ALTER SYSTEM RESET osprofiler.run_directory",
					"SELECT pg_catalog.pg_reload_conf()",
					DOCTOR_END);
}

/* The file system that the default run directory is in. */
#define SHARED_MEMORY "/dev/shm"

/* Proposes a command that shows what fills the file system of the run directory. */
static void
mend_full(doctor_result *r, char *path)
{
	char *own = strstr(path, SERVER_PREFIX);

	if (own != NULL)
		*own = '\0';
	if (strncmp(path, SHARED_MEMORY "/", sizeof(SHARED_MEMORY)) == 0)
		path[strlen(SHARED_MEMORY)] = '\0';
	r->is_left = true;
	doctor_advise(r,
				  "make room there, or name a directory on another file system "
				  "in osprofiler.run_directory; if there is room, raise "
				  "osprofiler.ring_total. What takes the room; as root:");
	doctor_mend_as_root(r);
	doctor_mend(r, "du -xah ");
	doctor_mend_word(r, path);
	doctor_mend(r, " | sort -rh | head");
}

/* Reads the path from the message that the run directory has no room for another ring.
 * False: error is another message. */
static bool
is_without_room(const char *error, char path[PATH_MAX])
{
	return find_path(
		error, "there is no room for another ring in ", ": ", path);
}

bool
doctor_mend_server_run_directory(const doctor *d, doctor_result *r,
								 const char *error)
{
	static const char opening[] = "cannot open run directory ";
	bool is_open = strstr(error, "others have access") != NULL;
	bool is_unmade = strstr(error, ", which cannot be made: ") != NULL;
	char path[PATH_MAX];
	char *own;

	if (!cli_server_is_local(d->server))
		return false;
	if (is_without_room(error, path))
	{
		mend_full(r, path);
		return true;
	}
	if (!find_path(error,
				   opening,
				   is_unmade ? ", which cannot be made: "
							 : ": Permission denied",
				   path) &&
		!find_path(error, "run directory ", " is not used: ", path))
		return false;
	if (is_open)
	{
		mend_mode(d, r, path, "700");
		return true;
	}
	own = strstr(path, SERVER_PREFIX);
	if (own != NULL)
		*own = '\0';
	if (is_unmade && strstr(error, "Permission denied") == NULL)
		mend_by_default(d, r);
	else if (is_missing(path))
		mend_missing(d, r, path);
	else
		mend_owner(d, r, path, "700");
	return true;
}
