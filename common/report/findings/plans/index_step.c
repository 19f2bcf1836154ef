/* SPDX-License-Identifier: Apache-2.0
 *
 * index_step.c
 *	  Proposes an index, or another step, for a scan that reads many rows and
 *	  keeps few of them.
 *
 * An index is proposed only for conditions that it can serve. Its columns are in the
 * order in which it serves them: those that are compared by equality, then one that is
 * compared with a range.
 */
#include "report/findings/plans/plans.h"

/* The largest number of columns of a proposed index. More would make it larger,
 * but hardly better. */
#define COLUMNS_MAX 4

/* Functions that an index may be made on, by their names in the server and in SQL. */
static const struct
{
	const char *server;
	const char *sql;
} functions[] = {
	{"lower", "lower"},
	{"upper", "upper"},
	{"md5_text", "md5"},
	{"textlen", "length"},
	{"int4abs", "abs"},
};

typedef struct columns
{
	osp_str names[COLUMNS_MAX + 1];
	unsigned count;
	unsigned of_filter; /* how many of them come from the filter */
} columns;

bool
osp__say_indexed(const osp__term *term, osp_buf *out)
{
	size_t i;

	if (term->subject == OSP__SUBJECT_COLUMN)
	{
		osp_buf_add_str(out, term->column);
		return true;
	}
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (term->subject == OSP__SUBJECT_FUNCTION &&
			osp_str_eq(term->name, osp_str_of(functions[i].server)))
		{
			osp_buf_addf(out,
						 "%s(%.*s)",
						 functions[i].sql,
						 (int) term->column.len,
						 term->column.ptr);
			return true;
		}
	return false;
}

static bool
has_column(const columns *list, osp_str name)
{
	unsigned i;

	for (i = 0; i < list->count; i++)
		if (osp_str_eq(list->names[i], name))
			return true;
	return false;
}

/* Adds the columns of the terms compared by equality, or of the first compared with a
 * range. Returns how many. */
static unsigned
add_columns(columns *list, const osp__condition *condition, bool range)
{
	unsigned added = 0;
	unsigned i;

	for (i = 0; i < condition->count; i++)
	{
		const osp__term *term = &condition->terms[i];
		bool wanted = range ? term->test == OSP__TEST_RANGE
							: term->test == OSP__TEST_EQUAL ||
								  term->test == OSP__TEST_NULL;

		if (!wanted || term->subject != OSP__SUBJECT_COLUMN ||
			has_column(list, term->column) ||
			list->count >= (range ? COLUMNS_MAX + 1 : COLUMNS_MAX))
			continue;
		list->names[list->count++] = term->column;
		added++;
		if (range)
			break;
	}
	return added;
}

/* Chooses the columns of a proposed index, including those by which the scan's own
 * index has found rows. */
static void
choose_columns(const osp__scan *scan, columns *list)
{
	memset(list, 0, sizeof(*list));
	if (!scan->held.any)
		(void) add_columns(list, &scan->held, false);
	list->of_filter = add_columns(list, &scan->filter, false);
	if (add_columns(list, &scan->filter, true) > 0)
		list->of_filter++;
	else if (list->of_filter > 0 && !scan->held.any)
		(void) add_columns(list, &scan->held, true);
}

static void
say_columns(const columns *list, osp_buf *step)
{
	unsigned i;

	for (i = 0; i < list->count; i++)
	{
		if (i > 0)
			osp_buf_add_str(step, OSP_STR(", "));
		osp_buf_add_str(step, list->names[i]);
	}
}

static void
say_create(const osp__scan *scan, osp_buf *step)
{
	osp_str relation = osp__scan_str(scan, OSP__SCAN_RELATION);

	osp_buf_addf(step,
				 "CREATE INDEX CONCURRENTLY ON %.*s ",
				 (int) relation.len,
				 relation.ptr);
}

static bool
is_simple(const osp__term *term)
{
	return term->subject == OSP__SUBJECT_COLUMN &&
		   (term->test == OSP__TEST_EQUAL || term->test == OSP__TEST_RANGE ||
			term->test == OSP__TEST_NULL);
}

/* Does the filter have conditions that these columns do not cover? */
static bool
has_others(const osp__scan *scan, const columns *list)
{
	unsigned i;

	for (i = 0; i < scan->filter.count; i++)
	{
		const osp__term *term = &scan->filter.terms[i];

		if (!is_simple(term) || !has_column(list, term->column))
			return true;
	}
	return false;
}

static void
say_index_that_exists(const osp__index *index, osp_buf *step)
{
	osp_buf_addf(
		step,
		"There is an index that could serve the filter, %.*s, and "
		"PostgreSQL did not use it: ANALYZE the table, look at EXPLAIN "
		"again, and compare with SET enable_seqscan = off. An index "
		"that could not be built is not used, either (REINDEX).",
		(int) index->name.len,
		index->name.ptr);
}

static void
say_proposed(const osp__scan *scan, const columns *list, osp_buf *step)
{
	const osp__index *exists =
		osp__scan_index_on(scan, list->names, list->count);
	osp_str index = osp__scan_str(scan, OSP__SCAN_INDEX);

	if (exists != NULL)
	{
		say_index_that_exists(exists, step);
		return;
	}
	if (index.len > 0)
		osp_buf_addf(step,
					 "The index %.*s does not cover the filter. If statements "
					 "like this are frequent, try ",
					 (int) index.len,
					 index.ptr);
	else
		osp_buf_add_str(step,
						OSP_STR("No index was used for the filter. If "
								"statements like this are frequent, try "));
	say_create(scan, step);
	osp_buf_add_char(step, '(');
	say_columns(list, step);
	osp_buf_add_str(step, OSP_STR("), and look at EXPLAIN again."));
	if (has_others(scan, list))
		osp_buf_add_str(step,
						OSP_STR(" It helps if these conditions alone leave few "
								"rows; the others are checked then."));
}

/* Can each branch of an OR be served by an ordinary index? */
static bool
serves_each(const osp__scan *scan)
{
	unsigned i;

	for (i = 0; i < scan->filter.count; i++)
	{
		if (!is_simple(&scan->filter.terms[i]))
			return false;
	}
	return true;
}

/* Proposes an index for each column of an OR that has none. */
static void
say_indexes_of_any(const osp__scan *scan, osp_buf *step)
{
	columns list;
	unsigned missing = 0;
	unsigned i;

	memset(&list, 0, sizeof(list));
	(void) add_columns(&list, &scan->filter, false);
	for (i = 0; i < scan->filter.count && list.count < COLUMNS_MAX; i++)
		if (!has_column(&list, scan->filter.terms[i].column))
			list.names[list.count++] = scan->filter.terms[i].column;
	osp_buf_add_str(
		step,
		list.count > 1
			? OSP_STR("An OR of several columns needs an index for each of "
					  "them, which PostgreSQL combines in a bitmap. Try ")
			: OSP_STR("No index was used for the filter. Try "));
	for (i = 0; i < list.count; i++)
	{
		if (osp__scan_index_on(scan, &list.names[i], 1) != NULL)
			continue;
		if (missing++ > 0)
			osp_buf_add_str(step, OSP_STR("; "));
		say_create(scan, step);
		osp_buf_addf(
			step, "(%.*s)", (int) list.names[i].len, list.names[i].ptr);
	}
	if (missing == 0)
		osp_buf_add_str(step,
						OSP_STR("ANALYZE: each of the columns has an index, "
								"and none was used"));
	osp_buf_add_char(step, '.');
}

/* Writes the step for a condition that does not compare the column itself. */
static void
say_rewriting(const osp__term *term, osp_buf *step)
{
	bool cast = term->subject == OSP__SUBJECT_CAST;

	if (term->column.len > 0)
		osp_buf_addf(step,
					 "The filter does not compare %.*s itself, but what %s "
					 "makes of it, which an index on the column cannot serve. ",
					 (int) term->column.len,
					 term->column.ptr,
					 cast ? "a conversion" : "a function");
	else
		osp_buf_add_str(step,
						OSP_STR("The filter compares the result of an "
								"expression, which an index on a column cannot "
								"serve. "));
	if (cast)
		osp_buf_addf(step,
					 "It is converted to %.*s: give the value the type of the "
					 "column instead.",
					 (int) term->name.len,
					 term->name.ptr);
	else
		osp_buf_add_str(
			step,
			OSP_STR("Compare the column itself (instead of date_trunc('day', "
					"at) = …: at >= … AND at < …), or create an index on "
					"exactly this expression, if it is immutable."));
}

/* Proposes an index on an expression. It has its own statistics, so the step includes
 * ANALYZE. */
static void
say_expression_index(const osp__scan *scan, const osp__term *term,
					 osp_buf *step)
{
	osp_str relation = osp__scan_str(scan, OSP__SCAN_RELATION);

	osp_buf_add_str(step,
					OSP_STR("The filter compares the result of a function, "
							"which an index on the column cannot serve. One on "
							"the function's result does: "));
	say_create(scan, step);
	osp_buf_add_char(step, '(');
	(void) osp__say_indexed(term, step);
	osp_buf_addf(step,
				 "), then ANALYZE %.*s, and look at EXPLAIN again.",
				 (int) relation.len,
				 relation.ptr);
}

static void
say_not_null(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	osp_str column = term->column;

	osp_buf_add_str(step,
					OSP_STR("Few rows have a value there. An index of these "
							"alone is small: "));
	say_create(scan, step);
	osp_buf_addf(step,
				 "(%.*s) WHERE %.*s IS NOT NULL.",
				 (int) column.len,
				 column.ptr,
				 (int) column.len,
				 column.ptr);
}

/* Functions behind operators that only an index of another kind serves. */
static const struct
{
	const char *begin; /* beginning of the function's name */
	const char *method;
	const char *advice; /* advice instead of an index on the column */
} others[] = {
	{"jsonb_contains", "gin", NULL},
	{"jsonb_exists", "gin", NULL},
	{"jsonb_path_", "gin", NULL},
	{"arraycontain", "gin", NULL},
	{"arrayoverlap", "gin", NULL},
	{"range_", "gist", NULL},
	{"elem_contained_by_range", "gist", NULL},
	{"ts_match_",
	 NULL,
	 "A GIN index serves a search for words, on exactly the tsvector that is "
	 "searched: USING gin (to_tsvector('english', column)), with the name of "
	 "the configuration in the statement, too; or on a column that is "
	 "GENERATED ALWAYS AS that, which is not computed anew for each row."},
	{"ANY",
	 NULL,
	 "No index serves value = ANY (column). A GIN index on the column serves "
	 "the same in another form: column @> ARRAY[value]."},
};

/* Is there an index of this kind that begins with the column? If so, the step names
 * it. */
static bool
has_index_of(const osp__scan *scan, const char *method, osp_str column,
			 osp_buf *step)
{
	unsigned i;

	for (i = 0; i < scan->index_count; i++)
	{
		const osp__index *index = &scan->indexes[i];

		if (osp_str_eq(index->method, osp_str_of(method)) && index->count > 0 &&
			osp_str_eq(index->columns[0], column))
		{
			say_index_that_exists(index, step);
			return true;
		}
	}
	return false;
}

/* Writes the step for a condition whose operator a btree index cannot serve.
 * False: it is not one of the operators that are known here (others). */
static bool
say_other_index(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		size_t len = strlen(others[i].begin);

		if (term->call.len < len ||
			memcmp(term->call.ptr, others[i].begin, len) != 0)
			continue;
		if (others[i].advice != NULL)
			osp_buf_add_str(step, osp_str_of(others[i].advice));
		else if (term->column.len == 0)
			return false;
		else if (has_index_of(scan, others[i].method, term->column, step))
			return true;
		else
		{
			osp_buf_add_str(step,
							OSP_STR("An ordinary index cannot serve this "
									"operator. Try "));
			say_create(scan, step);
			osp_buf_addf(step,
						 "USING %s (%.*s), and look at EXPLAIN again.",
						 others[i].method,
						 (int) term->column.len,
						 term->column.ptr);
		}
		return true;
	}
	return false;
}

static void
say_no_index(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	if (say_other_index(scan, term, step))
		return;

	if (term->test == OSP__TEST_UNEQUAL)
		osp_buf_add_str(
			step,
			OSP_STR("No index finds what is not equal. If it is always the "
					"same few rows that are wanted, give the condition a "
					"positive form (status IN (…) instead of status <> …), or "
					"make a partial index with WHERE and exactly this "
					"condition."));
	else if (term->test == OSP__TEST_COLUMNS)
		osp_buf_add_str(
			step,
			OSP_STR("The filter compares columns of each row with each other, "
					"which no index on them serves. If it is always the same "
					"comparison, a partial index with WHERE and exactly this "
					"condition does."));
	else if (term->test == OSP__TEST_VOLATILE)
		osp_buf_add_str(
			step,
			OSP_STR("The filter compares with what a volatile function, such "
					"as random(), returns anew for each row, so no index is "
					"searched for it. If one value is meant, compute it once: "
					"column = (SELECT …)."));
	else
		osp_buf_add_str(
			step,
			OSP_STR("An ordinary index cannot serve this filter. See whether "
					"another condition can be added that leaves few rows and "
					"compares a column with a value."));
}

/* Writes the step for a condition that no ordinary index on columns serves. */
static void
say_special(const osp__scan *scan, const osp__term *term, osp_buf *step)
{
	osp_str index = osp__scan_str(scan, OSP__SCAN_INDEX);
	osp_buf form;
	bool indexed;

	if (index.len > 0)
		osp_buf_addf(step,
					 "The index %.*s does not cover the filter. ",
					 (int) index.len,
					 index.ptr);
	osp_buf_init(&form, scan->texts[0].alc, OSP__FINDING_TEXT);
	indexed = osp__say_indexed(term, &form);
	osp_buf_term(&form);
	if ((term->test == OSP__TEST_LIKE || term->test == OSP__TEST_PATTERN) &&
		indexed)
		osp__say_pattern_step(scan, term, step);
	else if (term->test == OSP__TEST_NOT_NULL &&
			 term->subject == OSP__SUBJECT_COLUMN)
		say_not_null(scan, term, step);
	else if (term->test != OSP__TEST_EQUAL && term->test != OSP__TEST_RANGE &&
			 term->test != OSP__TEST_NULL)
		say_no_index(scan, term, step);
	else if (indexed)
		say_expression_index(scan, term, step);
	else
		say_rewriting(term, step);
}

/* Can an index of any kind serve the condition? */
static bool
can_be_served(const osp__scan *scan, const osp__term *term)
{
	osp_buf form;
	bool indexed;

	osp_buf_init(&form, scan->texts[0].alc, OSP__FINDING_TEXT);
	indexed = osp__say_indexed(term, &form);
	osp_buf_term(&form);
	return indexed && term->test < OSP__TEST_UNEQUAL;
}

/* Writes the step for an OR some of whose conditions need a special kind of index. */
static void
say_branches(const osp__scan *scan, osp_buf *step)
{
	bool served = true;
	unsigned i;

	for (i = 0; i < scan->filter.count; i++)
		served = served && can_be_served(scan, &scan->filter.terms[i]);
	if (!served)
	{
		osp_buf_add_str(
			step,
			OSP_STR("An index helps an OR only if each of its branches has one "
					"that serves it; one of these compares something that no "
					"ordinary index serves. Try two statements with UNION, "
					"which returns rows once for which both hold."));
		return;
	}
	osp_buf_add_str(step,
					OSP_STR("An OR needs an index for each of its branches, "
							"which PostgreSQL combines in a bitmap."));
	for (i = 0; i < scan->filter.count; i++)
	{
		const osp__term *term = &scan->filter.terms[i];

		osp_buf_add_char(step, ' ');
		if (!is_simple(term))
			say_special(scan, term, step);
		else if (osp__scan_index_on(scan, &term->column, 1) == NULL)
		{
			say_create(scan, step);
			osp_buf_addf(
				step, "(%.*s).", (int) term->column.len, term->column.ptr);
		}
	}
}

/* The condition about which to write: preferably one that an index could serve in
 * another form, and not one that no index can serve. */
static const osp__term *
special_term(const osp__condition *filter)
{
	const osp__term *found = &filter->terms[0];
	unsigned i;

	for (i = 0; i < filter->count; i++)
	{
		const osp__term *term = &filter->terms[i];

		if (term->test < OSP__TEST_UNEQUAL && found->test >= OSP__TEST_UNEQUAL)
			found = term;
	}
	return found;
}

/* Writes the step for a filter on rows that come from no table. */
static void
say_without_table(const osp__scan *scan, osp_buf *step)
{
	osp_str type = osp__scan_str(scan, OSP__SCAN_TYPE);

	osp_buf_addf(
		step,
		"%.*s reads no table but what another part of the statement returned, "
		"so no index helps: let that return fewer rows, with the same "
		"condition.",
		(int) type.len,
		type.ptr);
	if (scan->op->node_kind == OSP__NODE_CTE_SCAN)
		osp_buf_add_str(
			step,
			OSP_STR(" If other parts need the rest of them, WITH … AS NOT "
					"MATERIALIZED has each part read what its own condition "
					"leaves."));
}

static void
say_unused(const osp__scan *scan, osp__index_use use, osp_buf *step)
{
	const osp__op *op = scan->op;
	int64_t loops = osp__op_fact(op, OSP__LOOPS);

	if (use == OSP__INDEX_MISJUDGED)
	{
		osp_buf_add_str(step, OSP_STR("PostgreSQL expected "));
		osp__say_number(step, osp__op_fact(op, OSP__PLAN_ROWS), "row");
		osp_buf_add_str(
			step,
			OSP_STR(" here, and for so many it uses no index. ANALYZE the "
					"table, and see whether EXPLAIN expects fewer then. If "
					"several conditions depend on each other, CREATE "
					"STATISTICS on their columns."));
	}
	else
		osp_buf_add_str(step,
						loops > 1
							? OSP_STR("The table is too small for an index to "
									  "be used, but was read that often: let "
									  "the statement read it once, with a join "
									  "that can hash.")
							: OSP_STR("The table is too small for an index to "
									  "be used."));
}

static void
say_unknown(const osp__scan *scan, osp_buf *step)
{
	osp_str relation = osp__scan_str(scan, OSP__SCAN_RELATION);

	osp_buf_addf(step,
				 "See whether an index serves a part of this filter that "
				 "leaves few rows of %.*s: EXPLAIN shows it as Index Cond "
				 "then.",
				 (int) relation.len,
				 relation.ptr);
}

static bool
is_system_table(const osp__scan *scan)
{
	osp_str relation = osp__scan_str(scan, OSP__SCAN_RELATION);

	return relation.len > 3 && memcmp(relation.ptr, "pg_", 3) == 0;
}

static void
say_step(const osp__scan *scan, osp_buf *step)
{
	osp__index_use use = osp__index_use_of(scan);
	columns list;

	if (scan->texts[OSP__SCAN_RELATION].len == 0)
	{
		say_without_table(scan, step);
		return;
	}
	if (!scan->understood || scan->filter.count == 0 || is_system_table(scan))
	{
		say_unknown(scan, step);
		return;
	}
	if (use != OSP__INDEX_USED)
	{
		say_unused(scan, use, step);
		return;
	}
	choose_columns(scan, &list);
	if (scan->filter.any && serves_each(scan))
		say_indexes_of_any(scan, step);
	else if (scan->filter.any)
		say_branches(scan, step);
	else if (list.of_filter > 0)
		say_proposed(scan, &list, step);
	else
		say_special(scan, special_term(&scan->filter), step);
}

void
osp__say_index_step(osp__findings *f, const osp__op *op, osp_buf *step)
{
	osp__scan scan;

	osp__scan_init(f, &scan, op);
	if (f->status == OSP_OK)
		say_step(&scan, step);
	osp__scan_term(&scan);
}

/* Does each condition compare a column with a value? */
static bool
is_plain(const osp__scan *scan)
{
	return scan->understood && scan->filter.count > 0 && !scan->filter.any &&
		   serves_each(scan);
}

static void
say_for_partitions(const osp__scan *scan, osp_buf *step)
{
	columns list;
	const osp__index *exists = NULL;

	memset(&list, 0, sizeof(list));
	if (scan->understood && !scan->filter.any)
		choose_columns(scan, &list);
	if (list.of_filter > 0)
		exists = osp__scan_index_on(scan, list.names, list.count);
	if (exists != NULL)
	{
		say_index_that_exists(exists, step);
		return;
	}
	if (is_plain(scan))
		osp_buf_add_str(
			step,
			OSP_STR("No condition on the key of the partitioning leaves these "
					"partitions out. If statements like this are frequent, an "
					"index"));
	else
		osp_buf_add_str(
			step,
			OSP_STR("PostgreSQL leaves partitions out only if the key of the "
					"partitioning is compared with a value, by itself: no cast "
					"and no function of it. See whether the statement can do "
					"that. An index"));
	osp_buf_add_str(step,
					OSP_STR(" of the partitioned table serves each partition"));
	if (list.of_filter > 0)
	{
		osp_buf_add_str(step,
						OSP_STR(": CREATE INDEX ON the partitioned table ("));
		say_columns(&list, step);
		osp_buf_add_str(step,
						OSP_STR("). No row can be changed until it is made, "
								"unless it is made ON ONLY that table, and "
								"CONCURRENTLY on each partition"));
	}
	osp_buf_add_char(step, '.');
}

void
osp__say_partition_step(osp__findings *f, const osp__op *op, osp_buf *step)
{
	osp__scan scan;

	osp__scan_init(f, &scan, op);
	if (f->status == OSP_OK)
		say_for_partitions(&scan, step);
	osp__scan_term(&scan);
}
