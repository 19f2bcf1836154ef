/* SPDX-License-Identifier: Apache-2.0
 *
 * other_users.h
 *	  Other users of this host who trace. Their run directories and their stores are
 *	  closed to us; that they have one is all that can be known.
 */
#ifndef OSPROFILER_CLI_OTHER_USERS_H
#define OSPROFILER_CLI_OTHER_USERS_H

#include <sys/types.h>

#include "osprofiler/buf.h"

#define CLI_OTHER_USERS_MAX 4

/* Finds some of them, root first; how many. */
size_t cli_other_users_find(uid_t users[CLI_OTHER_USERS_MAX]);

/* Appends where a trace of this name may be, if other users trace on this host: the
 * command by which each of them would be shown it. */
void cli_other_users_describe(osp_buf *out, const char *name);

/* Appends that keys are each user's own, and the command by which one of the users who
 * have a file of keys would be used, or one be made. Only root can see those of others;
 * postgres comes first. command is what follows "osprofiler ". */
void cli_other_users_describe_keys(osp_buf *out, const char *command);

/* Calls fn for each file of keys and each store of another user of this host's own list,
 * at its usual place, as far as this user may look. path is borrowed during the call. */
typedef void (*cli_user_file_fn)(void *ctx, const char *path);
void cli_other_users_files(cli_user_file_fn fn, void *ctx);

#endif /* OSPROFILER_CLI_OTHER_USERS_H */
