/* SPDX-License-Identifier: Apache-2.0
 *
 * note_file.c
 *	  Small files in the run directory, which one command leaves for a later
 *	  one.
 *
 * The directory lasts as long as the user's session, or until the host is
 * restarted. So nothing may depend on a note, and nobody has to remove one. The
 * lock keeps commands that end at the same time from losing each other's notes.
 */
#include "noted/note_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "record/rundir.h"

#define READ_CHUNK 4096

int
cli_note_open(const osp_config *config, const char *name, bool change)
{
	char path[OSP_RUNDIR_PATH_MAX];
	int flags = change ? O_RDWR | O_CREAT : O_RDONLY;
	int dir;
	int fd;

	if (osp_rundir_path(osp_str_of(config->run_directory), path, NULL) !=
			OSP_OK ||
		osp_rundir_open(path, change, &dir, NULL) != OSP_OK)
		return -1;
	fd = openat(dir,
				name,
				flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
				0600);
	(void) close(dir);
	if (fd >= 0 && flock(fd, change ? LOCK_EX : LOCK_SH) != 0)
	{
		(void) close(fd);
		return -1;
	}
	return fd;
}

bool
cli_note_read(int fd, osp_buf *text)
{
	off_t at = 0;

	for (;;)
	{
		ssize_t n;

		if (!osp_buf_reserve(text, READ_CHUNK))
			return false;
		n = pread(fd, text->ptr + text->len, READ_CHUNK, at);
		if (n == 0)
			return true;
		if (n > 0)
		{
			text->len += (size_t) n;
			at += n;
		}
		else if (errno != EINTR)
			return false;
	}
}

void
cli_note_replace(int fd, osp_str text)
{
	if (ftruncate(fd, 0) == 0 &&
		pwrite(fd, text.ptr, text.len, 0) != (ssize_t) text.len)
		(void) !ftruncate(fd, 0);
}
