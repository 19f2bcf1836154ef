/* SPDX-License-Identifier: Apache-2.0
 *
 * run_collector.c
 *	  The file in a run directory that says where its operations go.
 *
 * `osprofiler run` writes it, so that another process can deliver what is left
 * to the same collector: the next run, or `osprofiler agent --once`. It may hold
 * a password; the directory is closed to others.
 */
#include "run/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define COLLECTOR_FILE "collector"

/* The texts of the options, one behind the other, each with its NUL. */
static osp_str *
texts_of(osp_shipper_options *options, unsigned i)
{
	osp_str *const texts[] = {
		&options->connection_string, &options->project, &options->service};

	return i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : NULL;
}

void
run_collector_note(const osp_shipper_options *options)
{
	osp_shipper_options copy = *options;
	char path[OSP_RUNDIR_PATH_MAX];
	char bytes[RUN_COLLECTOR_MAX];
	const osp_str *text;
	size_t len = 0;
	unsigned i;
	int fd;

	for (i = 0; (text = texts_of(&copy, i)) != NULL; i++)
	{
		if (len + text->len + 1 > sizeof(bytes))
			return;
		memcpy(bytes + len, text->ptr, text->len);
		len += text->len;
		bytes[len++] = '\0';
	}
	if (snprintf(
			path, sizeof(path), "%s/" COLLECTOR_FILE, options->run_directory) >=
		(int) sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;

	/* Half a file says nothing. */
	if (write(fd, bytes, len) != (ssize_t) len)
		(void) unlink(path);
	(void) close(fd);
}

bool
run_collector_read(int dir_fd, char bytes[RUN_COLLECTOR_MAX],
				   osp_shipper_options *options)
{
	int fd = openat(dir_fd, COLLECTOR_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	osp_shipper_options read_options = *options;
	const char *p = bytes;
	osp_str *text;
	ssize_t left;
	unsigned i;

	if (fd < 0)
		return false;
	left = read(fd, bytes, RUN_COLLECTOR_MAX);
	(void) close(fd);
	for (i = 0; (text = texts_of(&read_options, i)) != NULL; i++)
	{
		const char *end = left > 0 ? memchr(p, '\0', (size_t) left) : NULL;

		if (end == NULL)
			return false;
		*text = osp_str_n(p, (size_t) (end - p));
		left -= end + 1 - p;
		p = end + 1;
	}
	*options = read_options;
	return true;
}
