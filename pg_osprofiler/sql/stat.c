/* SPDX-License-Identifier: Apache-2.0
 *
 * stat.c
 *	  The function behind the view osprofiler.stat: the counters of this
 *	  cluster's run directory.
 */
#include "pgosp.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgosp_stat);

#define STAT_COLUMNS 22

/* Values of the row, added from left to right. */
typedef struct pgospRow
{
	Datum values[STAT_COLUMNS];
	bool nulls[STAT_COLUMNS];
	int count;
} pgospRow;

static void
add(pgospRow *row, Datum value, bool isnull)
{
	Assert(row->count < STAT_COLUMNS);
	row->values[row->count] = value;
	row->nulls[row->count] = isnull;
	row->count++;
}

static void
add_count(pgospRow *row, uint64 value)
{
	add(row, Int64GetDatum((int64) value), false);
}

static Datum
contexts_json(const osp_runstat *stat)
{
	StringInfoData text;
	int i;

	initStringInfo(&text);
	for (i = 0; i < OSP_VERDICT_COUNT; i++)
		appendStringInfo(&text,
						 "%s\"%s\": " UINT64_FORMAT,
						 i > 0 ? ", " : "{",
						 osp_verdict_name((osp_verdict) i),
						 stat->contexts[i]);
	appendStringInfoChar(&text, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

static uint64
rejected(const osp_runstat *stat)
{
	uint64 sum = 0;
	int i;

	for (i = 0; i < OSP_VERDICT_COUNT; i++)
		if (i != OSP_CTX_ACCEPTED && i != OSP_CTX_NONE)
			sum += stat->contexts[i];
	return sum;
}

TimestampTz
pgosp_wall_time(int64 wall_ns)
{
	return wall_ns / 1000 -
		   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

osp_status
pgosp_read_totals(osp_run_totals *totals, char path[OSP_RUNDIR_PATH_MAX],
				  osp_error *err)
{
	osp_status status;
	int dir_fd;

	path[0] = '\0';
	status = pgosp_rundir(path, err);
	if (status == OSP_OK)
		status = osp_rundir_open(path, true, &dir_fd, err);
	if (status == OSP_OK)
	{
		status = osp_run_totals_read(dir_fd, totals, err);
		(void) close(dir_fd);
	}
	return status;
}

static void
read_totals(osp_run_totals *totals, char path[OSP_RUNDIR_PATH_MAX])
{
	osp_error err = {OSP_OK, ""};

	if (pgosp_read_totals(totals, path, &err) == OSP_OK)
		return;

	/* Without the directory nothing is traced and nothing counted. */
	memset(totals, 0, sizeof(*totals));
	snprintf(totals->stat.last_error,
			 sizeof(totals->stat.last_error),
			 OSP_RUNSTAT_NO_DIRECTORY "%s",
			 err.msg);
	totals->stat.last_error_wall_ns = osp_mono_now() + osp_wall_offset_now();
}

static void
add_totals(pgospRow *row, const osp_run_totals *totals)
{
	const osp_runstat *stat = &totals->stat;

	add(row,
		Int32GetDatum((int32) osp_owner_pid(stat->shipper)),
		!totals->shipper_alive);
	add_count(row, stat->contexts[OSP_CTX_ACCEPTED]);
	add_count(row, rejected(stat));
	add(row, contexts_json(stat), false);
	add_count(row, totals->rings);
	add_count(row, stat->untraced);
	add_count(row, totals->written);
	add_count(row, totals->dropped);
	add_count(row, totals->waiting_bytes);
	add_count(row, totals->dropped + stat->refused + stat->spool_dropped);
	add_count(row, stat->shipped);
	add_count(row, stat->refused);
	add_count(row, stat->spooled);
	add_count(row, stat->spool_points);
	add_count(row, stat->spool_bytes);
	add_count(row, stat->spool_dropped);
	add_count(row, stat->corrupt_bytes);
	add_count(row, stat->driver_errors);
	add(row,
		CStringGetTextDatum(stat->last_error),
		stat->last_error_wall_ns == 0);
	add(row,
		TimestampTzGetDatum(pgosp_wall_time(stat->last_error_wall_ns)),
		stat->last_error_wall_ns == 0);
	add(row,
		TimestampTzGetDatum(pgosp_wall_time(totals->last_loss_wall_ns)),
		totals->last_loss_wall_ns == 0);
}

Datum
pgosp_stat(PG_FUNCTION_ARGS)
{
	char path[OSP_RUNDIR_PATH_MAX];
	osp_run_totals totals;
	TupleDesc desc;
	pgospRow row;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (desc->natts != STAT_COLUMNS)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("extension osprofiler is of another version than its "
					   "library"),
				errhint("Run ALTER EXTENSION osprofiler UPDATE."));
	read_totals(&totals, path);
	row.count = 0;
	add(&row, CStringGetTextDatum(path), false);
	add_totals(&row, &totals);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), row.values, row.nulls)));
}
