/* SPDX-License-Identifier: Apache-2.0
 *
 * run_follow.c
 *	  With --follow, prints a line for each point on stderr as soon as it arrives.
 *
 *	     12.345 ms  > db SELECT 1
 *	     12.801 ms  < db 0.456 ms
 */
#include "run/run.h"

#include <errno.h>
#include <unistd.h>

#include "control_text.h"
#include "notify/batch.h"
#include "record/record.h"

/* The longest line, and the longest statement in it, in bytes. */
#define LINE_MAX_LEN  4096
#define STATEMENT_MAX 200

/* Finds the first text with this key, on any level of nesting; empty: there is none. */
static osp_str
find_text(osp_str info, osp_str key)
{
	size_t pos = 0;
	osp_attr attr;

	while (osp_attr_next(info, &pos, &attr))
		if (attr.type == OSP_ATTR_STR && osp_str_eq(attr.key, key))
			return attr.value;
	return OSP_STR("");
}

static osp_str
find_etype(osp_str info)
{
	size_t pos = 0;
	osp_attr attr;

	while (osp_attr_next(info, &pos, &attr))
	{
		if (!osp_str_eq(attr.key, OSP_STR("etype")))
			continue;
		if (attr.type == OSP_ATTR_SQLSTATE)
		{
			const char *name = osp_sqlstate_name(attr.value.ptr);

			return name != NULL ? osp_str_of(name) : attr.value;
		}
		return attr.value;
	}
	return OSP_STR("");
}

static void
add_start(osp_buf *line, const osp_record *record)
{
	osp_str statement = find_text(record->info, OSP_STR("statement"));

	osp_buf_add_str(line, OSP_STR("> "));
	cli_add_visible(line, record->name);
	if (statement.len == 0)
		return;
	osp_buf_add_char(line, ' ');
	cli_add_visible(
		line,
		osp_str_n(statement.ptr, osp_utf8_prefix(statement, STATEMENT_MAX)));
	if (statement.len > STATEMENT_MAX)
		osp_buf_add_str(line, OSP_STR("..."));
}

static void
add_stop(osp_buf *line, const osp_record *record)
{
	osp_str etype = find_etype(record->info);

	osp_buf_add_str(line, OSP_STR("< "));
	cli_add_visible(line, record->name);
	osp_buf_addf(line, " %.3f ms", (double) record->elapsed_ns / 1e6);
	if (etype.len == 0)
		return;
	osp_buf_add_str(line, OSP_STR(" failed: "));
	cli_add_visible(line, etype);
}

static void
print_record(const run_follow *follow, const osp_record *record)
{
	osp_buf line;

	osp_buf_init(&line, &osp_allocator_default, LINE_MAX_LEN);
	osp_buf_addf(&line,
				 "%12.3f ms  ",
				 (double) (record->mono_ns - follow->start_ns) / 1e6);
	if (record->kind == OSP_RECORD_START)
		add_start(&line, record);
	else
		add_stop(&line, record);
	osp_buf_add_char(&line, '\n');

	/* An error of stderr cannot be reported anywhere. */
	if (line.ptr != NULL && write(STDERR_FILENO, line.ptr, line.len) < 0)
		errno = 0;
	osp_buf_term(&line);
}

void
run_follow_record(void *ctx, const osp_record *record)
{
	run_follow *follow = (run_follow *) ctx;

	if (!follow->saw_any || record->mono_ns < follow->first_ns)
		follow->first_ns = record->mono_ns;
	if (!follow->saw_any || record->mono_ns > follow->last_ns)
		follow->last_ns = record->mono_ns;
	follow->saw_any = true;
	follow->saw_libpq |=
		record->name.len >= 2 && memcmp(record->name.ptr, "db", 2) == 0;
	run_seen_add(&follow->seen, record);
	if (follow->prints)
		print_record(follow, record);
}
