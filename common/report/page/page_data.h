/* SPDX-License-Identifier: Apache-2.0
 *
 * page_data.h
 *	  A trace as the page of `osprofiler trace show --html` reads it. Private to
 *	  report/page/.
 *
 * The page gets one JSON object. The operations are rows, in the order in which
 * they are drawn, and each fact about them is a column: an array with a number for
 * each row. Texts stand once, in "strings", and are named by their place there;
 * string 0 is the empty one. page_data.c lists the members.
 *
 * The notifications themselves stand in "values", a list of numbers. What all
 * notifications of a kind have in common is a template (page_points.c), so each of
 * them needs only the numbers in which it differs.
 *
 * In a long trace, notifications and ids are most of the data, and a page is drawn
 * without them. So they come last, behind an empty line, and the page reads them when
 * somebody asks for them. Texts that nothing else has stand there, in "point_strings":
 * notifications and ids name string n by 2 * n, and that one by 2 * n + 1.
 */
#ifndef OSPROFILER_PAGE_DATA_H
#define OSPROFILER_PAGE_DATA_H

#include "report/findings/findings.h"

/* The columns; page_rows.c has their names and meaning. */
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
	OSP__PAGE_POINT_COLUMNS, /* the first of those that come last */
	OSP__PAGE_ID = OSP__PAGE_POINT_COLUMNS,
	OSP__PAGE_AT,
	OSP__PAGE_COLUMNS
} osp__page_column;

/* Texts that got a number; texts are JSON. */
typedef struct osp__page_texts
{
	/* Not NULL: a text that is in there has its number from there, doubled, and others
	 * have odd numbers. */
	const struct osp__page_texts *before;
	osp__arena *arena;
	osp_uuid hash_key;
	osp__table table;
	osp_buf json; /* all of them, a comma between two */
	uint32_t count;
} osp__page_texts;

/* Sums over the operations of one shape. */
typedef struct osp__page_shape
{
	struct osp__page_shape *next;
	uint64_t key;
	uint32_t number;
	uint32_t name; /* string of the operation that came first */
	uint32_t text; /* the same; without its constants if there is another one */
	int kind;
	uint64_t count;
	uint64_t failed;
	bool timed; /* one of them says how long it took */
	int64_t total_ns;
	int64_t self_ns;
	int64_t max_ns;
	uint32_t max_row;
} osp__page_shape;

/* A page in the making. */
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
	osp_buf parents; /* of operations whose parent is not in the trace */
	osp__table shape_table;
	osp__page_shape *first_shape;
	osp__page_shape *last_shape;
	uint32_t shape_count;
	uint32_t *rows; /* by the order of the nodes in time */
	uint32_t row_count;
	uint64_t failed;
	uint64_t states[OSP__UNFINISHED + 1];
	osp_status status;
} osp__page;

/* ---- page_texts.c ---- */

void osp__page_texts_init(osp__page_texts *texts, const osp_report *report,
						  osp__arena *arena, const osp__page_texts *before);
void osp__page_texts_term(osp__page_texts *texts);

/* The number of a JSON text, which is written whole; lasting: it is never freed
 * or changed while the page is made, and need not be copied. */
uint32_t osp__page_text(osp__page *page, osp__page_texts *texts, osp_str json,
						bool lasting);

/* The number of the string that is the JSON value, or of the text of a value that
 * is none; that of the empty string for null. The value lasts. */
uint32_t osp__page_value(osp__page *page, osp__page_texts *texts,
						 osp_str value);

/* The number of the string that has this inside. */
uint32_t osp__page_inside(osp__page *page, osp__page_texts *texts,
						  osp_str inside);

/* The number of a text in UTF-8. */
uint32_t osp__page_string(osp__page *page, osp__page_texts *texts,
						  osp_str string);

/* ---- page_points.c ---- */

/* Adds all notifications of an operation to the values. */
void osp__page_points(osp__page *page, const osp__node *node);

/* ---- page_waits.c ---- */

/* Notes what the operation of the current row waited for. What page->what says of it
 * may be gone afterwards. */
void osp__page_waits(osp__page *page, const osp__node *node);

/* ---- page_shapes.c ---- */

/* Counts an operation, which page->what describes; returns its shape's number. */
uint32_t osp__page_count_shape(osp__page *page, const osp__op *op,
							   uint32_t name, uint32_t text, int64_t self_ns);

/* ---- page_rows.c ---- */

/* Fills all columns. */
void osp__page_rows(osp__page *page);

/* Writes those from one on and before another one, as members of an object:
 * "depth":[...],... */
void osp__page_put_columns(osp__page *page, int from, int to,
						   osp_write_fn write, void *ctx);

#endif /* OSPROFILER_PAGE_DATA_H */
