/* SPDX-License-Identifier: Apache-2.0
 *
 * left_servers.c
 *	  The points that PostgreSQL servers of this user left in their run directories; for
 *	  root also those of other users.
 *
 * This file only reads: the servers themselves deliver the points, to their own
 * collectors. Root reads the directories of another user as that user, who could
 * replace what is in them.
 */
#include "status/left_servers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "as_user.h"
#include "control_text.h"
#include "shipper_advice.h"
#include "status/status_words.h"

#define SHARED_MEMORY  "/dev/shm"
#define USER_DIRECTORY "osprofiler-" /* the user's number follows */

/* Reads a run directory. False: no points wait in it, or a shipper is at work there. */
static bool
read_server(left_server *server)
{
	bool waits;
	int fd;

	if (!cli_is_server_directory(server->path) ||
		osp_rundir_open(server->path, false, &fd, NULL) != OSP_OK)
		return false;

	/* Without this check reading the totals would make the status file. */
	waits = faccessat(fd, "status", R_OK, 0) == 0 &&
			osp_run_totals_read(fd, &server->totals, NULL) == OSP_OK &&
			!server->totals.shipper_alive &&
			(server->totals.waiting_bytes > 0 ||
			 server->totals.stat.spool_points > 0);
	(void) close(fd);
	return waits;
}

static bool
keep_server(left_servers *found, const left_server *server)
{
	left_server *servers =
		realloc(found->servers, (found->count + 1) * sizeof(*found->servers));

	if (servers == NULL)
		return false;
	found->servers = servers;
	found->servers[found->count] = *server;
	found->servers[found->count++].owner = geteuid();
	return true;
}

void
left_servers_find(left_servers *found, const char *parent)
{
	const struct dirent *entry;
	left_server *server;
	DIR *dir = opendir(parent);

	server = dir != NULL ? malloc(sizeof(*server)) : NULL;
	while (server != NULL && (entry = readdir(dir)) != NULL)
	{
		int len = snprintf(
			server->path, sizeof(server->path), "%s/%s", parent, entry->d_name);

		if (len > 0 && len < (int) sizeof(server->path) &&
			read_server(server) && !keep_server(found, server))
			break;
	}
	free(server);
	if (dir != NULL)
		(void) closedir(dir);
}

/*
 * Whose run directory is it, by its name and its owner? False: nobody's, or that of this
 * user.
 */
static bool
find_owner(int parent_fd, const char *name, cli_user *owner)
{
	char expected[64];
	struct stat st;

	if (strncmp(name, USER_DIRECTORY, strlen(USER_DIRECTORY)) != 0 ||
		fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		!S_ISDIR(st.st_mode) || st.st_uid == geteuid())
		return false;
	(void) snprintf(expected,
					sizeof(expected),
					USER_DIRECTORY "%lu",
					(unsigned long) st.st_uid);
	return strcmp(name, expected) == 0 && cli_user_numbered(st.st_uid, owner);
}

size_t
left_servers_find_of_others(left_servers *found)
{
	bool is_root = geteuid() == 0 && cli_may_act_as_others();
	DIR *dir = is_root ? opendir(SHARED_MEMORY) : NULL;
	const struct dirent *entry;
	size_t count = 0;
	cli_user owner;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		char parent[sizeof(SHARED_MEMORY) + sizeof(entry->d_name)];

		if (!find_owner(dirfd(dir), entry->d_name, &owner) ||
			!cli_act_as(&owner))
			continue;
		(void) snprintf(
			parent, sizeof(parent), SHARED_MEMORY "/%s", entry->d_name);
		left_servers_find(found, parent);
		count += cli_server_directories(parent);
		cli_act_as_root();
	}
	if (dir != NULL)
		(void) closedir(dir);
	return count;
}

void
left_servers_term(left_servers *found)
{
	free(found->servers);
	memset(found, 0, sizeof(*found));
}

/* Appends what delivers the points, which the server's files tell. */
static void
add_advice(osp_buf *out, const left_server *server)
{
	cli_user user;
	bool acts = server->owner != geteuid();

	if (acts &&
		(!cli_user_numbered(server->owner, &user) || !cli_act_as(&user)))
		return;
	cli_add_shipper_advice(out, server->path);
	if (acts)
		cli_act_as_root();
}

void
left_server_add_words(osp_buf *out, const left_server *server)
{
	const osp_run_totals *totals = &server->totals;
	uint64_t points = totals->stat.spool_points;

	if (points > 0)
		osp_buf_addf(out,
					 "%llu point%s in the spool",
					 (unsigned long long) points,
					 points == 1 ? " waits" : "s wait");
	if (totals->waiting_bytes > 0)
		osp_buf_addf(out,
					 "%s%llu bytes%s in rings",
					 points > 0 ? ", and " : "",
					 (unsigned long long) totals->waiting_bytes,
					 points > 0 ? "" : " wait");
	osp_buf_add_str(out, OSP_STR(" of a PostgreSQL server, "));
	cli_add_visible(out, osp_str_of(server->path));
	osp_buf_add_str(out, OSP_STR(", and no shipper is at work ("));
	add_advice(out, server);
	osp_buf_add_char(out, ')');
	if (totals->stat.last_error_wall_ns != 0)
	{
		osp_buf_add_str(out, OSP_STR("; last error: "));
		cli_add_visible(out, osp_str_of(totals->stat.last_error));
	}
}
