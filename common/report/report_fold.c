/* SPDX-License-Identifier: Apache-2.0
 *
 * report_fold.c
 *	  Folds many siblings of one shape into one line.
 *
 * The children of a parent that has many of them are sorted by a hash of their common
 * properties, then by their duration: each run of equal hashes is one fold, and its
 * median is in its middle. Operations that lack their end, or were broken off, are
 * never folded. Statements inside a transaction are not folded with those outside, and
 * those of a long transaction with no others. Statements that took much longer than
 * most are folded separately.
 */
#include <stdlib.h>

#include "report/report_describe.h"
#include "report/report_fold.h"
#include "report/statement_shape.h"

/* If a parent has more long transactions than this, they are not folded apart: the tree
 * would grow with their number. */
#define LONG_TRANSACTIONS_MAX 8

/* An operation is an outlier if it took this many times as long as the median, and this
 * share of the trace. */
#define OUTLIER_TIMES 10
#define OUTLIER_SHARE 0.01

#define SEGMENT_PRIME 41

typedef struct entry
{
	osp__node *node;
	uint64_t key;
	int64_t duration_ns;
	uint64_t segment; /* number of begins and ends of transactions before it */
	bool inside;      /* it is inside a transaction */
} entry;

typedef struct folding
{
	osp_report *report;
	osp__description what;
	entry *entries; /* operations of one parent */
	size_t count;
	size_t room;
	uint64_t segment;
	bool inside;
} folding;

static int
compare_entries(const void *a, const void *b)
{
	const entry *x = (const entry *) a;
	const entry *y = (const entry *) b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->duration_ns > y->duration_ns) -
		   (x->duration_ns < y->duration_ns);
}

static bool
is_plain(const osp__description *what)
{
	return what->state == OSP__ENDED && what->unread == NULL &&
		   what->bound == NULL && what->truncated == 0;
}

/* Hashes the properties that all operations of a fold have in common. */
static uint64_t
key_of(const osp__description *what, const osp__node *node)
{
	osp_str detail = osp_buf_str(&what->detail);
	uint64_t shape = what->statement ? osp__statement_shape(detail)
									 : osp__name_shape(detail, OSP_STR(""));

	return shape ^ osp__name_shape(node->name, node->etype) * 31 ^
		   osp__name_shape(node->service, node->host) * 37 ^
		   osp__name_shape(osp_str_of(what->place), OSP_STR("")) * 41;
}

/* Notes that an operation begins or ends a transaction. */
static void
follow_transaction(folding *f, const osp__node *node)
{
	osp__control control = OSP__CONTROL_NONE;

	if (f->what.statement && osp_str_eq(node->etype, OSP_STR("\"None\"")))
		control = osp__statement_control(osp_buf_str(&f->what.detail));
	if (control != OSP__CONTROL_BEGIN && control != OSP__CONTROL_END)
		return;
	f->inside = control == OSP__CONTROL_BEGIN;
	f->segment++;
}

static osp_status
add_entry(folding *f, osp__node *node)
{
	entry *at = &f->entries[f->count];
	osp_status status;

	if (node->starts == 0 || node->stops == 0 || node->loss || node->cycle)
		return OSP_OK;
	status = osp__report_describe(f->report, node, &f->what);
	if (status != OSP_OK)
		return status;
	if (is_plain(&f->what))
	{
		at->node = node;
		at->key = key_of(&f->what, node);
		at->duration_ns = osp__node_duration_ns(node);
		at->segment = f->segment;
		at->inside = f->inside;
		f->count++;
	}
	follow_transaction(f, node);
	return OSP_OK;
}

/* How many entries, from begin on, are of the same segment. */
static size_t
segment_size(const folding *f, size_t begin)
{
	size_t end = begin + 1;

	while (end < f->count &&
		   f->entries[end].segment == f->entries[begin].segment)
		end++;
	return end - begin;
}

/* Changes keys, so that statements of different transactions are not folded
 * together. */
static void
part_transactions(folding *f)
{
	size_t many = 0;
	size_t size;
	size_t i;

	for (i = 0; i < f->count; i += segment_size(f, i))
		many += segment_size(f, i) >= OSP__FOLD_MIN;
	for (i = 0; i < f->count; i += size)
	{
		const entry *first = &f->entries[i];
		bool alone;
		size_t k;

		size = segment_size(f, i);
		alone = size >= OSP__FOLD_MIN && many <= LONG_TRANSACTIONS_MAX;
		for (k = i; k < i + size; k++)
			f->entries[k].key ^=
				(alone ? first->segment + 2 : first->inside) * SEGMENT_PRIME;
	}
}

/* Makes one fold of all count entries, which have the same key. */
static osp_status
make_fold(folding *f, const entry *entries, size_t count)
{
	osp__fold *fold = osp__arena_alloc(&f->report->structs, sizeof(*fold));
	size_t i;

	if (fold == NULL)
		return OSP_ENOMEM;
	memset(fold, 0, sizeof(*fold));
	fold->first = entries[0].node;
	fold->count = count;
	fold->min_ns = entries[0].duration_ns;
	fold->median_ns = entries[count / 2].duration_ns;
	fold->max_ns = entries[count - 1].duration_ns;
	fold->begin_ns = osp__node_start_ns(entries[0].node);
	fold->end_ns = osp__node_end_ns(entries[0].node);
	for (i = 0; i < count; i++)
	{
		osp__node *node = entries[i].node;
		int64_t begin_ns = osp__node_start_ns(node);
		int64_t end_ns = osp__node_end_ns(node);

		node->fold = fold;
		if (node->order < fold->first->order)
			fold->first = node;
		if (begin_ns < fold->begin_ns)
			fold->begin_ns = begin_ns;
		if (end_ns > fold->end_ns)
			fold->end_ns = end_ns;
		osp__ns_add(&fold->total_ns, entries[i].duration_ns);
	}
	return OSP_OK;
}

/* Makes a fold of entries with the same key that are not outliers, and one of
 * the outliers if there are enough. The entries are sorted by duration. */
static osp_status
make_folds(folding *f, const entry *entries, size_t count)
{
	double total_ns = (double) osp__report_total_ns(f->report);
	int64_t median_ns = entries[count / 2].duration_ns;
	osp_status status = OSP_OK;
	size_t most = count;

	if (count < OSP__FOLD_MIN)
		return OSP_OK;
	while (most > 0 &&
		   entries[most - 1].duration_ns / OUTLIER_TIMES > median_ns &&
		   (double) entries[most - 1].duration_ns >= OUTLIER_SHARE * total_ns)
		most--;
	if (most < OSP__FOLD_MIN)
		most = count;
	status = make_fold(f, entries, most);
	if (status == OSP_OK && count - most >= OSP__FOLD_MIN)
		status = make_fold(f, entries + most, count - most);
	return status;
}

static osp_status
fold_entries(folding *f)
{
	osp_status status = OSP_OK;
	size_t begin = 0;
	size_t i;

	part_transactions(f);
	qsort(f->entries, f->count, sizeof(*f->entries), compare_entries);
	for (i = 1; i <= f->count && status == OSP_OK; i++)
	{
		if (i < f->count && f->entries[i].key == f->entries[begin].key)
			continue;
		status = make_folds(f, f->entries + begin, i - begin);
		begin = i;
	}
	return status;
}

static bool
make_room(folding *f, size_t count)
{
	if (count <= f->room)
		return true;
	osp_free(f->report->alc, f->entries);
	f->room = 0;
	f->entries = osp_calloc(f->report->alc, count, sizeof(*f->entries));
	if (f->entries == NULL)
		return false;
	f->room = count;
	return true;
}

/* Marks the last sibling that is drawn, and those after it, as last. */
static void
mark_last(osp__node *first)
{
	osp__node *last = first;
	osp__node *node;

	for (node = first; node != NULL; node = node->next_sibling)
		if (!osp__node_is_folded(node))
			last = node;
	for (; last != NULL; last = last->next_sibling)
		last->last_drawn = true;
}

/* Folds the children of one parent. */
static osp_status
fold_siblings(folding *f, osp__node *first)
{
	osp_status status = OSP_OK;
	size_t count = 0;
	osp__node *node;

	for (node = first; node != NULL; node = node->next_sibling)
		count++;
	if (count < OSP__FOLD_MIN)
		return OSP_OK;
	if (!make_room(f, count))
		return OSP_ENOMEM;
	f->count = 0;
	f->segment = 0;
	f->inside = false;
	for (node = first; node != NULL && status == OSP_OK;
		 node = node->next_sibling)
		status = add_entry(f, node);
	if (status == OSP_OK)
		status = fold_entries(f);
	if (status == OSP_OK)
		mark_last(first);
	return status;
}

osp_status
osp__report_fold(osp_report *report)
{
	osp_status status;
	folding f;
	size_t i;

	if (report->folded)
		return OSP_OK;
	memset(&f, 0, sizeof(f));
	f.report = report;
	osp__description_init(&f.what, report->alc);
	status = fold_siblings(&f, report->first_root);
	for (i = 0; i < report->node_count && status == OSP_OK; i++)
		status = fold_siblings(&f, report->sorted[i]->first_child);
	report->folded = status == OSP_OK;
	osp__description_term(&f.what);
	osp_free(report->alc, f.entries);
	return status;
}
