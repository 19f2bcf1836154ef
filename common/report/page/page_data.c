/* SPDX-License-Identifier: Apache-2.0
 *
 * page_data.c
 *	  A trace as one JSON object for the page:
 *
 *	  version     of this form
 *	  base_id, started, total, points, lost, malformed, repeated, failed
 *	              of the trace; times in ns, started as a timestamp
 *	  states      how many operations are in each osp__state
 *	  kinds       names of the kinds of operations
 *	  time        for each kind: the sum of its operations' self times
 *	  missing     the server whose operations are missing, or null
 *	  explained   what osp_report_explain_json() says
 *	  claims      for each finding: the rows of its operations
 *	  about       for each finding, a list: the row of the statement to which
 *	              most of the finding's time belongs; the part of the time that
 *	              belongs to it, from 0 to 1; 1 if the time was estimated from
 *	              the rows of a plan, else 0; the row of the plan node that is
 *	              the cause. For a wrong estimate also the row of the join that
 *	              it made expensive, the row of the join's inner side, and the
 *	              time of both. A row is -1 if there is none
 *	  shapes      lists of name, text, kind, count, failed, total, self, max, and
 *	              the row of max; times that nobody measured are -1
 *	  folds       lists of first row, count, begin, end, total, min, median, max
 *	  waits       lists of a row, and a string and a time for each kind of wait
 *	  parents     pairs of a row and the string of a parent that is not in the trace
 *	  depth ...   the columns (page_rows.c)
 *	  strings     texts
 *	  id, at      columns; behind an empty line
 *	  values, templates
 *	              the notifications (page_points.c)
 *	  point_strings
 *	              texts that only they and ids have
 *
 * It is ASCII and has no "<", so nothing in it ends the element that holds it.
 */
#include "report/page/page_data.h"
#include "report/findings/rules.h"

#include <inttypes.h>

#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "report/report_fold.h"

#define FORM_VERSION 2

/* Names of the kinds, in the order of osp__op_kind. */
static const char *const kind_names[] = {"idle",
										 "application",
										 "database call",
										 "connect",
										 "statement",
										 "analysis",
										 "planning",
										 "commit",
										 "lock wait",
										 "plan node",
										 "trigger",
										 "function",
										 "parallel worker",
										 "SQLite",
										 "checkpoint",
										 "server"};

/* The name for the time of operations of this kind, if the tree uses another word than
 * the name of the kind; else NULL. */
static const char *
time_name(const osp__page *page, osp__op_kind kind)
{
	const osp_report *report = page->report;

	switch (kind)
	{
		case OSP__OP_TRACE:
			return "between operations";
		case OSP__OP_OTHER:
			return "client";
		case OSP__OP_PG:
			return "statements in the server";
		case OSP__OP_CONNECT:
			return "connecting";
		case OSP__OP_DB:
			if (report->times_ns[OSP__TIME_DATABASE] >
				report->times_ns[OSP__TIME_WAY])
				return "database";
			return osp__report_way_name(report);
		default:
			return NULL;
	}
}

#define KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

_Static_assert(KINDS == OSP__OP_KIND_COUNT, "each kind has a name");

/* Receives the JSON and hands it to the caller, with "<" escaped. */
typedef struct sink
{
	osp_write_fn write;
	void *ctx;
} sink;

static osp_status
write_escaped(void *ctx, osp_str text)
{
	const sink *out = ctx;
	osp_status status = OSP_OK;
	const char *found;

	while (status == OSP_OK && text.len > 0 &&
		   (found = memchr(text.ptr, '<', text.len)) != NULL)
	{
		size_t len = (size_t) (found - text.ptr);

		status = out->write(out->ctx, osp_str_n(text.ptr, len));
		if (status == OSP_OK)
			status = out->write(out->ctx, OSP_STR("\\u003c"));
		text = osp_str_n(found + 1, text.len - len - 1);
	}
	return status == OSP_OK ? out->write(out->ctx, text) : status;
}

/* Writes before, the contents of a buffer, and after. */
static void
write_buf(osp__page *page, sink *out, const char *before, const osp_buf *buf,
		  const char *after)
{
	if (page->status == OSP_OK)
		page->status = osp_buf_status(buf);
	if (page->status == OSP_OK)
		page->status = write_escaped(out, osp_str_of(before));
	if (page->status == OSP_OK)
		page->status = write_escaped(out, osp_buf_str(buf));
	if (page->status == OSP_OK)
		page->status = write_escaped(out, osp_str_of(after));
}

static void
put_missing(osp__page *page, osp_buf *out)
{
	osp_buf server;
	bool lacks;
	osp_status status;

	osp_buf_init(&server, page->report->alc, OSP_NOTIFICATION_MAX);
	status = osp_report_lacks_server(page->report, &server, &lacks);
	osp_buf_add_str(out, OSP_STR(",\n\"missing\":"));
	if (status == OSP_OK && lacks)
		osp_json_string(out, osp_buf_str(&server));
	else
		osp_buf_add_str(out, OSP_STR("null"));
	if (page->status == OSP_OK)
		page->status = status;
	osp_buf_term(&server);
}

static void
put_kinds(const osp__page *page, osp_buf *out)
{
	const osp__findings *f = &page->findings;
	int64_t own_ns[KINDS] = {0};
	size_t i;

	for (i = 0; f->ops != NULL && i < f->op_count; i++)
		own_ns[f->ops[i].kind] += f->ops[i].own_ns;
	osp_buf_add_str(out, OSP_STR(",\n\"kinds\":["));
	for (i = 0; i < KINDS; i++)
		osp_buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", kind_names[i]);
	osp_buf_add_str(out, OSP_STR("],\n\"time_names\":["));
	for (i = 0; i < KINDS; i++)
	{
		const char *name = time_name(page, (osp__op_kind) i);

		osp_buf_addf(out,
					 "%s\"%s\"",
					 i > 0 ? "," : "",
					 name != NULL ? name : kind_names[i]);
	}
	osp_buf_add_str(out, OSP_STR("],\n\"time\":["));
	for (i = 0; i < KINDS; i++)
		osp_buf_addf(out, "%s%" PRId64, i > 0 ? "," : "", own_ns[i]);
	osp_buf_add_char(out, ']');
}

static void
put_states(const osp__page *page, osp_buf *out)
{
	size_t i;

	osp_buf_add_str(out, OSP_STR(",\n\"states\":["));
	for (i = 0; i <= OSP__UNFINISHED; i++)
		osp_buf_addf(out, "%s%" PRIu64, i > 0 ? "," : "", page->states[i]);
	osp_buf_add_char(out, ']');
}

/* Writes the members for the data above the operations. */
static void
put_head(osp__page *page, osp_buf *out)
{
	const osp_report *report = page->report;
	char started[OSP_TIMESTAMP_LEN + 1] = "";

	if (report->any_point)
		osp_timestamp_text(report->started_ns, started);
	osp_buf_addf(out, "{\"version\":%d,\n\"base_id\":", FORM_VERSION);
	osp_buf_add_str(out, report->base_id);
	osp_buf_addf(
		out,
		",\n\"started\":\"%s\",\n\"total\":%" PRId64
		",\n\"points\":%zu,\n\"lost\":%" PRIu64
		",\n\"malformed\":%zu,\n\"repeated\":%zu,\n\"failed\":%" PRIu64,
		started,
		page->findings.total_ns,
		report->point_count,
		report->lost_points,
		report->malformed,
		report->repeated,
		page->failed);
	put_states(page, out);
	put_kinds(page, out);
	put_missing(page, out);
	osp_buf_add_str(out, OSP_STR(",\n\"explained\":"));
	osp__findings_json(&page->findings, out);
	if (page->status == OSP_OK)
		page->status = page->findings.status;
}

/* Finds the row of an operation; false: it has none. */
static bool
row_of(const osp__page *page, const osp__op *op, uint32_t *row)
{
	if (op->node == NULL)
		return false;
	*row = page->rows[op->node->order];
	return *row != UINT32_MAX;
}

static void
put_row_number(const osp__page *page, osp_buf *out, const osp__op *op,
			   bool *first)
{
	uint32_t row;

	if (!row_of(page, op, &row))
		return;
	if (!*first)
		osp_buf_add_char(out, ',');
	*first = false;
	osp_buf_add_i64(out, row);
}

/* Marks the operations that are statements of the repetition, or ran inside them. */
static void
mark_repeats(const osp__findings *f, const osp__group *group)
{
	size_t i;

	f->ops[0].handled = false;
	for (i = 1; i < f->op_count; i++)
	{
		osp__op *op = f->walk[i];

		op->handled =
			op->parent->handled ||
			(op->statement == op && osp__op_statement_key(op) == group->key);
	}
}

/* Is the claim's operation listed with the finding? The finding of a repetition also
 * claims time between its statements. Those claims name the enclosing operation, or
 * BEGIN and COMMIT with everything inside them, and are not listed. */
static bool
is_meant(const osp__group *group, const osp__claim *claim)
{
	return claim->node != NULL || group->rule->tell != osp__tell_repeats ||
		   claim->op->handled;
}

/* A claim of an operation that is less than this part of the largest one is not listed
 * either, for example the planning of a statement that waited for a processor. */
#define LISTED_PART 1000

static int64_t
largest_claim(const osp__group *group)
{
	const osp__claim *claim;
	int64_t ns = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
		ns = claim->ns > ns ? claim->ns : ns;
	return ns;
}

static void
put_claims(const osp__page *page, osp_buf *out)
{
	const osp__findings *f = &page->findings;
	unsigned i;

	osp_buf_add_str(out, OSP_STR(",\n\"claims\":["));
	for (i = 0; i < f->found_count; i++)
	{
		const osp__group *group = f->found[i].group;
		const int64_t least_ns = largest_claim(group) / LISTED_PART;
		const osp__claim *claim;
		bool first = true;
		unsigned k;

		osp_buf_add_str(out, i > 0 ? OSP_STR(",[") : OSP_STR("["));
		if (group->rule->tell == osp__tell_repeats)
			mark_repeats(f, group);

		/* The finding's text names this node first, and then the loop that took the
		 * time. */
		if (group->rule->tell == osp__tell_estimates)
			put_row_number(page, out, group->first, &first);
		for (k = 0; k < OSP__EVIDENCE_OPS_MAX && k < group->count; k++)
			put_row_number(page, out, group->examples[k], &first);
		if (f->found[i].other != NULL)
			put_row_number(page, out, f->found[i].other, &first);
		for (claim = group->claims; claim != NULL; claim = claim->next)
			if (is_meant(group, claim) &&
				(claim->node != NULL || claim->ns >= least_ns))
				put_row_number(page,
							   out,
							   claim->node != NULL ? claim->node : claim->op,
							   &first);
		osp_buf_add_char(out, ']');
	}
	osp_buf_add_char(out, ']');
}

/* A finding is about one statement if that has at least this part of its time. */
#define MOST 0.75

/* The shape of the statement that a claim belongs to; 0: it belongs to none. */
static uint64_t
claimed_shape(const osp__claim *claim)
{
	const osp__op *statement = claim->op->statement;

	return statement != NULL ? statement->shape : 0;
}

/* The shape that has more than half of the time of the listed operations, if there is
 * one: the time of each other shape reduces its lead (Boyer and Moore). */
static uint64_t
majority_shape(const osp__group *group)
{
	const osp__claim *claim;
	uint64_t found = 0;
	int64_t lead_ns = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
	{
		uint64_t shape = claimed_shape(claim);

		if (!is_meant(group, claim))
			continue;
		if (shape == found)
			lead_ns += claim->ns;
		else if (lead_ns >= claim->ns)
			lead_ns -= claim->ns;
		else
		{
			found = shape;
			lead_ns = claim->ns - lead_ns;
		}
	}
	return found;
}

/* The statement of this shape that the finding names, or else the one with the largest
 * claim. */
static const osp__op *
statement_of_shape(const osp__group *group, uint64_t shape)
{
	const osp__op *named = osp__op_statement(
		group->rule->tell == osp__tell_repeats ? group->first : group->largest);
	const osp__op *found = NULL;
	const osp__claim *claim;
	int64_t most_ns = 0;

	if (named != NULL && named->shape == shape)
		return named;
	for (claim = group->claims; claim != NULL; claim = claim->next)
		if (claim->ns > most_ns && claimed_shape(claim) == shape)
		{
			most_ns = claim->ns;
			found = claim->op->statement;
		}
	return found;
}

/* The part of the listed operations' time that belongs to statements of this shape. */
static double
part_of_shape(const osp__group *group, uint64_t shape)
{
	const osp__claim *claim;
	double all_ns = 0;
	double shape_ns = 0;

	for (claim = group->claims; claim != NULL; claim = claim->next)
	{
		if (!is_meant(group, claim))
			continue;
		all_ns += (double) claim->ns;
		if (claimed_shape(claim) == shape)
			shape_ns += (double) claim->ns;
	}
	return all_ns > 0 ? shape_ns / all_ns : 0;
}

/* The plan node that a finding blames, or NULL. */
static const osp__op *
blamed_node(const osp__group *group)
{
	const osp__op *op = group->rule->tell == osp__tell_estimates
							? group->first
							: group->largest;

	return op != NULL && op->kind == OSP__OP_NODE ? op : NULL;
}

/* Is part of the finding's time an estimate, because the time of a plan node was not
 * measured? */
static bool
is_estimated(const osp__group *group)
{
	const osp__claim *claim = group->claims;

	while (claim != NULL && (claim->node == NULL || claim->op->timed_nodes))
		claim = claim->next;
	return claim != NULL;
}

static int64_t
row_or_none(const osp__page *page, const osp__op *op)
{
	uint32_t row;

	return op != NULL && row_of(page, op, &row) ? (int64_t) row : -1;
}

/* Adds the join that a wrong estimate made expensive, which is the largest operation of
 * the group, and its inner side. */
static void
put_join(const osp__page *page, osp_buf *out, const osp__op *join)
{
	const osp__findings *f = &page->findings;
	const osp__op *inner = osp__join_inner(f, join);
	const osp__op *at = inner;
	int64_t ns = osp__node_own_ns(f, join);

	for (; at != NULL; at = osp__op_below(f, at, inner))
		if (at->kind == OSP__OP_NODE)
			ns += osp__node_own_ns(f, at);
	osp_buf_addf(out,
				 ",%" PRId64 ",%" PRId64 ",%" PRId64,
				 row_or_none(page, join),
				 row_or_none(page, inner),
				 ns);
}

static void
put_about(const osp__page *page, osp_buf *out)
{
	const osp__findings *f = &page->findings;
	unsigned i;

	osp_buf_add_str(out, OSP_STR(",\n\"about\":["));
	for (i = 0; i < f->found_count; i++)
	{
		const osp__group *group = f->found[i].group;
		const osp__op *statement = NULL;
		uint64_t shape;
		double part;

		if (group->rule->tell == osp__tell_repeats)
			mark_repeats(f, group);
		shape = majority_shape(group);
		part = shape != 0 ? part_of_shape(group, shape) : 0;
		if (part >= MOST)
			statement = statement_of_shape(group, shape);
		osp_buf_addf(out,
					 "%s[%" PRId64 ",",
					 i > 0 ? "," : "",
					 row_or_none(page, statement));
		osp_json_double(out, part);
		osp_buf_addf(out,
					 ",%d,%" PRId64,
					 is_estimated(group),
					 row_or_none(page, blamed_node(group)));
		if (group->rule->tell == osp__tell_estimates)
			put_join(page, out, group->largest);
		osp_buf_add_char(out, ']');
	}
	osp_buf_add_char(out, ']');
}

static void
put_shapes(const osp__page *page, osp_buf *out)
{
	const osp__page_shape *shape = page->first_shape;

	osp_buf_add_str(out, OSP_STR(",\n\"shapes\":["));
	for (; shape != NULL; shape = shape->next)
		osp_buf_addf(out,
					 "%s[%" PRIu32 ",%" PRIu32 ",%d,%" PRIu64 ",%" PRIu64
					 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu32 "]",
					 shape->number > 0 ? "," : "",
					 shape->name,
					 shape->text,
					 shape->kind,
					 shape->count,
					 shape->failed,
					 shape->timed ? shape->total_ns : -1,
					 shape->timed ? shape->self_ns : -1,
					 shape->timed ? shape->max_ns : -1,
					 shape->max_row);
	osp_buf_add_char(out, ']');
}

/* Makes the tree, the findings and the folds, of which the columns are made. */
static void
prepare(osp__page *page, osp_report *report)
{
	size_t count;

	page->status = osp__findings_make(&page->findings, report);
	if (page->status == OSP_OK)
		page->status = osp__report_fold(report);
	count = report->node_count > 0 ? report->node_count : 1;
	page->rows = osp_calloc(report->alc, count, sizeof(*page->rows));
	if (page->rows == NULL)
		page->status = OSP_ENOMEM;
}

static void
page_init(osp__page *page, osp_report *report)
{
	int i;

	memset(page, 0, sizeof(*page));
	page->report = report;
	osp__arena_init(&page->arena, report->alc);
	osp__table_init(&page->shape_table, report->alc);
	osp__description_init(&page->what, report->alc);
	osp_buf_init(&page->scratch, report->alc, SIZE_MAX / 4);
	osp_buf_init(&page->values, report->alc, SIZE_MAX / 4);
	osp_buf_init(&page->folds, report->alc, SIZE_MAX / 4);
	osp_buf_init(&page->waits, report->alc, SIZE_MAX / 4);
	osp_buf_init(&page->parents, report->alc, SIZE_MAX / 4);
	for (i = 0; i < OSP__PAGE_COLUMNS; i++)
		osp_buf_init(&page->columns[i], report->alc, SIZE_MAX / 4);
	osp__page_texts_init(&page->strings, report, &page->arena, NULL);
	osp__page_texts_init(
		&page->point_strings, report, &page->arena, &page->strings);
	osp__page_texts_init(&page->templates, report, &page->arena, NULL);
	prepare(page, report);
	(void) osp__page_text(page, &page->strings, OSP_STR("\"\""), true);
}

static void
page_term(osp__page *page)
{
	int i;

	osp__page_texts_term(&page->strings);
	osp__page_texts_term(&page->point_strings);
	osp__page_texts_term(&page->templates);
	for (i = 0; i < OSP__PAGE_COLUMNS; i++)
		osp_buf_term(&page->columns[i]);
	osp_buf_term(&page->parents);
	osp_buf_term(&page->waits);
	osp_buf_term(&page->folds);
	osp_buf_term(&page->values);
	osp_buf_term(&page->scratch);
	osp_free(page->report->alc, page->rows);
	osp__description_term(&page->what);
	osp__table_term(&page->shape_table);
	osp__findings_term(&page->findings);
	osp__arena_term(&page->arena);
}

static void
write_points(osp__page *page, sink *out)
{
	/* An empty line, at which the page divides the data. */
	write_buf(page, out, ",\n\n\"templates\":[", &page->templates.json, "]");
	osp__page_put_columns(
		page, OSP__PAGE_POINT_COLUMNS, OSP__PAGE_COLUMNS, write_escaped, out);
	write_buf(page, out, ",\n\"values\":[", &page->values, "]");
	write_buf(
		page, out, ",\n\"point_strings\":[", &page->point_strings.json, "]}");
}

osp_status
osp_report_page_write(osp_report *report, osp_write_fn write, void *ctx)
{
	sink out = {write, ctx};
	osp__page page;
	osp_buf head;
	osp_status status;

	page_init(&page, report);
	osp_buf_init(&head, report->alc, SIZE_MAX / 4);
	if (page.status == OSP_OK)
		osp__page_rows(&page);
	put_head(&page, &head);
	put_claims(&page, &head);
	put_about(&page, &head);
	put_shapes(&page, &head);
	write_buf(&page, &out, "", &head, "");
	write_buf(&page, &out, ",\n\"folds\":[", &page.folds, "]");
	write_buf(&page, &out, ",\n\"waits\":[", &page.waits, "]");
	write_buf(&page, &out, ",\n\"parents\":[", &page.parents, "]");
	osp__page_put_columns(
		&page, 0, OSP__PAGE_POINT_COLUMNS, write_escaped, &out);
	write_buf(&page, &out, ",\n\"strings\":[", &page.strings.json, "]");
	write_points(&page, &out);
	status = page.status;
	osp_buf_term(&head);
	page_term(&page);
	return status;
}
