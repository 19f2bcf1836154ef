/* SPDX-License-Identifier: Apache-2.0
 *
 * program_path.h
 *	  Finding a program as a shell finds it.
 */
#ifndef OSPROFILER_CLI_PROGRAM_PATH_H
#define OSPROFILER_CLI_PROGRAM_PATH_H

#include <limits.h>

#include "osprofiler/base.h"

/* The path of a program: of a name without a slash in the directories of PATH. False:
 * there is no regular file of this name that this user may execute. */
bool cli_program_find(const char *name, char path[PATH_MAX]) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_PROGRAM_PATH_H */
