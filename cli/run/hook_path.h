/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_path.h
 *	  Where the libraries are that `osprofiler run` puts into a command.
 */
#ifndef OSPROFILER_CLI_HOOK_PATH_H
#define OSPROFILER_CLI_HOOK_PATH_H

#include <limits.h>

#include "osprofiler/base.h"

#define RUN_SHADOW_DIR  "shadow"
#define RUN_SHADOW_FILE RUN_SHADOW_DIR "/libpq.so.5"
#define RUN_SQLITE_FILE "sqlite_preload.so"

/*
 * Finds a file in the directories of OSPROFILER_HOOK_PATH, or else the
 * installed one; false: it is in none of them.
 */
bool run_hook_find(const char *file, char out[PATH_MAX]) OSP_MUST_CHECK;

/*
 * Does the path contain a character that the dynamic loader takes for the end
 * of a path?
 */
bool run_hook_has_space(const char *path);

#endif /* OSPROFILER_CLI_HOOK_PATH_H */
