/* SPDX-License-Identifier: Apache-2.0
 *
 * other_users.h
 *	  Other users of this host who trace. We cannot read their run directories
 *	  and stores; all that can be known is that they exist.
 */
#ifndef OSPROFILER_CLI_OTHER_USERS_H
#define OSPROFILER_CLI_OTHER_USERS_H

#include <sys/types.h>

#include "osprofiler/buf.h"

#define CLI_OTHER_USERS_MAX 4

/* Finds some other users who trace, root first. Returns how many. */
size_t cli_other_users_find(uid_t users[CLI_OTHER_USERS_MAX]);

/*
 * If other users trace on this host, appends the commands by which each of them
 * would be shown the trace of this name.
 */
void cli_other_users_describe(osp_buf *out, const char *name);

/*
 * Appends that each user has keys of their own, and how to get one: the command
 * of a user who has a file of keys, else how to make one. Only root can see
 * other users' files; postgres comes first. command is what follows "osprofiler
 * ".
 */
void cli_other_users_describe_keys(osp_buf *out, const char *command);

/*
 * Calls fn for each file of keys and each store in the default place of another
 * user of /etc/passwd, as far as this user can see them. path is borrowed
 * during the call.
 */
typedef void (*cli_user_file_fn)(void *ctx, const char *path);
void cli_other_users_files(cli_user_file_fn fn, void *ctx);

#endif /* OSPROFILER_CLI_OTHER_USERS_H */
