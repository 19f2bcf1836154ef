/* SPDX-License-Identifier: Apache-2.0
 *
 * run_orphans.c
 *	  What runs that were killed left behind.
 *
 * A run that is killed with SIGKILL cannot ship the rest, nor remove its
 * directory. So each run writes into its directory where its points go, and each
 * run, when its own work is done, looks for directories beside its own in which
 * no shipper is at work any more, ships them there, and removes what is empty and
 * has no living producer. The file is written when the shipper holds the
 * directory's lock, so a directory that is just being made is never taken for
 * left. It may hold a password; it is in a directory that is closed to others.
 */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COLLECTOR_FILE "collector"
#define COLLECTOR_MAX  16384
#define NAME_PREFIX    "run-"

/* A collector that is away shall not hold up a run that has ended. */
#define DELIVER_MS 1000

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
	char bytes[COLLECTOR_MAX];
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

/* Where the points of that directory go; the texts are borrowed from bytes. */
static bool
read_collector(int dir_fd, char bytes[COLLECTOR_MAX],
			   osp_shipper_options *options)
{
	int fd = openat(dir_fd, COLLECTOR_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const char *p = bytes;
	osp_str *text;
	ssize_t left;
	unsigned i;

	if (fd < 0)
		return false;
	left = read(fd, bytes, COLLECTOR_MAX);
	(void) close(fd);
	for (i = 0; (text = texts_of(options, i)) != NULL; i++)
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

/* Does a program of that run go on? */
static bool
has_producer(DIR *dir)
{
	const struct dirent *entry;
	bool found = false;
	osp_ring ring;

	rewinddir(dir);
	for (entry = readdir(dir); entry != NULL && !found; entry = readdir(dir))
	{
		if (strncmp(entry->d_name, "ring.", 5) != 0 ||
			osp_ring_map(&ring, dirfd(dir), entry->d_name, NULL) != OSP_OK)
			continue;
		found = !osp_ring_orphaned(&ring);
		osp_ring_unmap(&ring);
	}
	return found;
}

/* Ships what lies there; true if nothing is left. */
static bool
ship(const osp_shipper_options *options)
{
	osp_shipper *shipper;
	bool empty;

	/* Not if a shipper is at work: its run lives. */
	if (osp_shipper_open(options, &shipper, NULL) != OSP_OK)
		return false;
	(void) osp_shipper_flush(shipper, DELIVER_MS);
	empty = osp_shipper_is_empty(shipper);
	osp_shipper_close(shipper);
	return empty;
}

static void
deliver(const char *path)
{
	osp_shipper_options options = {.struct_size = sizeof(options),
								   .run_directory = path,
								   .timeout_ms = DELIVER_MS};
	char bytes[COLLECTOR_MAX];
	DIR *dir;
	int fd;

	if (osp_rundir_open(path, false, &fd, NULL) != OSP_OK)
		return;
	dir = fdopendir(fd);
	if (dir == NULL)
	{
		(void) close(fd);
		return;
	}
	if (read_collector(fd, bytes, &options) && ship(&options) &&
		!has_producer(dir))
		run_dir_remove(path);
	(void) closedir(dir);
}

void
run_orphans_deliver(const char *own_directory)
{
	const char *slash = strrchr(own_directory, '/');
	const struct dirent *entry;
	char path[OSP_RUNDIR_PATH_MAX];
	DIR *dir;
	int len;

	if (slash == NULL)
		return;
	len = (int) (slash - own_directory);
	(void) snprintf(path, sizeof(path), "%.*s", len, own_directory);
	dir = opendir(path);
	if (dir == NULL)
		return;
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
	{
		if (strncmp(entry->d_name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) != 0)
			continue;
		if (snprintf(path,
					 sizeof(path),
					 "%.*s/%s",
					 len,
					 own_directory,
					 entry->d_name) < (int) sizeof(path))
			deliver(path);
	}
	(void) closedir(dir);
}
