/* SPDX-License-Identifier: Apache-2.0
 *
 * program_path.h
 *	  Finding a program as a shell finds it.
 */
#ifndef OSPROFILER_CLI_PROGRAM_PATH_H
#define OSPROFILER_CLI_PROGRAM_PATH_H

#include <limits.h>

#include "osprofiler/base.h"

/*
 * Finds the path of a program; a name without a slash is searched for in PATH.
 * False: this user may execute no regular file of this name.
 */
bool cli_program_find(const char *name, char path[PATH_MAX]) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_PROGRAM_PATH_H */
