/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_store.c
 *	  How long a driver takes for notifications like those of PostgreSQL under TPC-B.
 *
 *	  bench_store write URI TRACES PER_TRACE BATCH [FILE]
 *	  bench_store read URI
 *	  bench_store prune URI
 *
 * write stores TRACES traces of PER_TRACE notifications (FILE: those in FILE, one
 * a line, instead), eight of them at a time, in batches of BATCH, and prints
 * notifications per second, processor time, bytes handed to the disk, and bytes
 * kept in FILES of the URI, if it is sqlite. read prints the time of a list and of
 * traces; prune removes half of the traces beside a writer, and prints the longest
 * time that this one had to wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "notify/batch.h"
#include "osprofiler/driver.h"
#include "osprofiler/ids.h"

#define SESSIONS   8
#define BATCH_MAX  ((size_t) 64 * 1024 * 1024)
#define LIST_LIMIT 100
#define TIMEOUT_MS 20000

typedef struct session
{
	osp_uuid base;
	osp_uuid root;
	osp_uuid operation;
	unsigned done; /* how many notifications of this trace are made */
} session;

static const osp_driver *driver;
static osp_driver_conn *conn;

static double
now(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static double
processor_time(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* How many bytes the kernel has written for this process. */
static double
bytes_written(void)
{
	FILE *file = fopen("/proc/self/io", "r");
	char line[128];
	long long bytes = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		(void) sscanf(line, "write_bytes: %lld", &bytes);
	if (file != NULL)
		(void) fclose(file);
	return (double) bytes;
}

static void
die(const char *what, const osp_error *err)
{
	(void) fprintf(stderr, "bench_store: %s: %s\n", what, err->msg);
	exit(1);
}

static void
open_driver(const char *uri)
{
	osp_driver_options options = {.struct_size = sizeof(options),
								  .alc = &osp_allocator_default,
								  .connection_string = osp_str_of(uri),
								  .timeout_ms = TIMEOUT_MS};
	osp_error err = {OSP_OK, ""};

	if (osp_driver_find(options.connection_string, &driver, &err) != OSP_OK ||
		driver->open(&options, &conn, &err) != OSP_OK)
		die(uri, &err);
}

/* Makes one notification. Starts and stops alternate; the first and the last
 * notification of a trace are those of its root. */
static int
make_json(session *s, unsigned number, unsigned per_trace, int64_t wall_ns,
		  char *out, size_t size)
{
	char base[OSP_UUID_TEXT_LEN + 1];
	char parent[OSP_UUID_TEXT_LEN + 1];
	char id[OSP_UUID_TEXT_LEN + 1];
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	bool is_root = s->done == 0 || s->done == per_trace - 1;
	bool stop = s->done % 2 == (is_root && s->done > 0 ? s->done % 2 : 0) &&
				s->done > 0;

	if (s->done == 0)
	{
		osp_uuid_new(&s->base);
		osp_uuid_new(&s->root);
	}
	else if (!is_root && !stop)
		osp_uuid_new(&s->operation);
	osp_uuid_text(&s->base, base);
	osp_uuid_text(is_root ? &s->base : &s->root, parent);
	osp_uuid_text(is_root ? &s->root : &s->operation, id);
	osp_timestamp_text(wall_ns, timestamp);
	s->done = (s->done + 1) % per_trace;
	if (!stop)
		return snprintf(
			out,
			size,
			"{\"name\": \"pg%s-start\", \"base_id\": \"%s\", \"trace_id\": "
			"\"%s\", \"parent_id\": \"%s\", \"timestamp\": \"%s\", "
			"\"info\": {\"db\": {\"statement\": \"UPDATE pgbench_accounts SET "
			"abalance = abalance + %u WHERE aid = %u;\", \"system\": "
			"\"postgresql\", \"namespace\": \"bench\", \"user\": "
			"\"postgres\", \"pid\": %u, \"application\": \"pgbench\"}, "
			"\"host\": \"vm\"}, \"project\": null, \"service\": null}",
			is_root ? "" : ".plan",
			base,
			id,
			parent,
			timestamp,
			number * 7919 % 5000,
			number * 104729 % 1000000,
			25000 + number % SESSIONS);
	return snprintf(
		out,
		size,
		"{\"name\": \"pg%s-stop\", \"base_id\": \"%s\", \"trace_id\": \"%s\", "
		"\"parent_id\": \"%s\", \"timestamp\": \"%s\", \"info\": {\"db\": "
		"{\"rows\": 1, \"command\": \"UPDATE\", \"buffers\": "
		"{\"shared_blks_hit\": %u}, \"wal\": {\"records\": 2, \"bytes\": "
		"%u}}, \"elapsed_ns\": %u, \"host\": \"vm\"}, \"project\": null, "
		"\"service\": null}",
		is_root ? "" : ".plan",
		base,
		id,
		parent,
		timestamp,
		number % 11,
		100 + number * 31 % 200,
		number * 104729 % 1000000);
}

static void
send_batch(osp_batch *batch, double *slowest)
{
	osp_error err = {OSP_OK, ""};
	double start = now();
	size_t accepted;

	if (driver->notify(conn,
					   osp_batch_items(batch),
					   osp_batch_count(batch),
					   &accepted,
					   &err) != OSP_OK)
		die("notify", &err);
	if (now() - start > *slowest)
		*slowest = now() - start;
	osp_batch_reset(batch);
}

static void
add(osp_batch *batch, osp_str json)
{
	osp_error err = {OSP_ENOMEM, "cannot make a notification"};

	if (osp_batch_add_json(batch, json, NULL) != OSP_OK)
		die(json.ptr, &err);
}

/* Only the driver is measured, not the time to make the notifications. */
static void
run_write(const char *uri, unsigned traces, unsigned per_trace, unsigned size,
		  FILE *file)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, BATCH_MAX);
	static session sessions[SESSIONS];
	unsigned total = traces * per_trace;
	double seconds = 0;
	double own = 0;
	double written = bytes_written();
	double slowest = 0;
	char *line = NULL;
	size_t room = 0;
	struct timespec wall;
	char path[4096];
	struct stat st;
	unsigned i;
	double bytes = 0;

	(void) clock_gettime(CLOCK_REALTIME, &wall);
	for (i = 0; i < total; i++)
	{
		char json[2048];
		ssize_t len;

		if (file != NULL)
		{
			len = getline(&line, &room, file);
			if (len <= 0)
				break;
			add(batch, osp_str_n(line, (size_t) len - 1));
		}
		else
		{
			len = make_json(&sessions[i % SESSIONS],
							i,
							per_trace,
							wall.tv_sec * INT64_C(1000000000) + i * 27000,
							json,
							sizeof(json));
			add(batch, osp_str_n(json, (size_t) len));
		}
		bytes += (double) len;
		if (osp_batch_count(batch) == size || i == total - 1)
		{
			double start = now();
			double begin = processor_time();

			(void) osp_batch_items(batch);
			send_batch(batch, &slowest);
			own += processor_time() - begin;
			seconds += now() - start;
		}
	}
	driver->close(conn);
	written = bytes_written() - written;
	(void) printf("%u notifications of %.0f B in batches of %u: %.0f/s, "
				  "%.2f us of processor time, %.0f B written",
				  i,
				  bytes / i,
				  size,
				  i / seconds,
				  own / i * 1e6,
				  written / i);
	uri = strstr(uri, ":///");
	(void) snprintf(path, sizeof(path), "%s", uri != NULL ? uri + 4 : "");
	path[strcspn(path, "?")] = '\0';
	if (stat(path, &st) == 0)
		(void) printf(", %.1f B kept", (double) st.st_size / i);
	(void) printf(", slowest batch %.1f ms\n", slowest * 1e3);
	osp_batch_free(batch);
	free(line);
}

typedef struct page
{
	char ids[LIST_LIMIT][64];
	size_t count;
} page;

static osp_status
keep_trace(void *ctx, const osp_trace_entry *entry)
{
	page *p = ctx;

	if (p->count < LIST_LIMIT && entry->base_id.len < sizeof(p->ids[0]))
		memcpy(p->ids[p->count++], entry->base_id.ptr, entry->base_id.len);
	return OSP_OK;
}

static osp_status
count_point(void *ctx, osp_str json)
{
	*(size_t *) ctx += json.len > 0;
	return OSP_OK;
}

static void
list(const char *what, const osp_trace_filter *filter, page *p)
{
	osp_error err = {OSP_OK, ""};
	double start = now();

	memset(p, 0, sizeof(*p));
	if (driver->list_traces(conn, filter, keep_trace, p, NULL, &err) != OSP_OK)
		die("list", &err);
	(void) printf(
		"%s: %zu traces in %.1f ms\n", what, p->count, (now() - start) * 1e3);
}

static void
run_read(void)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter),
							   .limit = LIST_LIMIT};
	osp_error err = {OSP_OK, ""};
	static page p;
	size_t count = 0;
	double start;
	struct timespec wall;
	size_t i;

	list("newest", &filter, &p);
	(void) clock_gettime(CLOCK_REALTIME, &wall);
	filter.until_ns = (wall.tv_sec - 1000000) * INT64_C(1000000000);
	list("of a time without any", &filter, &p);
	filter.until_ns = 0;
	filter.errors_only = true;
	list("with errors", &filter, &p);
	filter.errors_only = false;
	list("newest", &filter, &p);
	start = now();
	for (i = 0; i < p.count; i++)
		if (driver->get_points(
				conn, osp_str_of(p.ids[i]), count_point, &count, &err) !=
			OSP_OK)
			die("get", &err);
	(void) printf("get: %.2f ms for each of them, %zu notifications\n",
				  (now() - start) * 1e3 / (double) (p.count > 0 ? p.count : 1),
				  count);
	start = now();
	(void) driver->get_points(
		conn, OSP_STR("no such trace"), count_point, &count, &err);
	(void) printf("get of none: %.2f ms\n", (now() - start) * 1e3);
}

/* Removes half of the traces while a writer is at work. */
static void
run_prune(const char *uri)
{
	osp_batch *batch = osp_batch_new(&osp_allocator_default, BATCH_MAX);
	struct timespec wall;
	double slowest = 0;
	int result = 0;
	unsigned i;
	session s;
	pid_t pid = fork();

	memset(&s, 0, sizeof(s));
	if (pid == 0)
	{
		osp_removal what = {.struct_size = sizeof(what)};
		osp_error err = {OSP_OK, ""};
		uint64_t removed = 0;
		double start = now();
		const char *half = getenv("BENCH_OLDER_THAN_NS");

		open_driver(uri);
		what.older_than_ns = half != NULL ? strtoll(half, NULL, 10) : 0;
		if (driver->remove_traces(conn, &what, &removed, &err) != OSP_OK)
			die("prune", &err);
		(void) printf("prune: %llu traces in %.1f s\n",
					  (unsigned long long) removed,
					  now() - start);
		driver->close(conn);
		(void) fflush(stdout);
		_exit(0);
	}
	open_driver(uri);
	for (i = 0; waitpid(pid, &result, WNOHANG) == 0; i++)
	{
		char json[2048];
		int len;
		unsigned k;

		(void) clock_gettime(CLOCK_REALTIME, &wall);
		for (k = 0; k < 100; k++)
		{
			len = make_json(&s,
							i * 100 + k,
							26,
							wall.tv_sec * INT64_C(1000000000) + k,
							json,
							sizeof(json));
			add(batch, osp_str_n(json, (size_t) len));
		}
		send_batch(batch, &slowest);
		(void) usleep(2000);
	}
	driver->close(conn);
	(void) printf(
		"%u batches beside it, the slowest took %.1f ms\n", i, slowest * 1e3);
	osp_batch_free(batch);
}

int
main(int argc, char **argv)
{
	FILE *file = NULL;

	if (argc >= 6 && strcmp(argv[1], "write") == 0)
	{
		if (argc == 7)
			file = fopen(argv[6], "r");
		open_driver(argv[2]);
		run_write(argv[2],
				  (unsigned) strtoul(argv[3], NULL, 10),
				  (unsigned) strtoul(argv[4], NULL, 10),
				  (unsigned) strtoul(argv[5], NULL, 10),
				  file);
		if (file != NULL)
			(void) fclose(file);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "read") == 0)
	{
		open_driver(argv[2]);
		run_read();
		driver->close(conn);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "prune") == 0)
	{
		run_prune(argv[2]);
		return 0;
	}
	(void) fprintf(stderr,
				   "usage: bench_store write URI TRACES PER_TRACE BATCH "
				   "[FILE] | read URI | prune URI\n");
	return 2;
}
