/* SPDX-License-Identifier: Apache-2.0
 *
 * report_remark.c
 *	  Finds what is unusual about an operation, for a few words behind its line: more
 *	  rows than expected, rows that were read in vain, data that did not fit into
 *	  memory.
 */
#include "report/report_describe.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* The smallest values that get a remark. */
#define WRONG_TIMES 10
#define WRONG_ROWS  100
#define LOOPS_MIN   100
#define REMOVED_MIN 1000
#define TIME_MIN_MS 10.0
#define TIME_MAX_MS 9e12 /* what 64 bits of nanoseconds hold */
#define BLOCK_KB    8

/* Reads a figure; NAN, for which every comparison is false, if it is too large to be
 * real. */
static double
number(yyjson_val *object, const char *key)
{
	double value = osp__report_number(yyjson_obj_get(object, key));

	return value <= OSP__FIGURE_MAX ? value : NAN;
}

/* Appends to the remark, behind a comma if it is not empty. */
__attribute__((format(printf, 2, 3))) static void
add(osp__description *what, const char *format, ...)
{
	size_t len = strlen(what->remark);
	va_list args;

	if (len > 0)
		len +=
			(size_t) snprintf(what->remark + len, OSP__REMARK_MAX - len, ", ");
	if (len >= OSP__REMARK_MAX)
		return;
	va_start(args, format);
	(void) vsnprintf(what->remark + len, OSP__REMARK_MAX - len, format, args);
	va_end(args);
}

static void
add_time(osp__description *what, const char *name, double ms)
{
	char text[OSP__DURATION_MAX];

	if (!(ms >= TIME_MIN_MS) || ms > TIME_MAX_MS)
		return;
	osp__duration_text(osp__ns_of(ms * 1e6), text);
	add(what, "%s %s", text, name);
}

static void
remark_rows(yyjson_val *node, osp__description *what)
{
	double loops = number(node, "loops");
	double rows = number(node, "rows");
	double removed = number(node, "rows_removed_by_filter") +
					 number(node, "rows_removed_by_join_filter") +
					 number(node, "rows_removed_by_recheck");
	double each = loops > 0 ? rows / loops : 0;
	double times = each / (what->plan_rows > 0 ? what->plan_rows : 1);

	/* The planner's number of rows is for one loop, as in EXPLAIN. */
	if (each >= WRONG_ROWS && each >= what->plan_rows * WRONG_TIMES &&
		times <= OSP__FIGURE_MAX)
		add(what,
			"%.0f expected%s, %.0f times as many came",
			what->plan_rows,
			loops > 1 ? " per loop" : "",
			times);
	if (loops >= LOOPS_MIN)
		add(what, "%.0f loops", loops);
	if (removed >= REMOVED_MIN && removed >= rows * (WRONG_TIMES - 1))
		add(what, "kept %.0f of %.0f", rows, rows + removed);
}

static void
remark_node(yyjson_val *node, osp__description *what)
{
	remark_rows(node, what);
	if (osp__json_is(yyjson_obj_get(node, "sort_space_type"),
					 OSP_STR("Disk")) &&
		number(node, "sort_space_kb") >= 0)
		add(what, "%.0f kB on disk", number(node, "sort_space_kb"));
	if (number(node, "disk_kb") > 0)
		add(what, "%.0f kB on disk", number(node, "disk_kb"));
	else if (number(node, "hash_batches") > 1)
		add(what, "%.0f batches", number(node, "hash_batches"));
	if (number(node, "heap_fetches") >= REMOVED_MIN)
		add(what, "%.0f heap fetches", number(node, "heap_fetches"));
	if (yyjson_obj_get(node, "workers_launched") != NULL &&
		what->workers > number(node, "workers_launched"))
		add(what,
			"%.0f of %.0f workers",
			number(node, "workers_launched"),
			what->workers);
	add_time(what, "reading", number(node, "io_read_ms"));
}

static void
remark_statement(yyjson_val *db, osp__description *what)
{
	yyjson_val *jit = yyjson_obj_get(db, "jit");
	yyjson_val *buffers = yyjson_obj_get(db, "buffers");
	double temp_kb = number(buffers, "temp_blks_written") * BLOCK_KB;

	add_time(what,
			 "JIT",
			 number(jit, "generation_ms") + number(jit, "inlining_ms") +
				 number(jit, "optimization_ms") + number(jit, "emission_ms"));
	add_time(what, "reading", number(db, "io_read_ms"));
	add_time(what, "writing", number(db, "io_write_ms"));
	if (temp_kb >= REMOVED_MIN)
		add(what, "%.0f kB in temporary files", temp_kb);
	if (number(yyjson_obj_get(db, "wal"), "fpi") >= WRONG_ROWS)
		add(what,
			"%.0f full pages in the WAL",
			number(yyjson_obj_get(db, "wal"), "fpi"));
}

/* Remarks on an operation of SQLite, whose figures stand in the stop's info itself. */
static void
remark_sqlite(yyjson_val *info, osp__description *what)
{
	yyjson_val *checkpoint = yyjson_obj_get(info, "checkpoint");

	if (checkpoint != NULL && number(checkpoint, "moved") >= 0 &&
		number(checkpoint, "pages") >= 0)
		add(what,
			"%.0f of %.0f pages moved",
			number(checkpoint, "moved"),
			number(checkpoint, "pages"));
	if (number(info, "active_ms") > 0)
		add_time(what,
				 "between its rows",
				 number(info, "elapsed_ns") / 1e6 - number(info, "active_ms"));
	add_time(
		what, "waiting for a lock", number(yyjson_obj_get(info, "busy"), "ms"));
	add_time(what,
			 "waiting for the disk",
			 number(yyjson_obj_get(info, "syncs"), "ms"));
}

void
osp__remark_start(yyjson_val *db, osp__description *what)
{
	yyjson_val *node = yyjson_obj_get(db, "node");

	what->plan_rows = number(node, "plan_rows");
	what->workers = number(node, "workers_planned");
}

void
osp__remark_stop(yyjson_val *info, osp__description *what)
{
	yyjson_val *db = yyjson_obj_get(info, "db");
	yyjson_val *node = yyjson_obj_get(db, "node");

	if (node != NULL)
		remark_node(node, what);
	else if (db != NULL)
		remark_statement(db, what);
	remark_sqlite(info, what);
}
