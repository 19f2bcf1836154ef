/* SPDX-License-Identifier: Apache-2.0
 *
 * former_runs.c
 *	  The points that ended runs of this user left undelivered in their run
 *	  directories.
 *
 * This file only reads. run_orphans.c delivers the points that are found here.
 */
#include "run/former_runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control_text.h"
#include "osprofiler/driver.h"
#include "shell_text.h"

/* Writes the collector of the settings, with an absolute path, without its password. */
static void
write_settings(former_run *run, osp_str configured)
{
	char absolute[CLI_CONNECTION_STRING_MAX];

	osp_connection_string_redact(
		configured, run->settings, sizeof(run->settings));
	if (cli_make_absolute(run->settings, absolute))
		memcpy(run->settings, absolute, sizeof(run->settings));
}

/* Reads which collector the run directory names, and whether its password is known. */
static void
read_collector(former_run *run, int dir_fd, osp_str configured)
{
	osp_shipper_options options = {.run_directory = run->path};
	char bytes[RUN_COLLECTOR_MAX];

	run->named[0] = '\0';
	run->collector = run_collector_read(dir_fd, configured, bytes, &options);
	if (run->collector != RUN_COLLECTOR_NONE)
		osp_connection_string_redact(
			options.connection_string, run->named, sizeof(run->named));
	write_settings(run, configured);
	run->is_elsewhere = run->collector != RUN_COLLECTOR_NONE &&
						configured.len > 0 &&
						strcmp(run->named, run->settings) != 0;
	if (run_collector_is_locked(configured.ptr))
		(void) snprintf(run->settings, sizeof(run->settings), "URI");
}

bool
former_run_read(former_run *run, osp_str configured)
{
	bool waits;
	int fd;

	if (!osp_rundir_run_ended(run->path) ||
		osp_rundir_open(run->path, false, &fd, NULL) != OSP_OK)
		return false;

	/* Without this check reading the totals would make the status file. */
	waits =
		faccessat(fd, "status", R_OK, 0) == 0 &&
		osp_run_totals_read(fd, &run->totals, NULL) == OSP_OK &&
		!run->totals.shipper_alive &&
		(run->totals.waiting_bytes > 0 || run->totals.stat.spool_points > 0);
	if (waits)
		read_collector(run, fd, configured);
	(void) close(fd);
	return waits;
}

static bool
keep_run(former_runs *found, const former_run *run)
{
	former_run *runs =
		realloc(found->runs, (found->count + 1) * sizeof(*found->runs));

	if (runs == NULL)
		return false;
	found->runs = runs;
	found->runs[found->count++] = *run;
	return true;
}

void
former_runs_find(former_runs *found, const char *parent, osp_str configured)
{
	const struct dirent *entry;
	former_run *run;
	DIR *dir;

	memset(found, 0, sizeof(*found));
	dir = opendir(parent);
	run = dir != NULL ? malloc(sizeof(*run)) : NULL;
	while (run != NULL && (entry = readdir(dir)) != NULL)
	{
		int len = snprintf(
			run->path, sizeof(run->path), "%s/%s", parent, entry->d_name);

		if (len > 0 && len < (int) sizeof(run->path) &&
			former_run_read(run, configured) && !keep_run(found, run))
			break;
	}
	free(run);
	if (dir != NULL)
		(void) closedir(dir);
}

size_t
runs_at_work_find(const char *parent, char first[OSP_RUNDIR_PATH_MAX])
{
	const struct dirent *entry;
	char path[OSP_RUNDIR_PATH_MAX];
	size_t count = 0;
	DIR *dir = opendir(parent);

	first[0] = '\0';
	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		int len = snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);

		if (len > 0 && len < (int) sizeof(path) && osp_rundir_run_works(path) &&
			count++ == 0)
			memcpy(first, path, (size_t) len + 1);
	}
	if (dir != NULL)
		(void) closedir(dir);
	return count;
}

void
former_runs_term(former_runs *found)
{
	free(found->runs);
	memset(found, 0, sizeof(*found));
}

void
former_run_add_words(osp_buf *out, const former_run *run)
{
	const osp_runstat *stat = &run->totals.stat;
	uint64_t points = stat->spool_points;
	uint64_t bytes = run->totals.waiting_bytes;

	if (points > 0)
		osp_buf_addf(out,
					 "%llu point%s",
					 (unsigned long long) points,
					 points == 1 ? "" : "s");
	if (bytes > 0)
		osp_buf_addf(out,
					 "%s%llu bytes in rings",
					 points > 0 ? " and " : "",
					 (unsigned long long) bytes);
	osp_buf_add_str(
		out,
		osp_str_of(points == 1 && bytes == 0 ? " waits in " : " wait in "));
	cli_add_visible(out, osp_str_of(run->path));
	osp_buf_add_str(out, OSP_STR(", left by a former 'osprofiler run'"));
	if (stat->last_error_wall_ns != 0)
	{
		osp_buf_add_str(out, OSP_STR(" (last error: "));
		cli_add_visible(out, osp_str_of(stat->last_error));
		osp_buf_add_char(out, ')');
	}
}

void
former_run_add_command(osp_buf *out, const former_run *run)
{
	if (run->is_elsewhere)
	{
		osp_buf_add_str(out, OSP_STR("osprofiler agent --run-directory "));
		cli_add_quoted(out, osp_str_of(run->path));
		osp_buf_add_str(out, OSP_STR(" --connection-string "));
		cli_add_quoted(out, osp_str_of(run->settings));
		osp_buf_add_str(out, OSP_STR(" --once"));
		return;
	}
	osp_buf_add_str(out, OSP_STR("osprofiler agent --once"));
	if (run->collector != RUN_COLLECTOR_NONE)
		return;
	osp_buf_add_str(out, OSP_STR(" --run-directory "));
	cli_add_quoted(out, osp_str_of(run->path));
}

void
former_run_add_elsewhere(osp_buf *out, const former_run *run)
{
	osp_buf_add_str(out, OSP_STR("that belongs to "));
	cli_add_visible(out, osp_str_of(run->named));
	osp_buf_add_str(out,
					OSP_STR(", not to the collector of the settings, and "
							"is delivered only there by the next "
							"'osprofiler run'"));
}

/* Appends how to deliver the points of another collector, or to give them up. */
static void
add_other_collector(osp_buf *out, const former_run *run)
{
	osp_buf_add_str(
		out,
		OSP_STR("; to deliver that to the collector of the settings, run: "));
	former_run_add_command(out, run);
	osp_buf_add_str(out, OSP_STR("; to give it up: rm -r "));
	cli_add_quoted(out, osp_str_of(run->path));
}

void
former_run_add_advice(osp_buf *out, const former_run *run)
{
	if (run->collector == RUN_COLLECTOR_LOCKED)
	{
		osp_buf_add_str(out, OSP_STR("set OSPROFILER_CONNECTION_STRING to "));
		cli_add_visible(out, osp_str_of(run->named));
		osp_buf_add_str(out,
						OSP_STR(" with its password, which is not stored; then "
								"the next 'osprofiler run' delivers that"));
	}
	else if (run->is_elsewhere)
		former_run_add_elsewhere(out, run);
	if (run->is_elsewhere)
	{
		add_other_collector(out, run);
		return;
	}
	if (run->collector != RUN_COLLECTOR_NONE)
		osp_buf_add_str(out,
						OSP_STR("the next 'osprofiler run' delivers that; to "
								"deliver it earlier, "));
	osp_buf_add_str(out, OSP_STR("run: "));
	former_run_add_command(out, run);
}
