/* SPDX-License-Identifier: Apache-2.0
 *
 * resource_usage.c
 *	  Encodes what a statement used: buffers, time for I/O, WAL, compilation.
 *
 * All values are differences of counters that the server keeps anyway. Zeroes
 * are left out.
 */
#include "pgosp.h"
#include "pgosp_known.h"

#include "jit/jit.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"

static void
put_counter(osp_writer *w, osp_str key, int64 value)
{
	if (value != 0)
		osp_put_i64(w, key, value);
}

static void
put_time(osp_writer *w, osp_str key, const instr_time *now,
		 const instr_time *then)
{
	instr_time diff;

	if (now == NULL)
		return;
	diff = *now;
	INSTR_TIME_SUBTRACT(diff, *then);
	if (!INSTR_TIME_IS_ZERO(diff))
		osp_put_f64(w, key, INSTR_TIME_GET_MILLISEC(diff));
}

static bool
has_blocks(const BufferUsage *now, const BufferUsage *then)
{
	return now->shared_blks_hit != then->shared_blks_hit ||
		   !pgosp_only_hits(now, then);
}

static void
put_io_times(osp_writer *w, const BufferUsage *now_usage,
			 const BufferUsage *then_usage)
{
	pgospIoTimes now = pgosp_io_times(now_usage);
	pgospIoTimes then = pgosp_io_times(then_usage);

	put_time(w, OSP_STR("io_read_ms"), now.read, then.read);
	put_time(w, OSP_STR("io_write_ms"), now.write, then.write);
	put_time(w, OSP_STR("temp_read_ms"), now.temp_read, then.temp_read);
	put_time(w, OSP_STR("temp_write_ms"), now.temp_write, then.temp_write);
}

void
pgosp_put_buffers(osp_writer *w, const BufferUsage *now,
				  const BufferUsage *then)
{
	if (!has_blocks(now, then))
		return;
#define PUT(field) \
	put_counter(w, OSP_STR(#field), (int64) (now->field - then->field))
	osp_put_object(w, OSP_STR("buffers"));
	PUT(shared_blks_hit);
	PUT(shared_blks_read);
	PUT(shared_blks_dirtied);
	PUT(shared_blks_written);
	PUT(local_blks_hit);
	PUT(local_blks_read);
	PUT(local_blks_dirtied);
	PUT(local_blks_written);
	PUT(temp_blks_read);
	PUT(temp_blks_written);
	osp_put_end(w);
#undef PUT
	if (track_io_timing)
		put_io_times(w, now, then);
}

void
pgosp_put_wal(osp_writer *w, const WalUsage *then)
{
	int64 records = pgWalUsage.wal_records - then->wal_records;

	if (records == 0)
		return;
	osp_put_object(w, OSP_STR("wal"));
	osp_put_i64(w, OSP_STR("records"), records);
	put_counter(w, OSP_STR("fpi"), pgWalUsage.wal_fpi - then->wal_fpi);
	osp_put_i64(
		w, OSP_STR("bytes"), (int64) (pgWalUsage.wal_bytes - then->wal_bytes));
	osp_put_end(w);
}

static void
put_jit(osp_writer *w, const pgospUsage *usage)
{
	if (usage->jit_functions == 0)
		return;
	osp_put_object(w, OSP_STR("jit"));
	osp_put_u64(w, OSP_STR("functions"), usage->jit_functions);
	osp_put_f64(w, OSP_STR("generation_ms"), usage->jit_generation_ms);
	osp_put_f64(w, OSP_STR("inlining_ms"), usage->jit_inlining_ms);
	osp_put_f64(w, OSP_STR("optimization_ms"), usage->jit_optimization_ms);
	osp_put_f64(w, OSP_STR("emission_ms"), usage->jit_emission_ms);
	osp_put_end(w);
}

static void
add_jit(pgospUsage *usage, const JitInstrumentation *jit)
{
	if (usage->jit_functions == 0)
		usage->jit_generation_ms = usage->jit_inlining_ms =
			usage->jit_optimization_ms = usage->jit_emission_ms = 0;
	usage->jit_functions += jit->created_functions;
	usage->jit_generation_ms +=
		INSTR_TIME_GET_MILLISEC(jit->generation_counter);
	usage->jit_inlining_ms += INSTR_TIME_GET_MILLISEC(jit->inlining_counter);
	usage->jit_optimization_ms +=
		INSTR_TIME_GET_MILLISEC(jit->optimization_counter);
	usage->jit_emission_ms += INSTR_TIME_GET_MILLISEC(jit->emission_counter);
}

pgosp_hot void
pgosp_usage_add_jit(pgospUsage *usage, const EState *estate)
{
	if (estate->es_jit != NULL && estate->es_jit->instr.created_functions > 0)
		add_jit(usage, &estate->es_jit->instr);
	if (estate->es_jit_worker_instr != NULL &&
		estate->es_jit_worker_instr->created_functions > 0)
		add_jit(usage, estate->es_jit_worker_instr);
}

/* Encodes how long the server worked on the statement, if that is less than its
 * duration. */
static void
put_active(osp_writer *w, const pgospPoint *point, int64 active_ns)
{
	if (point->paused_ns >= PGOSP_PAUSE_MIN_NS)
		osp_put_f64(
			w, OSP_STR("active_ms"), (double) (active_ns / 1000) / 1000.0);
}

void
pgosp_put_statement_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospStatementPoint *statement = (const pgospStatementPoint *) point;
	const pgospUsage *usage = &statement->usage;
	int64 active_ns = pgosp_point_active_ns(point, point->stop_ns);

	if (pgosp_nodes_are_slow(active_ns))
		pgosp_known_is_slow(statement);

	osp_put_object(w, OSP_STR("db"));
	if (usage->counts_rows && !point->failed)
		osp_put_u64(w, OSP_STR("rows"), usage->rows);
	if (usage->command != NULL)
		osp_put_str(w, OSP_STR("command"), osp_str_of(usage->command));
	put_active(w, point, active_ns);
	pgosp_put_cpu(w, point);
	pgosp_put_buffers(w, &pgBufferUsage, &usage->buffers);
	pgosp_put_wal(w, &usage->wal);
	put_jit(w, usage);
	if (usage->nodes_left_out > 0)
		osp_put_u64(w, OSP_STR("nodes_left_out"), usage->nodes_left_out);
	pgosp_put_waits(w, &usage->waits);
	osp_put_end(w);
}
