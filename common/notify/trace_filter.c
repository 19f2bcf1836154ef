/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_filter.c
 *	  Which traces of a list are asked for.
 */
#include "osprofiler/driver.h"

#include <strings.h>

/* Does text hold wanted, whatever the case of its letters in ASCII? */
static bool
contains(osp_str text, osp_str wanted)
{
	size_t at;

	for (at = 0; at + wanted.len <= text.len; at++)
		if (strncasecmp(text.ptr + at, wanted.ptr, wanted.len) == 0)
			return true;
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
