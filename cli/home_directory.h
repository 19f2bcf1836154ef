/* SPDX-License-Identifier: Apache-2.0
 *
 * home_directory.h
 *	  The home directory of the user as whom this process acts.
 */
#ifndef OSPROFILER_CLI_HOME_DIRECTORY_H
#define OSPROFILER_CLI_HOME_DIRECTORY_H

#include <limits.h>

#include "osprofiler/buf.h"

/* Is path below the home directory, and is that directory not there, as of a user made by
 * useradd without -m? Then home is its name. */
bool cli_home_is_missing(const char *path, char home[PATH_MAX]) OSP_MUST_CHECK;

/* Appends the command by which root makes it, closed to others. False: it is not to be
 * made, for its name says that there is none ("/nonexistent"), or the user has no name. */
bool cli_home_add_command(osp_buf *out, const char *home) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_HOME_DIRECTORY_H */
