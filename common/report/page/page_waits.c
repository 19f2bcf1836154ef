/* SPDX-License-Identifier: Apache-2.0
 *
 * page_waits.c
 *	  Adds up the waits of statements by kind, which is the part before the colon of a
 *	  wait event ("Lock", "IO"). As in the points, the waits of a statement include
 *	  those of operations inside it.
 */
#include "report/page/page_data.h"

#include <inttypes.h>

/* The largest number of kinds that are listed for a statement; PostgreSQL has
 * nine. */
#define WAIT_KINDS 12

typedef struct wait_sum
{
	osp_str kind;
	double ms;
} wait_sum;

static osp_str
kind_of_event(osp_str event)
{
	const char *colon = memchr(event.ptr, ':', event.len);

	return colon != NULL ? osp_str_n(event.ptr, (size_t) (colon - event.ptr))
						 : event;
}

static size_t
add_wait(wait_sum *sums, size_t count, osp_str kind, double ms)
{
	size_t i = 0;

	while (i < count && !osp_str_eq(sums[i].kind, kind))
		i++;
	if (i == WAIT_KINDS || !(ms > 0) ||
		(i < count ? sums[i].ms : 0) + ms > 9e12)
		return count;
	if (i == count)
		sums[count++] = (wait_sum){kind, 0};
	sums[i].ms += ms;
	return count;
}

/* Appends ",[row,kind,ns,kind,ns,...]"; kind is the number of a string. */
static void
put_waits(osp__page *page, const wait_sum *sums, size_t count)
{
	size_t i;

	if (count == 0)
		return;
	if (page->waits.len > 0)
		osp_buf_add_char(&page->waits, ',');
	osp_buf_addf(&page->waits, "[%" PRIu32, page->row_count);
	for (i = 0; i < count; i++)
		osp_buf_addf(&page->waits,
					 ",%" PRIu32 ",%" PRId64,
					 osp__page_string(page, &page->strings, sums[i].kind),
					 osp__ns_of(sums[i].ms * 1e6));
	osp_buf_add_char(&page->waits, ']');
}

static void
read_waits_of(osp__page *page, yyjson_val *waits)
{
	wait_sum sums[WAIT_KINDS];
	size_t count = 0;
	yyjson_obj_iter iter;
	yyjson_val *key;

	if (!yyjson_obj_iter_init(waits, &iter))
		return;
	while ((key = yyjson_obj_iter_next(&iter)) != NULL)
		count = add_wait(sums,
						 count,
						 kind_of_event(osp__json_str(key)),
						 osp__report_number(yyjson_obj_iter_get_val(key)));
	put_waits(page, sums, count);
}

void
osp__page_waits(osp__page *page, const osp__node *node)
{
	static const char member[] = "\"waits\":";
	osp__json_reader *reader = &page->report->reader;
	const osp__point *point = node->first;

	while (
		point != NULL &&
		(!point->stop ||
		 memmem(point->json.ptr, point->json.len, member, sizeof(member) - 1) ==
			 NULL))
		point = point->next;
	if (point == NULL || page->status != OSP_OK)
		return;
	page->status = osp__json_read(reader, point->json);
	if (page->status == OSP_OK)
		read_waits_of(
			page,
			yyjson_obj_get(
				yyjson_obj_get(yyjson_obj_get(osp__json_root(reader), "info"),
							   "db"),
				"waits"));
}
