/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_sqlite.c
 *	  What tracing costs a SQLite statement.
 *
 *	  bench_sqlite                     a table: ns per statement, the least of many
 *	                                   runs in turn, and how much more than untraced
 *	  bench_sqlite MODE WORK COUNT     runs one thing COUNT times, for callgrind
 *
 * Modes: off (nothing attached), wrapper and hook (every statement traced),
 * wrapper-idle and hook-idle (attached, nothing traced), wrapper-stats
 * (traced, with the statistics of the statement). The ring is emptied by moving
 * its tail, as a shipper that keeps up would.
 *
 * The same program runs as one with the wrappers in front of SQLite's functions
 * and as one without (off, hook): the first is this one, the second it is as
 * bench_sqlite_hook, linked without the library.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osprofiler/profiler.h"
#include "osprofiler/sqlite.h"
#include "record/producer.h"

#define BATCH 1000

static sqlite3 *db;
static sqlite3_stmt *select_1;
static sqlite3_stmt *insert;
static char run_dir[] = "/dev/shm/osprofiler-bench-XXXXXX";
static osp_ring ring;
static uint64_t ring_number = 0;

/* Maps the ring with this number. False: there is none. */
static bool
map_ring(uint64_t number)
{
	char name[OSP_RING_NAME_MAX];
	osp_status status;
	int dir_fd;

	if (osp_rundir_open(run_dir, false, &dir_fd, NULL) != OSP_OK)
		return false;
	osp_ring_name(name, number);
	status = osp_ring_map(&ring, dir_fd, name, NULL);
	(void) close(dir_fd);
	return status == OSP_OK;
}

/* Does the work of a shipper: empties the ring. If the ring was full, it was replaced
 * by a larger one with the next number. */
static void
drain(void)
{
	osp_ring last = ring;

	if (last.header == NULL)
		return;
	osp_ring_set_tail(&last, osp_ring_head(&last));
	if (map_ring(ring_number + 1))
	{
		ring_number++;
		osp_ring_unmap(&last);
		osp_ring_set_tail(&ring, osp_ring_head(&ring));
	}
	else
		ring = last;
}

static void
step_once(sqlite3_stmt *stmt)
{
	(void) sqlite3_step(stmt);
	(void) sqlite3_reset(stmt);
}

static void
run_select(long count)
{
	while (count-- > 0)
		step_once(select_1);
}

static void
run_insert(long count)
{
	(void) sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	while (count-- > 0)
		step_once(insert);
	(void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

static bool
is_mode(const char *mode, const char *prefix)
{
	return strncmp(mode, prefix, strlen(prefix)) == 0;
}

static int
attach(const char *mode)
{
#ifdef BENCH_BY_HOOK
	if (!is_mode(mode, "hook"))
		return SQLITE_OK;
	(void) sqlite3_enable_load_extension(db, 1);
	return sqlite3_load_extension(db, getenv("BENCH_EXTENSION"), NULL, NULL);
#else
	osp_sqlite_options options;

	if (!is_mode(mode, "wrapper"))
		return SQLITE_OK;
	osp_sqlite_options_init(&options);
	options.statistics = strcmp(mode, "wrapper-stats") == 0;
	return osp_sqlite_enable(db, &options);
#endif
}

static void
set_up(const char *mode)
{
	bool traced = !is_mode(mode, "off") && strstr(mode, "idle") == NULL;

	if (mkdtemp(run_dir) == NULL ||
		setenv("OSPROFILER_RUN_DIR", run_dir, 1) != 0 ||
		sqlite3_open(":memory:", &db) != SQLITE_OK ||
		attach(mode) != SQLITE_OK ||
		sqlite3_exec(db, "CREATE TABLE t(a, b)", NULL, NULL, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(db, "SELECT 1", -1, &select_1, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(
			db, "INSERT INTO t VALUES (1, 'x')", -1, &insert, NULL) !=
			SQLITE_OK ||
		(traced && osp_init("SECRET_KEY", NULL, NULL) != OSP_OK))
	{
		(void) fprintf(stderr, "bench_sqlite: cannot set up %s\n", mode);
		exit(1);
	}
	(void) map_ring(ring_number);
}

static void
tear_down(void)
{
	char command[128];

	(void) sqlite3_finalize(select_1);
	(void) sqlite3_finalize(insert);
	(void) sqlite3_close(db);
	osp_clean();
	(void) snprintf(command, sizeof(command), "rm -rf '%s'", run_dir);
	if (system(command) != 0)
		(void) fprintf(stderr, "bench_sqlite: %s remains\n", run_dir);
}

/* Returns the smallest time of one statement in ns, of the batches in a second. */
static double
measure(void (*work)(long))
{
	int64_t end = osp_mono_now() + INT64_C(150000000);
	double least = 1e9;

	while (osp_mono_now() < end)
	{
		int64_t begin = osp_mono_now();
		double ns;

		work(BATCH);
		ns = (double) (osp_mono_now() - begin) / BATCH;
		if (ns < least)
			least = ns;
		drain();
	}
	return least;
}

int
main(int argc, char **argv)
{
	long left;

	if (argc != 2 && argc != 4)
		return 2;
	set_up(argv[1]);
	if (argc == 2)
		(void) printf("%.1f %.1f\n", measure(run_select), measure(run_insert));
	for (left = argc == 4 ? strtol(argv[3], NULL, 10) : 0; left > 0;
		 left -= BATCH)
	{
		(strcmp(argv[2], "select") == 0 ? run_select : run_insert)(BATCH);
		drain();
	}
	tear_down();
	return 0;
}
