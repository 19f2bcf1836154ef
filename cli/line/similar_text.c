/* SPDX-License-Identifier: Apache-2.0
 *
 * similar_text.c
 *	  Which of several words was meant? (Levenshtein's distance)
 */
#include "line/similar_text.h"

/* Longest text that is compared. */
#define COMPARED_MAX 64

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

size_t
cli_text_distance(osp_str a, osp_str b)
{
	size_t row[COMPARED_MAX + 1];
	size_t i;
	size_t j;

	if (a.len > COMPARED_MAX || b.len > COMPARED_MAX)
		return COMPARED_MAX;
	for (j = 0; j <= b.len; j++)
		row[j] = j;
	for (i = 0; i < a.len; i++)
	{
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < b.len; j++)
		{
			size_t above = row[j + 1];

			row[j + 1] =
				least(above + 1, row[j] + 1, diagonal + (a.ptr[i] != b.ptr[j]));
			diagonal = above;
		}
	}
	return row[b.len];
}

bool
cli_text_is_nearer(const char *word, const char *name, size_t *best_changes)
{
	size_t changes = cli_text_distance(osp_str_of(word), osp_str_of(name));

	if (changes >= *best_changes || 2 * changes > strlen(name))
		return false;
	*best_changes = changes;
	return true;
}
