/* SPDX-License-Identifier: Apache-2.0
 *
 * writable_path.h
 *	  May this user make a file there?
 */
#ifndef OSPROFILER_CLI_WRITABLE_PATH_H
#define OSPROFILER_CLI_WRITABLE_PATH_H

#include <limits.h>

#include "osprofiler/base.h"

/*
 * True if the file of an absolute path can be written to, or can be made
 * together with the directories that are missing.
 */
bool cli_writable_path(const char *path) OSP_MUST_CHECK;

/*
 * Finds the first directory or file of the path, below this user's home
 * directory, that belongs to another user. False: none does.
 */
bool cli_foreign_part(const char *path, char part[PATH_MAX]) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_WRITABLE_PATH_H */
