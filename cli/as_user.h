/* SPDX-License-Identifier: Apache-2.0
 *
 * as_user.h
 *	  Other users of this host: the command by which somebody acts as another
 *	  user, and how root acts as one within this process.
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

/* Finds a user by name or by number. False: there is no such user. */
bool cli_user_named(const char *name, cli_user *out) OSP_MUST_CHECK;
bool cli_user_numbered(uid_t uid, cli_user *out) OSP_MUST_CHECK;

/* --- words of a command line --- */

/*
 * The user who will type the commands that this process prints: the user who
 * called it, be it by sudo, su or runuser.
 */
uid_t cli_typist(void);

/* Is there a program sudo in PATH? */
bool cli_has_sudo(void);

/*
 * Writes what typist has to type before a command to execute it as user, with a
 * space at the end: "sudo -u postgres ", or "runuser -u postgres -- " for root
 * who did not come by sudo. Where sudo is missing the text begins with "as
 * root: ". It is empty if nothing is needed, or if the user has no name.
 */
#define CLI_AS_USER_MAX (CLI_USER_NAME_MAX + 32)
void cli_as_user_words(uid_t typist, uid_t user, char out[CLI_AS_USER_MAX]);

/* --- root as another user --- */

/* May this process act as any user? */
bool cli_may_act_as_others(void) OSP_MUST_CHECK;

/*
 * Acts as the user from now on; the process can become root again. False: the
 * process must not do this, and nothing has changed.
 */
bool cli_act_as(const cli_user *user) OSP_MUST_CHECK;

/* Becomes root again after cli_act_as. The process ends if that fails. */
void cli_act_as_root(void);

#endif /* OSPROFILER_CLI_AS_USER_H */
