/* SPDX-License-Identifier: Apache-2.0
 *
 * find_sqlite.c
 *	  Rules about SQLite: checkpoints, waiting for the disk, and reading whole
 *	  tables.
 */
#include "report/findings/rules.h"
#include "report/findings/sqlite/compared.h"
#include "report/findings/sqlite_function.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sql/sql_text.h"

/* The longest statement, in bytes, that is repeated inside a command. */
#define COMMAND_MAX 500

#define STEPS_MIN  1000
#define STEPS_EACH 10

/* The cost of reading a row of a table, or of adding one to an index: steps of SQLite's
 * virtual machine, and at most this many ns. A statement with more steps for each row
 * does other work, too: it joins, sorts or aggregates. */
#define SCAN_STEPS  4
#define SCAN_NS     300
#define INDEX_STEPS 8
#define INDEX_NS    1000

/* A row that takes this long is mentioned. */
#define SLOW_ROW_NS 3000

/* Sums of the rules about scans, checkpoints, and syncs. */
enum
{
	SUM_STEPS,
	SUM_ROWS,
	SUM_BOUNDED, /* statements that did other work, too */
	SUM_CALLS    /* 2: they call a function of the program, 1: they do not */
};

enum
{
	SUM_PAGES,
	SUM_MOVED
};

enum
{
	SUM_SYNCS,
	SUM_COMMITS, /* of changes of rows */
	SUM_VOTES_NS /* lead of the statement that waited most so far */
};

void
osp__look_sqlite_checkpoints(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		osp__group *group;

		if (op->kind != OSP__OP_CHECKPOINT)
			continue;
		group = osp__group_of(f, op->file);
		osp__claim_below(f, group, op);
		if (group == NULL)
			continue;
		group->sums[SUM_PAGES] += osp__op_fact(op, OSP__PAGES);
		group->sums[SUM_MOVED] += osp__op_fact(op, OSP__PAGES_MOVED);
	}
}

void
osp__tell_sqlite_checkpoints(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	bool held_back = group->sums[SUM_MOVED] < group->sums[SUM_PAGES];

	osp__say_number(&finding->cause, (int64_t) group->count, "checkpoint");
	osp_buf_add_str(&finding->cause, OSP_STR(" of the WAL took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" to bring the database file"));
	osp__say_file(f, group->largest, "", &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" up to date, with "));
	osp__say_number(&finding->cause, group->sums[SUM_MOVED], "page");
	osp_buf_add_str(&finding->cause, OSP_STR(", while the statement waited."));
	osp__say_statement(f, group->largest, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		held_back
			? OSP_STR("Open transactions of readers kept pages in the WAL, so "
					  "that each checkpoint begins with them again: end those "
					  "transactions sooner.")
			: OSP_STR("PRAGMA wal_autocheckpoint says after how many pages a "
					  "commit does this. A thread that has its own connection "
					  "can do it instead: PRAGMA wal_autocheckpoint = 0, and "
					  "there PRAGMA wal_checkpoint(PASSIVE) now and then."));
	osp__add_figure(finding, "checkpoints", (double) group->count);
	osp__add_figure(finding, "pages", (double) group->sums[SUM_PAGES]);
	osp__add_figure(finding, "moved", (double) group->sums[SUM_MOVED]);
}

/* Updates the group's first operation, so that it becomes one of the statement that
 * waited for most of the time (Boyer and Moore, with weights). */
static void
vote(osp__group *group, osp__op *op, int64_t ns)
{
	if (group->first->shape == op->shape)
		group->sums[SUM_VOTES_NS] += ns;
	else if (group->sums[SUM_VOTES_NS] >= ns)
		group->sums[SUM_VOTES_NS] -= ns;
	else
	{
		group->first = op;
		group->sums[SUM_VOTES_NS] = ns - group->sums[SUM_VOTES_NS];
	}
}

/* How many operations of a group have the statement of its first one. */
static int64_t
count_typical(const osp__group *group)
{
	const osp__claim *claim;
	int64_t count = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
		count += claim->op->shape == group->first->shape;
	return count;
}

void
osp__look_sqlite_syncs(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		int64_t sync_ns = osp__op_fact(op, OSP__WAIT_SYNC);
		osp__group *group;

		if (op->kind != OSP__OP_SQLITE || sync_ns == 0)
			continue;
		group = osp__group_of(f, op->file);
		osp__claim_time(f, group, op, sync_ns);
		if (group == NULL)
			continue;
		vote(group, op, sync_ns);
		group->sums[SUM_SYNCS] += osp__op_fact(op, OSP__SYNCS);
		group->sums[SUM_COMMITS] += op->control == OSP__CONTROL_END ||
									osp__op_fact(op, OSP__CHANGES) > 0;
	}
}

void
osp__tell_sqlite_syncs(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	int64_t typical = count_typical(group);

	osp__say_number(&finding->cause, (int64_t) group->count, "statement");
	osp_buf_add_str(&finding->cause, OSP_STR(" waited "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause,
					OSP_STR(" for the disk, until what was written"));
	osp__say_file(f, group->largest, " to", &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(" is safe ("));
	osp__say_number(&finding->cause, group->sums[SUM_SYNCS], "call");
	osp_buf_add_str(&finding->cause, OSP_STR(" of fsync"));
	osp_buf_add_str(&finding->cause, OSP_STR(")."));
	osp__say_op(f, group->first, &finding->evidence);
	if (typical > 1)
	{
		osp_buf_add_str(&finding->evidence, OSP_STR(", "));
		osp__say_number(&finding->evidence, typical, "time");
	}
	osp_buf_add_str(
		&finding->step,
		group->sums[SUM_COMMITS] > 1
			? OSP_STR(
				  "Put statements that belong together into one "
				  "transaction: each commit waits for the disk. Where they "
				  "do not, PRAGMA journal_mode = WAL and synchronous = "
				  "NORMAL: then only checkpoints wait, and the last commits "
				  "may be undone after a power failure.")
			: OSP_STR("With PRAGMA journal_mode = WAL and synchronous = NORMAL "
					  "only checkpoints wait for the disk; the last commits "
					  "may be undone after a power failure."));
	osp__add_figure(finding, "statements", (double) group->count);
	osp__add_figure(finding, "syncs", (double) group->sums[SUM_SYNCS]);
}

static bool
scans(const osp__op *op)
{
	int64_t steps = osp__op_fact(op, OSP__FULLSCAN_STEPS);

	return steps >= STEPS_MIN &&
		   steps / STEPS_EACH >= osp__op_fact(op, OSP__ROWS);
}

/* Do the statements of a group call functions that are not SQLite's? It is unknown how
 * long those take. */
static bool
calls_program(osp__findings *f, osp__group *group, const osp__op *op)
{
	if (group->sums[SUM_CALLS] == 0)
	{
		osp_buf_reset(&f->scratch);
		osp__op_member(f, op, NULL, "statement", &f->scratch);
		group->sums[SUM_CALLS] =
			osp__program_function(osp_buf_str(&f->scratch)).len > 0 ? 2 : 1;
	}
	return group->sums[SUM_CALLS] == 2;
}

/* The most of op's time that reading this many rows can have taken; indexed: adding
 * them to an index. */
static int64_t
scan_ns(osp__findings *f, osp__group *group, const osp__op *op, int64_t rows,
		bool indexed)
{
	int64_t vm_steps = osp__op_fact(op, OSP__VM_STEPS);
	int64_t each_ns = indexed ? INDEX_NS : SCAN_NS;

	if (rows >= op->left_ns / each_ns ||
		(vm_steps / (indexed ? INDEX_STEPS : SCAN_STEPS) <= rows + STEPS_MIN &&
		 !osp__may_have_paused(op) && !calls_program(f, group, op)))
		return op->left_ns;
	return rows * each_ns;
}

void
osp__look_sqlite_scans(osp__findings *f)
{
	size_t i;

	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];
		bool indexed = osp__op_fact(op, OSP__AUTOINDEX_ROWS) >= STEPS_MIN;
		int64_t rows = osp__op_fact(
			op, indexed ? OSP__AUTOINDEX_ROWS : OSP__FULLSCAN_STEPS);
		osp__group *group;
		int64_t ns;

		if (op->kind != OSP__OP_SQLITE || (!indexed && !scans(op)))
			continue;
		group = osp__group_of(f, osp__op_statement_key(op));
		if (group == NULL)
			continue;
		ns = scan_ns(f, group, op, rows, indexed);
		group->sums[SUM_BOUNDED] += ns < op->left_ns;
		osp__claim_time(f, group, op, ns);
		group->sums[SUM_STEPS] += rows;
		group->sums[SUM_ROWS] += osp__op_fact(op, OSP__ROWS);
	}
}

/* Is there a command of this name in PATH? */
static bool
has_command(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	while (path != NULL && *path != '\0')
	{
		size_t len = strcspn(path, ":");

		if (snprintf(file, sizeof(file), "%.*s/%s", (int) len, path, name) <
				(int) sizeof(file) &&
			access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* May the statement make SQLite search for rows that refer to a removed one? */
static bool
may_remove_keys(osp_str statement)
{
	return osp__begins_with(statement, "delete") ||
		   osp__begins_with(statement, "replace");
}

/* The statement without semicolons and white space at its end. */
static osp_str
trim_statement(osp_str statement)
{
	while (statement.len > 0 &&
		   strchr("; \n\t", statement.ptr[statement.len - 1]) != NULL)
		statement.len--;
	return statement;
}

/* Is it a single statement? Anybody can store points in a shared collector, and users
 * type the command that is shown: EXPLAIN applies only to the first statement, and the
 * others would be executed. */
static bool
is_one_statement(osp_str statement)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_SQLITE);
	while (osp_sql_next_word(&lexer, &token))
		if (token.kind == OSP_SQL_SEMICOLON)
			return false;
	return true;
}

/* Appends the statement, behind EXPLAIN QUERY PLAN. */
static void
put_plan_statement(osp__findings *f, const osp__op *op, osp_str statement,
				   bool removes, osp_buf *out)
{
	if (removes)
		osp_buf_add_str(out, OSP_STR("PRAGMA foreign_keys = ON; "));
	osp_buf_add_str(out, OSP_STR("EXPLAIN QUERY PLAN "));
	if (statement.len > 0 && statement.len <= COMMAND_MAX)
		osp_buf_add_str(out, statement);
	else
		osp__say_op(f, op, out);
}

/* Appends the command that shows the plan of a statement, at the end, so that it can be
 * typed as it is. For a database in memory, only the program itself can execute it. */
static void
put_command(osp__findings *f, const osp__op *op, osp_str statement,
			osp_str file, osp_buf *out)
{
	bool removes = may_remove_keys(statement);
	osp_buf command;

	osp_buf_init(&command, f->report->alc, OSP__FINDING_TEXT);
	put_plan_statement(f, op, statement, removes, &command);
	if (file.len > 0 && !has_command("sqlite3"))
		osp_buf_add_str(
			out, OSP_STR(" The command sqlite3 is in the package sqlite3."));
	osp_buf_add_str(out, OSP_STR(" Which table is scanned"));
	if (removes)
		osp_buf_add_str(out, OSP_STR(", unless a trigger does it,"));
	osp_buf_add_str(
		out,
		file.len > 0 ? OSP_STR(" is shown by: sqlite3 ")
					 : OSP_STR(" is shown if the program itself executes: "));
	if (file.len > 0)
	{
		osp__say_quoted(file, out);
		osp_buf_add_char(out, ' ');
		osp__say_quoted(osp_buf_str(&command), out);
	}
	else
		osp_buf_add_str(out, osp_buf_str(&command));
	if (f->status == OSP_OK)
		f->status = osp_buf_status(&command);
	osp_buf_term(&command);
}

static void
say_plan_command(osp__findings *f, const osp__op *op, osp_buf *out)
{
	osp_buf text;
	osp_buf file;
	osp_str statement;

	osp_buf_init(&text, f->report->alc, OSP__FINDING_TEXT);
	osp_buf_init(&file, f->report->alc, OSP__FINDING_TEXT);
	osp__op_member(f, op, NULL, "statement", &text);
	statement = trim_statement(osp_buf_str(&text));
	if (!op->in_memory)
		osp__op_member(f, op, NULL, "name", &file);

	/* No command is shown if the name of the file begins with "-", which
	 * sqlite3 would take for an option, or if there are several statements. */
	if (!is_one_statement(statement) || (file.len > 0 && file.ptr[0] == '-'))
		osp_buf_add_str(
			out, OSP_STR(" EXPLAIN QUERY PLAN shows which table is scanned."));
	else
		put_command(f, op, statement, osp_buf_str(&file), out);
	osp_buf_term(&text);
	osp_buf_term(&file);
}

/* How a statement uses LIKE; a pattern that begins with a wildcard is the worst. */
typedef enum pattern
{
	PATTERN_NONE,
	PATTERN_LIKE,
	PATTERN_OPEN
} pattern;

static pattern
pattern_of(osp_str statement)
{
	osp_sql_lexer lexer;
	osp_sql_token token;
	pattern found = PATTERN_NONE;
	bool like = false;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_SQLITE);
	while (osp_sql_next_word(&lexer, &token))
	{
		if (like && token.kind == OSP_SQL_STRING && token.text.len > 1 &&
			(token.text.ptr[1] == '%' || token.text.ptr[1] == '_'))
			return PATTERN_OPEN;
		like = osp_sql_is(&token, "like");
		if (like)
			found = PATTERN_LIKE;
	}
	return found;
}

/* Appends how an index could help: which columns the statement compares, or why it
 * reads all rows. */
static void
say_compared(osp_str statement, osp_buf *out)
{
	osp__compared compared;
	unsigned i;

	osp__compared_of(statement, &compared);
	if (compared.count == 0 && compared.expression)
	{
		osp_buf_add_str(
			out,
			OSP_STR("It compares an expression, which an index on the columns "
					"does not help: CREATE INDEX on the expression itself "
					"does, if all of it is of one table."));
		return;
	}
	if (compared.whole && !compared.conditions)
	{
		osp_buf_add_str(out,
						OSP_STR("It compares nothing, so it reads all rows"));
		osp_buf_add_str(
			out,
			compared.extreme ? OSP_STR(": an index on the column of min() or "
									   "max() spares that, if it asks for "
									   "nothing else.")
			: compared.order ? OSP_STR(": an index on the columns of ORDER BY "
									   "saves the sort, and with LIMIT most of "
									   "the reading.")
							 : OSP_STR(": ask for fewer, or keep what it "
									   "returns."));
		return;
	}
	osp_buf_add_str(
		out, OSP_STR("If the statement is frequent, try CREATE INDEX on "));
	osp_buf_add_str(out,
					compared.count > 0
						? OSP_STR("what it compares (")
						: OSP_STR("the columns that it compares"));
	for (i = 0; i < compared.count; i++)
	{
		if (i > 0)
			osp_buf_add_str(out, OSP_STR(", "));
		osp_buf_add_str(out, compared.columns[i]);
	}
	if (compared.count > 0)
		osp_buf_add_char(out, ')');
	osp_buf_add_str(out, OSP_STR(", and ANALYZE."));
}

static void
say_index(osp__findings *f, const osp__op *op, osp_buf *out)
{
	pattern like;

	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "statement", &f->scratch);
	like = pattern_of(osp_buf_str(&f->scratch));
	if (like == PATTERN_OPEN)
	{
		osp_buf_add_str(
			out,
			OSP_STR("No index helps a LIKE whose pattern begins with % or _: "
					"a full-text index does (CREATE VIRTUAL TABLE … USING "
					"fts5; its trigram tokenizer finds any part of a word)."));
		return;
	}
	say_compared(osp_buf_str(&f->scratch), out);
	if (like == PATTERN_LIKE)
		osp_buf_add_str(
			out,
			OSP_STR(" For LIKE that must be (column COLLATE NOCASE), for it "
					"ignores case, and no index helps if the pattern begins "
					"with % or _; GLOB, which does not ignore it, uses any."));
	if (may_remove_keys(osp_buf_str(&f->scratch)))
		osp_buf_add_str(
			out,
			OSP_STR(" If other tables refer to the rows, SQLite searches these "
					"for each row that is removed: they need an index on the "
					"columns that refer to it."));
}

/* Appends a remark if the rows took longer than SQLite needs. */
static void
say_slow_rows(const osp__group *group, osp_buf *evidence)
{
	int64_t each_ns = group->sums[SUM_STEPS] > 0
						  ? group->spent_ns / group->sums[SUM_STEPS]
						  : 0;

	if (each_ns < SLOW_ROW_NS)
		return;
	osp_buf_add_str(evidence, OSP_STR("; each row took "));
	osp__say_time(evidence, each_ns);
	osp_buf_add_str(evidence,
					OSP_STR(": they are long, they came from the disk, or a "
							"view or collation has a function of the program"));
}

void
osp__tell_sqlite_scans(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *op = group->largest;
	bool indexed = osp__op_fact(op, OSP__AUTOINDEX_ROWS) >= STEPS_MIN;

	if (indexed)
		osp_buf_add_str(&finding->cause,
						OSP_STR("SQLite made an index of its own, for the "
								"time of the statement, over "));
	else
		osp_buf_add_str(&finding->cause, OSP_STR("SQLite read whole tables, "));
	osp__say_number(&finding->cause, group->sums[SUM_STEPS], "row");
	osp__say_file(f, op, " of", &finding->cause);
	osp_buf_add_str(&finding->cause, OSP_STR(", to return "));
	osp__say_count(&finding->cause, group->sums[SUM_ROWS]);
	osp_buf_add_str(&finding->cause,
					group->sums[SUM_BOUNDED] > 0
						? OSP_STR("; that took at most ")
						: OSP_STR("; that took "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_char(&finding->cause, '.');
	osp__say_op(f, op, &finding->evidence);
	if (osp__op_fact(op, OSP__SORTS) > 0)
		osp_buf_add_str(&finding->evidence, OSP_STR("; it sorted rows, too"));
	say_slow_rows(group, &finding->evidence);
	say_index(f, op, &finding->step);
	say_plan_command(f, op, &finding->step);
	osp__add_figure(finding, "rows_read", (double) group->sums[SUM_STEPS]);
	osp__add_figure(finding, "rows_returned", (double) group->sums[SUM_ROWS]);
}
