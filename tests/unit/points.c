/* SPDX-License-Identifier: Apache-2.0
 *
 * points.c
 *	  Records and notifications for tests.
 */
#include "tap.h"

#include "points.h"

#define MONO_NS    (INT64_C(1795363018022333) * 1000 + 999)
#define ELAPSED_NS 1234567

const osp_origin point_origin = {{"vm", 2}, {"pro", 3}, {"", 0}, 0};

void
point_begin_with_ids(point_record *point, osp_record_kind kind,
					 const char *name, const char *base, const char *parent)
{
	osp_id base_id;
	osp_id parent_id;
	osp_point_ids ids;

	assert_true(osp_id_set(&base_id, osp_str_of(base)));
	assert_true(osp_id_set(&parent_id, osp_str_of(parent)));
	ids.base_id = &base_id;
	ids.parent_id = &parent_id;
	assert_true(osp_uuid_parse(OSP_STR(POINT_TRACE), &ids.trace_id));
	osp_record_begin(&point->writer,
					 point->space,
					 sizeof(point->space),
					 kind,
					 &ids,
					 osp_str_of(name),
					 OSP_STR(""),
					 OSP_STR(""),
					 MONO_NS,
					 kind == OSP_RECORD_STOP ? ELAPSED_NS : 0);
}

void
point_begin(point_record *point, osp_record_kind kind, const char *name)
{
	point_begin_with_ids(point, kind, name, POINT_BASE, POINT_BASE);
}

void
point_end(point_record *point)
{
	size_t size = osp_record_end(&point->writer);

	assert_true(size > 0);
	assert_int_equal(osp_record_read(point->space, size, &point->record), size);
}
