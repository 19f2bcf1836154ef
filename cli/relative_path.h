/* SPDX-License-Identifier: Apache-2.0
 *
 * relative_path.h
 *	  Connection strings of SQLite whose path is relative to the working directory.
 */
#ifndef OSPROFILER_CLI_RELATIVE_PATH_H
#define OSPROFILER_CLI_RELATIVE_PATH_H

#include "osprofiler/base.h"

#define CLI_CONNECTION_STRING_MAX 16384

/* The relative path of a connection string; NULL: there is none. */
const char *cli_relative_path(const char *connection_string);

/*
 * The same connection string with an absolute path, in out, for whoever uses it in
 * another directory. False, and an empty text: it is not relative, or cannot be made
 * absolute.
 */
bool cli_make_absolute(const char *connection_string,
					   char out[CLI_CONNECTION_STRING_MAX]);

#endif /* OSPROFILER_CLI_RELATIVE_PATH_H */
