/* SPDX-License-Identifier: Apache-2.0
 *
 * show.c
 *	  The SQL functions show, explain and points, which read a trace from the collector.
 *
 * A trace shows what other users have run, so only members of pg_read_all_stats
 * may call these functions. The functions run no SQL, so search_path does not
 * matter to them.
 */
#include "pgosp.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "osprofiler/buf.h"
#include "osprofiler/report.h"
#include "pgosp_rows.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#define WIDTH_MAX     10000
#define POINT_COLUMNS 12

PG_FUNCTION_INFO_V1(pgosp_show);
PG_FUNCTION_INFO_V1(pgosp_explain);
PG_FUNCTION_INFO_V1(pgosp_points_of_trace);

static osp_report *
read_trace(FunctionCallInfo fcinfo, const osp_allocator *alc)
{
	return pgosp_collector_read(pgosp_trace_argument(fcinfo), alc);
}

/* Raises an error if there is no such trace: an empty drawing would mean that nothing
 * happened. */
static void
report_no_trace(FunctionCallInfo fcinfo)
{
	ereport(ERROR,
			errcode(ERRCODE_NO_DATA_FOUND),
			errmsg("there is no trace \"%s\" in the collector of this server",
				   text_to_cstring(PG_GETARG_TEXT_PP(0))),
			errhint("osprofiler.traces() lists the traces that it has; "
					"\"osprofiler trace show\" reads other collectors, too."));
}

static void
check_status(osp_status status)
{
	if (status != OSP_OK)
		pgosp_collector_error(status, "");
}

/* Draws the report as text. */
typedef osp_status (*pgosp_draw)(osp_report *report,
								 const osp_draw_options *options,
								 osp_buf *text);

static osp_status
draw_findings(osp_report *report, const osp_draw_options *options,
			  osp_buf *text)
{
	size_t count;

	osp_report_set_show_command(report, "SELECT osprofiler.show('", "')");
	return osp_report_explain(report, options, text, &count);
}

/* Returns the lines of a text about a trace; the arguments are the trace and the
 * width. */
static Datum
return_lines(FunctionCallInfo fcinfo, pgosp_draw draw)
{
	int32 width = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	osp_draw_options options;
	const osp_allocator *alc;
	osp_report *report;
	pgospRows rows;
	osp_buf text;

	pgosp_rows_begin(fcinfo, &rows);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (width < 0 || width > WIDTH_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the width must be from 0 to %d", WIDTH_MAX));
	alc = pgosp_collector_memory();
	report = read_trace(fcinfo, alc);
	if (osp_report_points(report) == 0)
		report_no_trace(fcinfo);

	/* Lines of ASCII are the same in all encodings of a server. */
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.unicode = GetDatabaseEncoding() == PG_UTF8;
	options.width = (unsigned) width;
	options.times = true;
	osp_buf_init(&text, alc, MaxAllocSize);
	check_status(draw(report, &options, &text));
	check_status(osp_buf_status(&text));
	pgosp_rows_put_lines(&rows, osp_buf_str(&text));
	return (Datum) 0;
}

/* show(base_id, width): returns the drawn tree, a row for each line */
Datum
pgosp_show(PG_FUNCTION_ARGS)
{
	return return_lines(fcinfo, osp_report_draw);
}

/* explain(base_id, width): returns why the trace took so long; no rows: nothing stands
 * out */
Datum
pgosp_explain(PG_FUNCTION_ARGS)
{
	return return_lines(fcinfo, draw_findings);
}

static bool
member(const Jsonb *json, const char *key, JsonbValue *value)
{
	Jsonb *object = unconstify(Jsonb *, json);

	return json != NULL && JB_ROOT_IS_OBJECT(object) &&
		   getKeyJsonValueFromContainer(
			   &object->root, key, (int) strlen(key), value) != NULL;
}

/* Values of one row, added from left to right. */
typedef struct pgospPointRow
{
	Datum values[POINT_COLUMNS];
	bool nulls[POINT_COLUMNS];
	int count;
} pgospPointRow;

static void
add(pgospPointRow *row, Datum value, bool isnull)
{
	Assert(row->count < POINT_COLUMNS);
	row->values[row->count] = value;
	row->nulls[row->count] = isnull;
	row->count++;
}

/* cut: add the name without its -start or -stop */
static void
add_text(pgospPointRow *row, const Jsonb *json, const char *key, bool cut)
{
	JsonbValue value;
	int len;

	if (!member(json, key, &value) || value.type != jbvString)
	{
		add(row, (Datum) 0, true);
		return;
	}
	len = value.val.string.len;
	if (cut)
	{
		const char *dash = memchr(value.val.string.val, '-', (size_t) len);

		len = dash != NULL ? (int) (dash - value.val.string.val) : len;
	}
	add(row,
		PointerGetDatum(cstring_to_text_with_len(value.val.string.val, len)),
		false);
}

static void
add_info(pgospPointRow *row, const Jsonb *json)
{
	JsonbValue value;

	if (member(json, "info", &value))
		add(row, JsonbPGetDatum(JsonbValueToJsonb(&value)), false);
	else
		add(row, (Datum) 0, true);
}

static void
add_host(pgospPointRow *row, const Jsonb *json)
{
	JsonbValue info;

	if (member(json, "info", &info))
		add_text(row, JsonbValueToJsonb(&info), "host", false);
	else
		add(row, (Datum) 0, true);
}

static void
add_time(pgospPointRow *row, int64 wall_ns, bool known)
{
	add(row, TimestampTzGetDatum(pgosp_wall_time(wall_ns)), !known);
}

static Jsonb *
parse(osp_str json)
{
	if (json.len == 0)
		return NULL;
	return DatumGetJsonbP(DirectFunctionCall1(
		jsonb_in, CStringGetDatum(pgosp_storable_json(json))));
}

/* Adds the row of a point. May raise an error, because the report's memory is freed
 * with that of the call. */
static osp_status
put_point(void *ctx, const osp_report_node *node)
{
	const pgospRows *rows = (const pgospRows *) ctx;
	MemoryContext old = MemoryContextSwitchTo(rows->row);
	Jsonb *start = parse(node->start);
	Jsonb *stop = parse(node->stop);
	Jsonb *either = start != NULL ? start : stop;
	pgospPointRow row;

	row.count = 0;
	add(&row, Int32GetDatum(node->depth), false);
	add_text(&row, either, "name", true);
	add_text(&row, either, "trace_id", false);
	add_text(&row, either, "parent_id", false);
	add_time(&row, node->start_ns, start != NULL);
	add_time(&row, node->stop_ns, stop != NULL);
	add(&row,
		Float8GetDatum((double) node->elapsed_ns / 1e6),
		node->elapsed_ns < 0);
	add_text(&row, either, "project", false);
	add_text(&row, either, "service", false);
	add_host(&row, either);
	add_info(&row, start);
	add_info(&row, stop);
	tuplestore_putvalues(rows->store, rows->desc, row.values, row.nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(rows->row);
	CHECK_FOR_INTERRUPTS();
	return OSP_OK;
}

/* points(base_id): returns a row for each point, in the order in which they are
 * drawn */
Datum
pgosp_points_of_trace(PG_FUNCTION_ARGS)
{
	pgospRows rows;

	pgosp_rows_begin(fcinfo, &rows);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	check_status(osp_report_walk(
		read_trace(fcinfo, pgosp_collector_memory()), put_point, &rows));
	return (Datum) 0;
}
