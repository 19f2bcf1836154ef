/* SPDX-License-Identifier: Apache-2.0
 *
 * server_directories.c
 *	  The run directories of this user's PostgreSQL servers.
 */
#include "status/status_words.h"

#include <dirent.h>

#include "shipper_advice.h"

size_t
cli_server_directories(const char *parent)
{
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(parent);

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		count += cli_is_server_directory(entry->d_name);
	if (dir != NULL)
		(void) closedir(dir);
	return count;
}
