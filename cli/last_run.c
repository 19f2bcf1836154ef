/* SPDX-License-Identifier: Apache-2.0
 *
 * last_run.c
 *	  The files in the run directory that say why a run made no trace, or how much of its
 *	  command's time is not in it.
 *
 * The first one has the collector in its first line, the reason behind that. Its time is
 * compared with that of the newest trace, so nobody has to remove it. The other one has
 * the trace's id in its first line.
 */
#include "last_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/rundir.h"

#define NO_TRACE_FILE "no-trace"
#define OUTSIDE_FILE  "outside-trace"
#define NOTE_MAX      ((size_t) 4 * CLI_LAST_RUN_MAX)

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

/* Writes a file of a first line and a text. */
static void
write_note(const osp_config *config, const char *name, const char *first,
		   const char *rest)
{
	int dir = open_directory(config, true);
	osp_buf text;
	int fd;

	if (dir < 0)
		return;
	osp_buf_init(&text, &osp_allocator_default, NOTE_MAX);
	osp_buf_addf(&text, "%s\n%s", first, rest);
	fd = openat(
		dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	/* A torn file is worse than none. */
	if (fd >= 0 && (osp_buf_status(&text) != OSP_OK ||
					write(fd, text.ptr, text.len) != (ssize_t) text.len))
		(void) unlinkat(dir, name, 0);
	if (fd >= 0)
		(void) close(fd);
	osp_buf_term(&text);
	(void) close(dir);
}

/* The text of a file whose first line is this one, and the time when it was written.
 * False: there is none. */
static bool
read_note(const osp_config *config, const char *name, osp_str first,
		  char rest[CLI_LAST_RUN_MAX], int64_t *written_ns)
{
	char text[NOTE_MAX] = "";
	int dir = open_directory(config, false);
	struct stat st;
	ssize_t len = -1;
	int fd = -1;

	if (dir >= 0)
	{
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		(void) close(dir);
	}
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0)
		len = read(fd, text, sizeof(text) - 1);
	(void) close(fd);
	if (len <= (ssize_t) first.len || memcmp(text, first.ptr, first.len) != 0 ||
		text[first.len] != '\n')
		return false;
	text[len] = '\0';
	*written_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	(void) snprintf(rest, CLI_LAST_RUN_MAX, "%s", text + first.len + 1);
	return true;
}

void
cli_last_run_note(const osp_config *config, const char *collector,
				  const char *why)
{
	write_note(config, NO_TRACE_FILE, collector, why);
}

bool
cli_last_run_is_absent(const osp_config *config, const char *collector,
					   int64_t newest_ns, char why[CLI_LAST_RUN_MAX])
{
	int64_t written_ns;

	return read_note(config,
					 NO_TRACE_FILE,
					 osp_str_of(collector),
					 why,
					 &written_ns) &&
		   written_ns > newest_ns;
}

void
cli_last_run_note_outside(const osp_config *config, const char *base_id,
						  const char *text)
{
	write_note(config, OUTSIDE_FILE, base_id, text);
}

bool
cli_last_run_outside(const osp_config *config, osp_str base_id,
					 char text[CLI_LAST_RUN_MAX])
{
	int64_t written_ns;

	return read_note(config, OUTSIDE_FILE, base_id, text, &written_ns);
}
