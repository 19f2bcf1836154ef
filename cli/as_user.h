/* SPDX-License-Identifier: Apache-2.0
 *
 * as_user.h
 *	  Other users of this host: the command by which somebody acts as one, and root's
 *	  acting as one within this process.
 */
#ifndef OSPROFILER_CLI_AS_USER_H
#define OSPROFILER_CLI_AS_USER_H

#include <limits.h>
#include <sys/types.h>

#include "osprofiler/base.h"

#define CLI_USER_NAME_MAX 64

typedef struct cli_user
{
	uid_t uid;
	gid_t gid;
	char name[CLI_USER_NAME_MAX];
	char home[PATH_MAX];
} cli_user;

/* False: there is no such user. */
bool cli_user_named(const char *name, cli_user *out) OSP_MUST_CHECK;
bool cli_user_numbered(uid_t uid, cli_user *out) OSP_MUST_CHECK;

/* --- words of a command line --- */

/* The user who types the commands that this process prints: who called it, also by sudo,
 * su or runuser. */
uid_t cli_typist(void);

/* Is there a program sudo in PATH? */
bool cli_has_sudo(void);

/*
 * What typist types before a command to execute it as user, with a space behind:
 * "sudo -u postgres ", or for root, who did not come by sudo, "runuser -u postgres -- ". Without sudo it begins with
 * "as root: ". Empty: nothing is needed, or the user has no name.
 */
#define CLI_AS_USER_MAX (CLI_USER_NAME_MAX + 32)
void cli_as_user_words(uid_t typist, uid_t user, char out[CLI_AS_USER_MAX]);

/* --- root as another user --- */

/* May this process act as any user? */
bool cli_may_act_as_others(void) OSP_MUST_CHECK;

/* Acts as the user from now on, and stays able to become root again. False: it may
 * not, and nothing has changed. */
bool cli_act_as(const cli_user *user) OSP_MUST_CHECK;

/* Root again, as before cli_act_as. The process ends if that fails. */
void cli_act_as_root(void);

#endif /* OSPROFILER_CLI_AS_USER_H */
