/* SPDX-License-Identifier: Apache-2.0
 *
 * last_run.c
 *	  The file in the run directory that says why a run made no trace.
 *
 * It has the collector in its first line, the reason behind that. Its time is compared
 * with that of the newest trace, so nobody has to remove it.
 */
#include "last_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/rundir.h"

#define FILE_NAME "no-trace"

/* The run directory of this user's programs; -1: there is none. */
static int
open_directory(const osp_config *config, bool make)
{
	char path[OSP_RUNDIR_PATH_MAX];
	int fd;

	if (osp_rundir_path(osp_str_of(config->run_directory), path, NULL) !=
			OSP_OK ||
		osp_rundir_open(path, make, &fd, NULL) != OSP_OK)
		return -1;
	return fd;
}

void
cli_last_run_note(const osp_config *config, const char *collector,
				  const char *why)
{
	int dir = open_directory(config, true);
	osp_buf text;
	int fd;

	if (dir < 0)
		return;
	osp_buf_init(&text, &osp_allocator_default, (size_t) 4 * CLI_LAST_RUN_MAX);
	osp_buf_addf(&text, "%s\n%s", collector, why);
	fd = openat(dir,
				FILE_NAME,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
				0600);

	/* A torn file is worse than none. */
	if (fd >= 0 && (osp_buf_status(&text) != OSP_OK ||
					write(fd, text.ptr, text.len) != (ssize_t) text.len))
		(void) unlinkat(dir, FILE_NAME, 0);
	if (fd >= 0)
		(void) close(fd);
	osp_buf_term(&text);
	(void) close(dir);
}

/* The text of the file, with a NUL, and the time when it was written. */
static bool
read_note(int fd, char text[4 * CLI_LAST_RUN_MAX], int64_t *written_ns)
{
	struct stat st;
	ssize_t len = read(fd, text, (size_t) 4 * CLI_LAST_RUN_MAX - 1);

	if (len < 0 || fstat(fd, &st) != 0)
		return false;
	text[len] = '\0';
	*written_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	return true;
}

bool
cli_last_run_is_absent(const osp_config *config, const char *collector,
					   int64_t newest_ns, char why[CLI_LAST_RUN_MAX])
{
	char text[4 * CLI_LAST_RUN_MAX];
	size_t len = strlen(collector);
	int dir = open_directory(config, false);
	int64_t written_ns = 0;
	bool known = false;
	int fd = -1;

	if (dir >= 0)
	{
		fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		(void) close(dir);
	}
	if (fd >= 0)
	{
		known = read_note(fd, text, &written_ns);
		(void) close(fd);
	}
	if (!known || written_ns <= newest_ns ||
		strncmp(text, collector, len) != 0 || text[len] != '\n')
		return false;
	(void) snprintf(why, CLI_LAST_RUN_MAX, "%s", text + len + 1);
	return true;
}
