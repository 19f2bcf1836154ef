/* SPDX-License-Identifier: Apache-2.0
 *
 * relative_path.h
 *	  Connection strings of SQLite whose path is relative to the working directory.
 */
#ifndef OSPROFILER_CLI_RELATIVE_PATH_H
#define OSPROFILER_CLI_RELATIVE_PATH_H

#include "osprofiler/base.h"

#define CLI_CONNECTION_STRING_MAX 16384

/* Returns the relative path of a connection string; NULL: there is none. */
const char *cli_relative_path(const char *connection_string);

/*
 * Writes the connection string with an absolute path to out, for use in another
 * directory. False, and an empty text: the path is not relative, or cannot be
 * made absolute.
 */
bool cli_make_absolute(const char *connection_string,
					   char out[CLI_CONNECTION_STRING_MAX]);

#endif /* OSPROFILER_CLI_RELATIVE_PATH_H */
