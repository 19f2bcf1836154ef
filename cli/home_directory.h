/* SPDX-License-Identifier: Apache-2.0
 *
 * home_directory.h
 *	  The home directory of the user as whom this process acts.
 */
#ifndef OSPROFILER_CLI_HOME_DIRECTORY_H
#define OSPROFILER_CLI_HOME_DIRECTORY_H

#include <limits.h>

#include "osprofiler/buf.h"

/*
 * Is path below the home directory, and does that directory not exist, as for a
 * user made by useradd without -m? Then home becomes its name.
 */
bool cli_home_is_missing(const char *path, char home[PATH_MAX]) OSP_MUST_CHECK;

/*
 * Appends the command by which root makes the missing home directory, closed to
 * others. False: the user has no name, or the directory is not meant to exist
 * ("/nonexistent").
 */
bool cli_home_add_command(osp_buf *out, const char *home) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_HOME_DIRECTORY_H */
