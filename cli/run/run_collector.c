/* SPDX-License-Identifier: Apache-2.0
 *
 * run_collector.c
 *	  The file in a run directory that names the collector of its points.
 *
 * `osprofiler run` writes it, so that another process can deliver the rest to
 * the same collector: the next run, or `osprofiler agent --once`. A password is
 * never written. That process has to get it from the configuration or the
 * command line.
 */
#include "run/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "osprofiler/driver.h"

#define COLLECTOR_FILE "collector"

/* The fourth text of the file, if the connection string is incomplete. */
#define LOCKED "password removed"

/* The texts of the file in their order; in the file a NUL ends each. */
typedef struct collector_texts
{
	osp_str connection_string;
	osp_str project;
	osp_str service;
	osp_str locked;
} collector_texts;

static osp_str *
text_number(collector_texts *texts, unsigned i)
{
	osp_str *const all[] = {&texts->connection_string,
							&texts->project,
							&texts->service,
							&texts->locked};

	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

/* Writes all texts to bytes, and returns their length; 0: they are too long. */
static size_t
join_texts(collector_texts *texts, char bytes[RUN_COLLECTOR_MAX])
{
	const osp_str *text;
	size_t len = 0;
	unsigned i;

	for (i = 0; (text = text_number(texts, i)) != NULL; i++)
	{
		if (len + text->len + 1 > RUN_COLLECTOR_MAX)
			return 0;
		memcpy(bytes + len, text->ptr, text->len);
		len += text->len;
		bytes[len++] = '\0';
	}
	return len;
}

bool
run_collector_is_locked(const char *connection_string)
{
	char shown[RUN_COLLECTOR_MAX];

	osp_connection_string_redact(
		osp_str_of(connection_string), shown, sizeof(shown));
	return strcmp(shown, connection_string) != 0;
}

void
run_collector_note(const osp_shipper_options *options)
{
	collector_texts texts = {.project = options->project,
							 .service = options->service,
							 .locked = OSP_STR("")};
	char path[OSP_RUNDIR_PATH_MAX];
	char shown[RUN_COLLECTOR_MAX];
	char bytes[RUN_COLLECTOR_MAX];
	size_t len;
	int fd;

	osp_connection_string_redact(
		options->connection_string, shown, sizeof(shown));
	texts.connection_string = osp_str_of(shown);
	if (!osp_str_eq(texts.connection_string, options->connection_string))
		texts.locked = OSP_STR(LOCKED);
	len = join_texts(&texts, bytes);
	if (len == 0 || snprintf(path,
							 sizeof(path),
							 "%s/" COLLECTOR_FILE,
							 options->run_directory) >= (int) sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;

	/* A file with a part of the texts is worse than none. */
	if (write(fd, bytes, len) != (ssize_t) len)
		(void) unlink(path);
	(void) close(fd);
}

/* Reads the texts of the file, borrowed from bytes. */
static bool
read_texts(int dir_fd, char bytes[RUN_COLLECTOR_MAX], collector_texts *texts)
{
	int fd = openat(dir_fd, COLLECTOR_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const char *p = bytes;
	osp_str *text;
	ssize_t left;
	unsigned i;

	if (fd < 0)
		return false;
	left = read(fd, bytes, RUN_COLLECTOR_MAX);
	(void) close(fd);
	for (i = 0; (text = text_number(texts, i)) != NULL; i++)
	{
		const char *end = left > 0 ? memchr(p, '\0', (size_t) left) : NULL;

		if (end == NULL)
			return false;
		*text = osp_str_n(p, (size_t) (end - p));
		left -= end + 1 - p;
		p = end + 1;
	}
	return true;
}

run_collector
run_collector_read(int dir_fd, osp_str configured,
				   char bytes[RUN_COLLECTOR_MAX], osp_shipper_options *options)
{
	char shown[RUN_COLLECTOR_MAX];
	collector_texts texts;

	if (!read_texts(dir_fd, bytes, &texts))
		return RUN_COLLECTOR_NONE;
	options->connection_string = texts.connection_string;
	options->project = texts.project;
	options->service = texts.service;
	if (texts.locked.len == 0)
		return RUN_COLLECTOR_KNOWN;
	osp_connection_string_redact(configured, shown, sizeof(shown));
	if (!osp_str_eq(osp_str_of(shown), texts.connection_string))
		return RUN_COLLECTOR_LOCKED;
	options->connection_string = configured;
	return RUN_COLLECTOR_KNOWN;
}
