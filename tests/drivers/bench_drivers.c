/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_drivers.c
 *	  Measures how many points a second each driver stores, and how long reading and
 *	  listing take.
 *
 *	  bench_drivers              every driver, on collectors of its own
 *	  bench_drivers PHASE URI    one phase: write, spread, get or list
 *
 * Each phase runs in a process of its own, which reports how much memory it used.
 */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "script_server.h"
#include "tempdir.h"

#define POINTS 100000
#define TRACES 10000
#define BATCH  1000

static const osp_str trace = {"11111111-2222-4333-8444-555555555555", 36};

/* Makes a notification of about 400 bytes. */
#define STATEMENT \
	"UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2"

static double
now(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* The processor time of this process. The collector's is not included. */
static double
own_time(void)
{
	struct rusage usage;

	(void) getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
die(const char *what, const osp_error *err)
{
	(void) fprintf(stderr, "%s: %s\n", what, err->msg);
	exit(1);
}

static double
store(const osp_driver *driver, osp_driver_conn *conn, const points *p)
{
	osp_error err = {OSP_OK, ""};
	double start = now();
	size_t i;

	for (i = 0; i < p->count; i += BATCH)
	{
		size_t left = p->count - i;
		size_t accepted;

		if (driver->notify(conn,
						   p->items + i,
						   left < BATCH ? left : BATCH,
						   &accepted,
						   &err) != OSP_OK)
			die("notify", &err);
	}
	return now() - start;
}

static osp_status
count_point(void *ctx, osp_str json)
{
	*(size_t *) ctx += json.len > 0;
	return OSP_OK;
}

static osp_status
count_trace(void *ctx, const osp_trace_entry *entry)
{
	*(size_t *) ctx += entry->first_ns != 0;
	return OSP_OK;
}

/* Makes one trace of many points, or many traces of two points. */
static void
make_points(points *p, bool one_trace)
{
	char id[64];
	unsigned i;

	points_init(p);
	for (i = 0; i < (one_trace ? POINTS : 2 * TRACES); i++)
	{
		(void) snprintf(
			id, sizeof(id), "%08x-2222-4333-8444-555555555555", i / 2);
		points_add(
			p, one_trace ? trace : osp_str_of(id), i, OSP_STR(STATEMENT));
	}
}

static void
run_phase(const char *phase, const char *uri)
{
	osp_driver_options options = {.struct_size = sizeof(options),
								  .alc = &osp_allocator_default,
								  .connection_string = osp_str_of(uri),
								  .timeout_ms = 5000};
	osp_error err = {OSP_OK, ""};
	const osp_driver *driver;
	osp_driver_conn *conn = NULL;
	struct rusage usage;
	size_t count = 0;
	double seconds;
	double start;
	double own;
	points p;

	if (osp_driver_find(options.connection_string, &driver, &err) != OSP_OK ||
		driver->open(&options, &conn, &err) != OSP_OK)
		die(uri, &err);
	if (strcmp(phase, "write") == 0 || strcmp(phase, "spread") == 0)
	{
		make_points(&p, strcmp(phase, "write") == 0);
		own = own_time();
		seconds = store(driver, conn, &p);
		own = own_time() - own;
		(void) printf("  %-7s %7zu points of %zu B: %8.0f points/s, "
					  "%.2f us of ours each\n",
					  phase,
					  p.count,
					  p.items[0].json.len,
					  (double) p.count / seconds,
					  own / (double) p.count * 1e6);
	}
	else
	{
		osp_status status;

		start = now();
		if (strcmp(phase, "get") == 0)
			status = driver->get_points(conn, trace, count_point, &count, &err);
		else
			status = driver->list_traces(
				conn, NULL, count_trace, &count, NULL, &err);
		if (status != OSP_OK)
			die(phase, &err);
		seconds = now() - start;
		(void) getrusage(RUSAGE_SELF, &usage);
		(void) printf("  %-7s %7zu: %.3f s, %.1f MB at most\n",
					  phase,
					  count,
					  seconds,
					  (double) usage.ru_maxrss / 1024);
	}
	driver->close(conn);
}

static void
run_all(const char *self, const char *uri)
{
	static const char *const phases[] = {"write", "get", "spread", "list"};
	size_t i;

	(void) printf("%.10s\n", uri);
	(void) fflush(stdout);
	for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
	{
		pid_t pid = fork();
		int result = 0;

		if (pid == 0)
		{
			(void) execl(self, self, phases[i], uri, (char *) NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, &result, 0) != pid || result != 0)
			exit(1);
	}
}

int
main(int argc, char **argv)
{
	const char *dir;
	char uri[256];

	if (argc == 3)
	{
		run_phase(argv[1], argv[2]);
		return 0;
	}
	dir = tempdir_make();
	(void) snprintf(uri, sizeof(uri), "file://%s/traces.json", dir);
	run_all(argv[0], uri);
	(void) snprintf(uri, sizeof(uri), "sqlite:///%s/traces.db", dir);
	run_all(argv[0], uri);
	if (script_server_exists(REDIS_SERVER))
	{
		script_server server;

		script_server_start(&server, REDIS_SERVER, dir, "");
		(void) snprintf(uri, sizeof(uri), "redis://127.0.0.1:%d", server.port);
		run_all(argv[0], uri);
		script_server_stop(&server);
	}
	tempdir_remove();
	return 0;
}
