/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_filter.c
 *	  Decides which traces of a list pass a filter.
 */
#include "osprofiler/driver.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Does text hold wanted? Upper and lower case of ASCII letters are the same. */
static bool
contains(osp_str text, osp_str wanted)
{
	const char first = lower(wanted.ptr[0]);
	size_t at;

	for (at = 0; at + wanted.len <= text.len; at++)
	{
		size_t i = 1;

		if (lower(text.ptr[at]) != first)
			continue;
		while (i < wanted.len &&
			   lower(text.ptr[at + i]) == lower(wanted.ptr[i]))
			i++;
		if (i == wanted.len)
			return true;
	}
	return false;
}

bool
osp_trace_filter_passes(const osp_trace_filter *filter,
						const osp_trace_entry *entry)
{
	bool timed = entry->first_ns != 0 && entry->last_ns != 0;

	if (filter->min_duration_ns > 0 &&
		(!timed || entry->last_ns - entry->first_ns < filter->min_duration_ns))
		return false;
	if (filter->service.len > 0 && !osp_str_eq(entry->service, filter->service))
		return false;
	return filter->text.len == 0 || contains(entry->name, filter->text) ||
		   contains(entry->text, filter->text);
}
