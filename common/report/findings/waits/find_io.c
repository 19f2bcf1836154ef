/* SPDX-License-Identifier: Apache-2.0
 *
 * find_io.c
 *	  Rules: reading blocks that are not in PostgreSQL's buffers, writing, temporary
 *	  files.
 */
#include "report/findings/foreign_key.h"
#include "report/findings/rules.h"

/* Approximate size of a full-page image. */
#define IMAGE_KB 8

enum
{
	SUM_BLOCKS,
	SUM_KB,
	SUM_IMAGES,
	SUM_READ = SUM_KB,
	SUM_NEEDED = SUM_IMAGES,
	SUM_MOST_KB = SUM_IMAGES, /* largest of one process in one node */
	SUM_LOOPS
};

/* Groups of the rule about data that did not fit into memory. */
enum
{
	SPILL_OF_NODES,
	SPILL_OF_STATEMENTS
};

/*
 * The I/O time of op: the measured one (track_io_timing), or the sampled waits
 * if these are longer. All time that rules about nodes have claimed of the
 * statement may have been of this kind, so only the rest counts.
 */
static int64_t
own_time(const osp__findings *f, const osp__op *op, osp__fact measured,
		 osp__fact seen)
{
	int64_t a = osp__op_own_fact(f, op, measured);
	int64_t b = osp__op_own_fact(f, op, seen);

	if (op->claimed || op->timed->claimed)
		return 0;
	a = a > b ? a : b;
	if (op->kind == OSP__OP_PG)
		a -= op->nodes_ns;
	return a > 0 ? a : 0;
}

/* Claims the time that operations spent on a kind of I/O, and sums up its blocks. */
static void
claim_io(osp__findings *f, osp__fact measured, osp__fact seen, osp__fact blocks)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		int64_t ns;

		if (osp__op_fact(op, measured) == 0 && osp__op_fact(op, seen) == 0)
			continue;
		ns = own_time(f, op, measured, seen);
		group = osp__group_of(f, 0);
		osp__claim_time(f, group, op, ns);
		if (group != NULL && op->kind == OSP__OP_PG)
			group->sums[SUM_BLOCKS] += osp__op_own_fact(f, op, blocks);
	}
}

/* ---- long values ---- */

/* Blocks read beyond those that a plan can need for its tables and indexes are long
 * values in TOAST tables, if they are this many, and this many times the needed ones.
 * The factor allows for old statistics and for dead rows. */
#define TOAST_BLOCKS_MIN 1000
#define TOAST_TIMES      10

/* Can a scan have read a long value? */
static bool
may_read_toast(const osp__op *op)
{
	return !op->no_toast && osp__op_fact(op, OSP__LOOPS) > 0 &&
		   (op->node_kind == OSP__NODE_SEQ_SCAN ||
			op->node_kind == OSP__NODE_INDEX_SCAN ||
			op->node_kind == OSP__NODE_BITMAP_HEAP_SCAN);
}

/* How many blocks of tables and indexes the plan of a statement can have
 * needed, without TOAST tables. -1: not known, or no scan of the plan can have
 * read long values, so no blocks of TOAST tables are to be looked for. */
static int64_t
plan_blocks(osp__findings *f, const osp__op *op)
{
	const osp__op *at = op;
	int64_t blocks = 0;
	bool toast = false;

	while ((at = osp__op_next_node(f, at, op)) != NULL)
	{
		int64_t needed = osp__node_blocks_needed(f, at);

		if (needed < 0)
			return -1;
		toast = toast || may_read_toast(at);
		blocks += needed;
	}
	return toast ? blocks : -1;
}

/* How long a statement read blocks, including the nodes of its plan, but not the
 * statements inside it. */
static int64_t
read_ns(const osp__findings *f, const osp__op *op)
{
	int64_t measured = osp__op_fact(op, OSP__IO_READ);
	int64_t seen = osp__op_own_fact(f, op, OSP__WAIT_READ);
	const osp__op *at = osp__op_child(f, op);

	while (at != NULL)
	{
		if (at->kind == OSP__OP_PG)
			measured -= osp__op_fact(at, OSP__IO_READ);
		at = at->statement == at ? osp__op_beside(f, at, op)
								 : osp__op_below(f, at, op);
	}
	measured /= 1 + op->workers;
	return (measured > seen ? measured : seen) - op->nodes_ns;
}

/* Claims the part of a statement's reading that was not for its tables and indexes. */
static void
claim_toast(osp__findings *f, osp__op *op)
{
	int64_t ns = read_ns(f, op);
	int64_t read = osp__op_own_fact(f, op, OSP__BLOCKS_READ);
	int64_t blocks = read + osp__op_own_fact(f, op, OSP__BLOCKS_HIT);
	int64_t needed;
	osp__group *group;

	if (ns <= 0 || read < TOAST_BLOCKS_MIN)
		return;
	needed = plan_blocks(f, op);
	if (needed < 0 || read / TOAST_TIMES < needed)
		return;
	group = osp__group_of(f, op->shape);
	osp__claim_io(
		f,
		group,
		op,
		osp__ns_of((double) ns * (double) (read - needed) / (double) read));
	if (group == NULL)
		return;
	group->sums[SUM_BLOCKS] += blocks;
	group->sums[SUM_READ] += read;
	group->sums[SUM_NEEDED] += needed;
}

void
osp__look_toast(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
		if (f->ops[i].kind == OSP__OP_PG)
			claim_toast(f, &f->ops[i]);
}

void
osp__tell_toast(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause,
					OSP_STR("Reading long values from TOAST tables took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(": "));
	osp__say_number(&finding->cause, group->sums[SUM_BLOCKS], "block");
	osp_buf_add_str(&finding->cause,
					OSP_STR(" were used, of which the tables and indexes of "
							"the plan can have needed "));
	osp__say_count(&finding->cause, group->sums[SUM_NEEDED]);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_number(&finding->evidence, group->sums[SUM_READ], "block");
	osp_buf_add_str(
		&finding->evidence,
		OSP_STR(" were not in PostgreSQL's buffers; the tables are taken to be "
				"as large as their statistics say"));
	osp_buf_add_str(
		&finding->step,
		OSP_STR("Select only the columns that are used: a long value is read "
				"when it is looked at or returned, and not before. Keep what "
				"is searched or sorted often in columns of its own."));
	osp__add_figure(finding, "blocks", (double) group->sums[SUM_BLOCKS]);
	osp__add_figure(finding, "blocks_read", (double) group->sums[SUM_READ]);
	osp__add_figure(finding, "blocks_needed", (double) group->sums[SUM_NEEDED]);
}

void
osp__look_reads(osp__findings *f)
{
	claim_io(f, OSP__IO_READ, OSP__WAIT_READ, OSP__BLOCKS_READ);
}

void
osp__look_writes(osp__findings *f)
{
	claim_io(f, OSP__IO_WRITE, OSP__WAIT_WRITE, OSP__BLOCKS_WRITTEN);
}

void
osp__tell_writes(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t blocks = group->sums[SUM_BLOCKS];

	osp_buf_add_str(&finding->cause,
					OSP_STR("The server wrote data files itself while the "
							"statement ran, which took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	if (blocks > 0)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(": "));
		osp__say_number(&finding->evidence, blocks, "block");
		osp_buf_add_str(&finding->evidence, OSP_STR(" written"));
		osp__add_figure(finding, "blocks_written", (double) blocks);
	}
	osp_buf_add_str(
		&finding->step,
		OSP_STR("New blocks are written when a table grows, and changed ones "
				"when there is no clean buffer left: compare shared_buffers "
				"with what is changed, and see buffers_backend in "
				"pg_stat_bgwriter (pg_stat_io)."));
}

void
osp__look_wal(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		int64_t ns;

		if (op->kind != OSP__OP_PG || op->facts == NULL)
			continue;
		ns = osp__op_own_fact(f, op, OSP__WAIT_WAL) +
			 osp__op_own_fact(f, op, OSP__WAIT_WAL_OTHER);
		if (ns == 0)
			continue;
		group = osp__group_of(f, 0);
		osp__claim_time(f, group, op, ns);
		if (group == NULL)
			continue;
		group->sums[SUM_KB] += osp__op_own_fact(f, op, OSP__WAL_BYTES) / 1024;
		group->sums[SUM_IMAGES] += osp__op_own_fact(f, op, OSP__WAL_IMAGES);
	}
}

void
osp__tell_wal(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp_buf_add_str(&finding->cause,
					OSP_STR("Writing the WAL while the statement ran took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(&finding->evidence, OSP_STR(": "));
	osp__say_count(&finding->evidence, group->sums[SUM_KB]);
	osp_buf_add_str(&finding->evidence, OSP_STR(" kB of WAL, with "));
	osp__say_number(
		&finding->evidence, group->sums[SUM_IMAGES], "full-page image");
	osp_buf_add_str(
		&finding->step,
		group->sums[SUM_IMAGES] * IMAGE_KB >= group->sums[SUM_KB] / 2
			? OSP_STR("Most of it are full-page images, as after a "
					  "checkpoint: compare max_wal_size with the WAL that is "
					  "written in checkpoint_timeout.")
			: OSP_STR("See how busy the disk of pg_wal is. A larger "
					  "wal_buffers lets the walwriter do more of it; fewer "
					  "indexes need less WAL."));
	osp__add_figure(finding, "wal_kb", (double) group->sums[SUM_KB]);
	osp__add_figure(
		finding, "full_page_images", (double) group->sums[SUM_IMAGES]);
}

/* Is a statement of a server, or one around it, maintenance? ALTER TABLE and the like
 * run queries of their own. */
static bool
is_in_maintenance(osp__findings *f, const osp__op *op)
{
	for (; op != NULL && op->kind == OSP__OP_PG;
		 op = osp__op_statement(op->parent))
	{
		osp_buf_reset(&f->scratch);
		osp__op_member(f, op, NULL, "statement", &f->scratch);
		if (osp__is_maintenance(osp_buf_str(&f->scratch)))
			return true;
	}
	return false;
}

/* Appends how a foreign key's own statement may read less. */
static void
say_key_step(osp__findings *f, const osp__op *statement, osp_buf *step)
{
	osp__foreign_key key;

	osp__foreign_key_init(f, &key);
	osp_buf_add_str(
		step,
		OSP_STR("PostgreSQL runs it for a foreign key. If it is fast the next "
				"time, the data was only not in memory yet. Otherwise "));
	if (osp__foreign_key_read(f, statement, &key) && key.referring)
		osp_buf_addf(step,
					 "see whether %.*s has an index that begins with %.*s, or ",
					 (int) key.table.len,
					 key.table.ptr,
					 (int) key.columns.len,
					 key.columns.ptr);
	osp_buf_add_str(
		step, OSP_STR("compare shared_buffers with the size of the tables."));
	osp__foreign_key_term(&key);
}

/* Appends how a statement, NULL: an unknown one, may take less time to read. */
static void
say_read_step(osp__findings *f, const osp__op *statement, osp_buf *step)
{
	if (is_in_maintenance(f, statement))
		osp_buf_add_str(
			step,
			OSP_STR("Reading tables is the work of such a statement. It takes "
					"less while they are in memory, or while the disk has "
					"little else to do."));
	else if (statement != NULL && statement->checks_key)
		say_key_step(f, statement, step);
	else
		osp_buf_add_str(
			step,
			OSP_STR("Run it again: if it is fast then, the data was only not "
					"in memory yet. Otherwise let it read less (an index, "
					"fewer rows or columns), or compare shared_buffers with "
					"the size of the tables."));
}

void
osp__tell_reads(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t blocks = group->sums[SUM_BLOCKS];

	osp_buf_add_str(&finding->cause, OSP_STR("Reading "));
	if (blocks > 0)
	{
		osp__say_number(&finding->cause, blocks, "block");
		osp_buf_add_char(&finding->cause, ' ');
	}
	osp_buf_add_str(&finding->cause,
					OSP_STR("that were not in PostgreSQL's buffers took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, group->largest, &finding->evidence);
	if (blocks > 0)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(": "));
		osp__say_time(&finding->evidence, group->spent_ns / blocks);
		osp_buf_add_str(&finding->evidence, OSP_STR(" for a block"));
		osp__add_figure(finding, "blocks_read", (double) blocks);
	}
	say_read_step(f, osp__op_statement(group->largest), &finding->step);
}

static bool
spills(const osp__op *op)
{
	return osp__op_fact(op, OSP__DISK_KB) > 0 ||
		   osp__op_fact(op, OSP__BATCHES) > 1;
}

/* Sorting or grouping a row through files takes as long as passing this many
 * rows on. */
#define SPILL_ROWS 3

/* Claims the work of a node that spilled. If it was not measured, its rows count more
 * than those of other nodes. */
static void
claim_spilled_node(osp__findings *f, osp__group *group, osp__op *op)
{
	const osp__op *statement = op->timed;
	double rows = osp__node_rows(f, op);
	double all = statement->node_rows + (SPILL_ROWS - 1) * rows;
	double ns = (double) osp__node_own_ns(f, op);

	if (!statement->timed_nodes && all > 0 &&
		osp__op_fact(op, OSP__DISK_KB) > 0)
		ns = (double) osp__nodes_ns(statement) * SPILL_ROWS * rows / all;
	osp__claim_node_ns(
		f, group, op, osp__ns_of(ns * osp__part_of_nodes(statement)), true);
}

/* Claims the work of a node that wrote to disk, and for a hash also that of its
 * join. */
static void
claim_spill(osp__findings *f, osp__op *op)
{
	osp__group *group = osp__group_of(f, SPILL_OF_NODES);
	int64_t kb = osp__op_fact(op, OSP__DISK_KB);
	int64_t most_kb = osp__op_fact(op, OSP__DISK_KB_MOST);

	claim_spilled_node(f, group, op);
	if (op->parent->kind == OSP__OP_NODE &&
		osp__op_fact(op, OSP__BATCHES) > 1 && kb == 0)
		osp__claim_node(f, group, op->parent, false);
	if (group == NULL)
		return;
	group->sums[SUM_KB] += kb;
	group->sums[SUM_LOOPS] += osp__op_fact(op, OSP__LOOPS);
	if (group->sums[SUM_MOST_KB] < most_kb)
		group->sums[SUM_MOST_KB] = most_kb;
}

void
osp__look_spills(osp__findings *f)
{
	size_t i;

	/* A node that spilled tells more than its statement, which has the same time, so
	 * the node is used. */
	for (i = 1; i < f->op_count; i++)
		f->ops[i].handled = false;
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
		if (f->ops[i].kind == OSP__OP_NODE && spills(&f->ops[i]))
		{
			claim_spill(f, &f->ops[i]);
			f->ops[i].timed->handled = true;
		}
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;
		int64_t ns;

		if (op->kind == OSP__OP_NODE || op->handled ||
			osp__op_fact(op, OSP__TEMP_BLOCKS) == 0)
			continue;
		group = osp__group_of(f, SPILL_OF_STATEMENTS);
		ns = own_time(f, op, OSP__TEMP_IO, OSP__WAIT_TEMP);
		osp__claim_time(f, group, op, ns);
		if (group != NULL && op->kind == OSP__OP_PG)
			group->sums[SUM_BLOCKS] +=
				osp__op_own_fact(f, op, OSP__TEMP_BLOCKS);
	}
}

/* The setting that limits the memory of a statement's sorts. */
static const char *
memory_setting(osp__findings *f, const osp__op *op)
{
	if (op->kind != OSP__OP_PG)
		return "work_mem";
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	return osp__is_maintenance(osp_buf_str(&f->scratch))
			   ? "maintenance_work_mem"
			   : "work_mem";
}

/* Does the node run in several processes, or was its plan made for that? */
static bool
is_of_parallel_plan(const osp__op *op)
{
	const osp__op *at = op;

	if (op->kind != OSP__OP_NODE)
		return false;
	for (; at != op->timed; at = at->parent)
		if (at->parallel || osp__op_fact(at, OSP__WORKERS_PLANNED) > 0)
			return true;
	return op->timed->workers > 0;
}

/* Appends advice about memory. A sort needs about three times as much memory as space
 * on disk. */
static void
say_work_mem(osp_buf *step, int64_t disk_kb, const char *setting, bool parallel)
{
	int64_t mb = 16;

	while (mb < 1024 && mb * 1024 < disk_kb * 3)
		mb *= 2;
	if (disk_kb > 0 && mb < 1024)
		osp_buf_addf(step,
					 "Try SET %s = '%lldMB' in the session that runs this "
					 "statement%s%s.",
					 setting,
					 (long long) mb,
					 setting[0] == 'w' ? "; it counts for each sort and hash"
									   : "",
					 setting[0] == 'w' && parallel
						 ? " of each process of this parallel plan"
						 : "");
	else
		osp_buf_addf(step,
					 "Sort or hash fewer rows or columns, or try a larger %s "
					 "in the session that runs this statement.",
					 setting);
}

/* Appends ": 989 ms (by the rows, not measured) in 3 loops". */
static void
say_spilled_nodes(const osp__group *group, osp_buf *out)
{
	osp_buf_add_str(out, OSP_STR(": "));
	osp__say_node_time(group, out);
	if (group->sums[SUM_LOOPS] > 1)
	{
		osp_buf_add_str(out, OSP_STR(" in "));
		osp__say_number(out, group->sums[SUM_LOOPS], "loop");
	}
}

void
osp__tell_spills(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *largest = group->largest;
	int64_t disk_kb = group->sums[SUM_KB];
	const char *setting = memory_setting(f, largest);
	bool of_nodes = largest->kind == OSP__OP_NODE;
	bool parallel = is_of_parallel_plan(largest);

	if (of_nodes)
	{
		osp__say_op(f, largest, &finding->cause);
		osp_buf_add_str(&finding->cause,
						OSP_STR(" did not fit into work_mem and used "
								"temporary files. All of its work took "));
	}
	else
		osp_buf_addf(&finding->cause,
					 "Writing and reading temporary files, for lack of %s, "
					 "took ",
					 setting);
	osp__say_time(&finding->cause, group->spent_ns);
	if (of_nodes)
		osp_buf_add_str(&finding->cause,
						OSP_STR(", of which the files are a part"));
	osp_buf_add_char(&finding->cause, '.');
	osp__say_statement(f, largest, &finding->evidence);
	if (of_nodes)
		say_spilled_nodes(group, &finding->evidence);
	if (disk_kb > 0)
	{
		osp_buf_add_str(&finding->evidence,
						of_nodes ? OSP_STR(", ") : OSP_STR(": "));
		osp__say_count(&finding->evidence, disk_kb);
		osp_buf_add_str(&finding->evidence, OSP_STR(" kB on disk"));
		osp__add_figure(finding, "disk_kb", (double) disk_kb);
	}
	else if (group->sums[SUM_BLOCKS] > 0)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(": "));
		osp__say_number(&finding->evidence, group->sums[SUM_BLOCKS], "block");
		osp_buf_add_str(&finding->evidence, OSP_STR(" written"));
		osp__add_figure(
			finding, "blocks_written", (double) group->sums[SUM_BLOCKS]);
	}
	if (of_nodes)
		disk_kb = group->sums[SUM_MOST_KB];
	else
		disk_kb = group->sums[SUM_BLOCKS] * 8;
	say_work_mem(&finding->step, disk_kb, setting, parallel);
	if (parallel)
		osp_buf_add_str(
			&finding->step,
			OSP_STR(" With more memory the planner may choose a plan without "
					"workers: there one process needs the memory of all, and "
					"it may take longer."));
	if (of_nodes)
		osp_buf_add_str(
			&finding->step,
			OSP_STR(" Compare how long it takes then: files that stay in the "
					"system's page cache cost little."));
}
