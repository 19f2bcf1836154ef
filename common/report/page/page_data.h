/* SPDX-License-Identifier: Apache-2.0
 *
 * page_data.h
 *	  The data of a trace for the page of `osprofiler trace show --html`.
 *	  Private to report/page/.
 *
 * The page gets one JSON object. The operations are rows, in the order in which they
 * are drawn, and each fact about them is a column: an array with a number for each row.
 * Each text is stored once, in "strings", and is referred to by its index there; string
 * 0 is empty. page_data.c lists the members.
 *
 * The notifications themselves stand in "values", a list of numbers. The common part of
 * all notifications of a kind is a template (page_points.c), so each of them needs only
 * the numbers in which it differs.
 *
 * In a long trace, notifications and ids are most of the data, and a page is drawn
 * without them. So they come last, behind an empty line, and the page reads them only
 * on demand. Texts that only they use are also there, in "point_strings": notifications
 * and ids refer to text n of "strings" by 2 * n, and to text n of "point_strings" by 2
 * * n + 1.
 */
#ifndef OSPROFILER_PAGE_DATA_H
#define OSPROFILER_PAGE_DATA_H

#include "report/findings/findings.h"

/* The columns; page_rows.c has their names and meanings. */
typedef enum osp__page_column
{
	OSP__PAGE_DEPTH,
	OSP__PAGE_NAME,
	OSP__PAGE_BEGIN,
	OSP__PAGE_DURATION,
	OSP__PAGE_SELF,
	OSP__PAGE_KIND,
	OSP__PAGE_STATE,
	OSP__PAGE_TEXT,
	OSP__PAGE_ERROR,
	OSP__PAGE_MARK,
	OSP__PAGE_REMARK,
	OSP__PAGE_ROWS,
	OSP__PAGE_SHAPE,
	OSP__PAGE_FOLD,
	OSP__PAGE_SERVICE,
	OSP__PAGE_HOST,
	OSP__PAGE_POINT_COLUMNS, /* this column and the next ones are written last */
	OSP__PAGE_ID = OSP__PAGE_POINT_COLUMNS,
	OSP__PAGE_AT,
	OSP__PAGE_COLUMNS
} osp__page_column;

/* A list of different texts, which are JSON, and their numbers. */
typedef struct osp__page_texts
{
	/* If this is not NULL, the two lists share one range of numbers: a text of
	 * the list before has twice its number in that list, and a text of this
	 * list has an odd number. */
	const struct osp__page_texts *before;
	osp__arena *arena;
	osp_uuid hash_key;
	osp__table table;
	osp_buf json; /* all texts, a comma between two */
	uint32_t count;
} osp__page_texts;

/* Sums over the operations of one shape. */
typedef struct osp__page_shape
{
	struct osp__page_shape *next;
	uint64_t key;
	uint32_t number;
	uint32_t name; /* string: name of the first operation */
	uint32_t text; /* string: its text; without constants if there are more */
	int kind;
	uint64_t count;
	uint64_t failed;
	bool timed; /* the time of at least one of them was measured */
	int64_t total_ns;
	int64_t self_ns;
	int64_t max_ns;
	uint32_t max_row;
} osp__page_shape;

/* State while the data of a page is made. */
typedef struct osp__page
{
	osp_report *report;
	osp__arena arena;
	osp__findings findings;
	osp__description what;
	osp_buf scratch;
	osp__page_texts strings;
	osp__page_texts point_strings;
	osp__page_texts templates;
	osp_buf columns[OSP__PAGE_COLUMNS];
	osp_buf values;
	size_t value_count;
	osp_buf folds;
	uint32_t fold_count;
	osp_buf waits;
	osp_buf parents; /* parents that are not in the trace */
	osp__table shape_table;
	osp__page_shape *first_shape;
	osp__page_shape *last_shape;
	uint32_t shape_count;
	uint32_t *rows; /* row numbers, by the nodes' rank in time */
	uint32_t row_count;
	uint64_t failed;
	uint64_t states[OSP__UNFINISHED + 1];
	osp_status status;
} osp__page;

/* ---- page_texts.c ---- */

void osp__page_texts_init(osp__page_texts *texts, const osp_report *report,
						  osp__arena *arena, const osp__page_texts *before);
void osp__page_texts_term(osp__page_texts *texts);

/* The number of a JSON text, which is added if it is new. lasting: the text is not
 * freed or changed while the page is made, and need not be copied. */
uint32_t osp__page_text(osp__page *page, osp__page_texts *texts, osp_str json,
						bool lasting);

/* The number of the string in a JSON value; for other values, that of the value's text;
 * for null, that of the empty string. value must last. */
uint32_t osp__page_value(osp__page *page, osp__page_texts *texts,
						 osp_str value);

/* The number of the string whose JSON form has this inside. */
uint32_t osp__page_inside(osp__page *page, osp__page_texts *texts,
						  osp_str inside);

/* The number of the string for a text in UTF-8. */
uint32_t osp__page_string(osp__page *page, osp__page_texts *texts,
						  osp_str string);

/* ---- page_points.c ---- */

/* Adds all notifications of an operation to "values". */
void osp__page_points(osp__page *page, const osp__node *node);

/* ---- page_waits.c ---- */

/* Adds the waits of the operation of the current row. May invalidate the texts of
 * page->what. */
void osp__page_waits(osp__page *page, const osp__node *node);

/* ---- page_shapes.c ---- */

/* Counts an operation, which page->what describes, for its shape; returns the shape's
 * number. */
uint32_t osp__page_count_shape(osp__page *page, const osp__op *op,
							   uint32_t name, uint32_t text, int64_t self_ns);

/* ---- page_rows.c ---- */

/* Fills all columns. */
void osp__page_rows(osp__page *page);

/* Writes the columns from one number up to, but not including, another one, as members
 * of an object: "depth":[...],... */
void osp__page_put_columns(osp__page *page, int from, int to,
						   osp_write_fn write, void *ctx);

#endif /* OSPROFILER_PAGE_DATA_H */
