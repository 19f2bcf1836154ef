/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_output.c
 *	  The output file for a trace, which must not be the file that the trace is
 *	  read from.
 */
#include "trace/trace_output.h"
#include "cli.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Finds the file of a collector that keeps its traces in one. False: it does not. */
static bool
store_path(const char *connection_string, char path[PATH_MAX])
{
	static const char sqlite[] = "sqlite:///";
	static const char local[] = "file://localhost/";
	static const char file[] = "file://";
	const char *begin = connection_string;
	size_t len;

	/* The path may be followed by options in a sqlite: string. */
	if (strncmp(begin, sqlite, sizeof(sqlite) - 1) == 0)
		begin += sizeof(sqlite) - 1;
	else if (strncmp(begin, local, sizeof(local) - 1) == 0)
		begin += sizeof(local) - 2;
	else if (strncmp(begin, file, sizeof(file) - 1) == 0)
		begin += sizeof(file) - 1;
	else
		return false;
	len = *connection_string == 's' ? strcspn(begin, "?") : strlen(begin);
	if (len >= PATH_MAX)
		return false;
	memcpy(path, begin, len);
	path[len] = '\0';
	return true;
}

static bool
is_store_of(const struct stat *st, const cli_collector *collector)
{
	char path[PATH_MAX];
	struct stat store;

	return collector->conn != NULL &&
		   store_path(collector->config.connection_string, path) &&
		   stat(path, &store) == 0 && is_same_file(st, &store);
}

static bool
is_read_from(const cli_source *source, const struct stat *st)
{
	bool found = (source->has_file && is_same_file(st, &source->file)) ||
				 is_store_of(st, &source->collector);
	size_t i;

	for (i = 0; i < source->others.collector_count && !found; i++)
		found = is_store_of(st, &source->others.collectors[i]);
	return found;
}

int
cli_trace_output_open(const cli_source *source, const char *option,
					  const char *path, cli_out *out)
{
	struct stat st;

	if (path != NULL && strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
		S_ISREG(st.st_mode) && is_read_from(source, &st))
		return cli_usage("%s would replace '%s', which the trace is read from; "
						 "name another file",
						 option,
						 path);
	return cli_out_open(out, path);
}
