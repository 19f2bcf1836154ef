/* SPDX-License-Identifier: Apache-2.0
 *
 * find_words.c
 *	  Writes the parts of the findings' sentences: times, numbers, statements.
 */
#include "report/findings/findings.h"

#include "sql/sql_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "report/terminal_text.h"

/* The end of a remark about a time that was not measured. */
#define NOT_MEASURED ", not measured)"

#define OP_COLUMNS 160

void
osp__say_time(osp_buf *out, int64_t ns)
{
	char text[OSP__DURATION_MAX];

	osp__duration_text(ns, text);
	osp_buf_add_str(out, osp_str_of(text));
}

void
osp__say_count(osp_buf *out, int64_t count)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, count);
	int i;

	for (i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			osp_buf_add_char(out, ',');
		osp_buf_add_char(out, digits[i]);
	}
}

void
osp__say_number(osp_buf *out, int64_t count, const char *thing)
{
	osp__say_count(out, count);
	osp_buf_add_char(out, ' ');
	osp_buf_add_str(out, osp_str_of(thing));
	if (count != 1)
		osp_buf_add_char(out, 's');
}

void
osp__say_file(osp__findings *f, const osp__op *op, const char *before,
			  osp_buf *out)
{
	if (!f->report->sqlite_files)
		return;
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, NULL, "name", &f->scratch);
	if (f->scratch.len > 0)
		osp_buf_addf(out, "%s %s", before, f->scratch.ptr);
}

/* May a byte stand unquoted in a word of a shell? */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') ||
		   (c != '\0' && strchr("/._-+,:@%", c) != NULL);
}

bool
osp__is_shell_word(osp_str text)
{
	size_t i;

	for (i = 0; i < text.len && is_plain(text.ptr[i]); i++)
		;
	return text.len > 0 && i == text.len;
}

void
osp__say_quoted(osp_str text, osp_buf *out)
{
	size_t i;

	if (osp__is_shell_word(text))
	{
		osp_buf_add_str(out, text);
		return;
	}
	osp_buf_add_char(out, '\'');
	for (i = 0; i < text.len; i++)
		if (text.ptr[i] == '\'')
			osp_buf_add_str(out, OSP_STR("'\\''"));
		else
			osp_buf_add_char(out, text.ptr[i]);
	osp_buf_add_char(out, '\'');
}

void
osp__say_op(osp__findings *f, const osp__op *op, osp_buf *out)
{
	osp_str name;

	if (f->status != OSP_OK || op == NULL || op->node == NULL)
		return;
	f->status = osp__report_describe(f->report, op->node, &f->what);
	if (f->status != OSP_OK)
		return;
	name = op->node->name;
	if (f->what.detail.len > 0)
		name = osp_buf_str(&f->what.detail);
	while (name.len > 0 && name.ptr[name.len - 1] == ';')
		name.len--;
	(void) osp__terminal_text(out, name, true, OP_COLUMNS);
}

void
osp__say_statement(osp__findings *f, const osp__op *op, osp_buf *out)
{
	osp__op *statement = osp__op_statement(op);

	/* A wait for a lock before the statement is planned is below pg.parse. */
	if (op->kind == OSP__OP_WAIT && op->parent->kind == OSP__OP_PARSE)
		statement = op->parent;
	osp__say_op(f, statement != NULL ? statement : op, out);
	if (statement == NULL || statement->parent->kind != OSP__OP_TRIGGER)
		return;
	osp_buf_add_str(out, OSP_STR(", in the trigger "));
	osp__say_op(f, statement->parent, out);
}

/* In how many executions of statements a group has claimed the work of nodes. */
static int64_t
executions_of(const osp__group *group)
{
	const osp__claim *claim;
	int64_t count = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
		claim->op->handled = false;
	for (claim = group->claims; claim != NULL; claim = claim->next)
	{
		count += claim->node != NULL && !claim->op->handled;
		if (claim->node != NULL)
			claim->op->handled = true;
	}
	return count;
}

void
osp__say_time_judged_by(const osp__group *group, const char *what, osp_buf *out)
{
	int64_t executions = executions_of(group);

	osp__say_time(out, group->spent_ns - group->alike_ns);
	if (!group->largest->timed->timed_nodes)
		osp_buf_addf(out, " (by %s" NOT_MEASURED, what);
	if (executions > 1)
	{
		osp_buf_add_str(out, OSP_STR(" for this and "));
		osp__say_number(out, executions - 1, "other execution");
	}
}

bool
osp__findings_are_judged(const osp__findings *f)
{
	unsigned i;

	for (i = 0; i < f->found_count; i++)
	{
		osp_str text = osp_buf_str(&f->found[i].evidence);

		if (text.len > 0 && memmem(text.ptr,
								   text.len,
								   NOT_MEASURED,
								   sizeof(NOT_MEASURED) - 1) != NULL)
			return true;
	}
	return false;
}

void
osp__say_node_time(const osp__group *group, osp_buf *out)
{
	osp__say_time_judged_by(group, "the rows", out);
}

void
osp__add_figure(osp__finding *finding, const char *name, double value)
{
	osp__figure *figure = &finding->figures[finding->figure_count];

	if (finding->figure_count == OSP__FIGURES_MAX)
		return;
	figure->name = name;
	figure->value = value;
	finding->figure_count++;
}

bool
osp__makes_index(osp_str statement)
{
	osp_sql_lexer lexer;
	osp_sql_token token;

	if (osp__begins_with(statement, "reindex"))
		return true;
	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	return osp_sql_next_word(&lexer, &token) && osp_sql_is(&token, "create") &&
		   osp_sql_next_word(&lexer, &token) &&
		   (osp_sql_is(&token, "index") || osp_sql_is(&token, "unique"));
}

bool
osp__is_maintenance(osp_str statement)
{
	static const char *const words[] = {
		"reindex", "cluster", "vacuum", "alter"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp__begins_with(statement, words[i]))
			return true;
	return osp__makes_index(statement);
}
