/* SPDX-License-Identifier: Apache-2.0
 *
 * peer.c
 *	  A driver on the command line, for peer_*.py and large_traces.py.
 *
 *	  peer write URI BASE_ID COUNT    stores points, and an error as the last
 *	  peer fill URI TRACES LONG       stores TRACES traces of ten points each, and
 *	                                  one trace of LONG points
 *	  peer get URI BASE_ID            prints the points, one a line
 *	  peer list URI                   prints "base_id timestamp" of all traces
 *	  peer errors URI                 the same for traces that hold an error
 */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>

#define FILL_POINTS 10
#define FILL_BATCH  1000
#define LONG_TRACE  "ffffffff-0000-4000-8000-000000000000"

typedef struct peer
{
	const osp_driver *driver;
	osp_driver_conn *conn;
	osp_error err;
} peer;

static osp_status
print_point(void *ctx, osp_str json)
{
	(void) ctx;
	(void) printf("%.*s\n", (int) json.len, json.ptr);
	return OSP_OK;
}

static osp_status
print_trace(void *ctx, const osp_trace_entry *entry)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];

	(void) ctx;
	osp_timestamp_text(entry->first_ns, timestamp);
	(void) printf(
		"%.*s %s\n", (int) entry->base_id.len, entry->base_id.ptr, timestamp);
	return OSP_OK;
}

static osp_status
write_points(peer *p, osp_str base_id, unsigned count)
{
	const osp_str odd = osp_str_of("SELECT 'ж', '😀', \"q\", '\\', '\x7f'");
	osp_status status;
	size_t accepted;
	points all;
	unsigned i;

	points_init(&all);
	for (i = 0; i < count; i++)
		points_add(&all, base_id, i, odd);
	points_add(&all, base_id, count + count % 2, OSP_STR("SELECT 1 / 0"));
	points_add_error(&all, base_id, count + count % 2);
	status =
		p->driver->notify(p->conn, all.items, all.count, &accepted, &p->err);
	points_term(&all);
	return status;
}

/* Adds the point with the number place to those that fill a collector. */
static void
add_filling(points *batch, unsigned place, unsigned traces)
{
	char id[64];

	if (place >= traces * FILL_POINTS)
		(void) snprintf(id, sizeof(id), LONG_TRACE);
	else
		(void) snprintf(id,
						sizeof(id),
						"%08x-0000-4000-8000-000000000000",
						place / FILL_POINTS);
	points_fill(batch, osp_str_of(id), place, 1);
}

static osp_status
fill(peer *p, unsigned traces, unsigned long_points)
{
	const unsigned count = traces * FILL_POINTS + long_points;
	osp_status status = OSP_OK;
	unsigned done = 0;

	while (done < count && status == OSP_OK)
	{
		size_t accepted;
		points batch;

		points_init(&batch);
		while (batch.count < FILL_BATCH && done < count)
			add_filling(&batch, done++, traces);
		status = p->driver->notify(
			p->conn, batch.items, batch.count, &accepted, &p->err);
		points_term(&batch);
	}
	return status;
}

static unsigned
number(const char *text)
{
	return (unsigned) strtoul(text, NULL, 10);
}

static osp_status
run(peer *p, int argc, char **argv)
{
	osp_trace_filter filter = {.struct_size = sizeof(filter),
							   .errors_only = strcmp(argv[1], "errors") == 0};

	if (strcmp(argv[1], "write") == 0 && argc == 5)
		return write_points(p, osp_str_of(argv[3]), number(argv[4]));
	if (strcmp(argv[1], "fill") == 0 && argc == 5)
		return fill(p, number(argv[3]), number(argv[4]));
	if (strcmp(argv[1], "get") == 0 && argc == 4)
		return p->driver->get_points(
			p->conn, osp_str_of(argv[3]), print_point, NULL, &p->err);
	return p->driver->list_traces(
		p->conn, &filter, print_trace, NULL, NULL, &p->err);
}

int
main(int argc, char **argv)
{
	osp_driver_options options = {.struct_size = sizeof(options),
								  .alc = &osp_allocator_default,
								  .filter_error_trace = true,
								  .timeout_ms = 5000};
	peer p = {.err = {OSP_OK, ""}};
	osp_status status;

	if (argc < 3)
		return 2;
	options.read_only =
		strcmp(argv[1], "write") != 0 && strcmp(argv[1], "fill") != 0;
	options.connection_string = osp_str_of(argv[2]);
	status = osp_driver_find(options.connection_string, &p.driver, &p.err);
	if (status == OSP_OK)
		status = p.driver->open(&options, &p.conn, &p.err);
	if (status == OSP_OK)
	{
		status = run(&p, argc, argv);
		p.driver->close(p.conn);
	}
	if (status != OSP_OK)
		(void) fprintf(stderr, "%s\n", p.err.msg);
	return status == OSP_OK ? 0 : 1;
}
