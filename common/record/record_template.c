/* SPDX-License-Identifier: Apache-2.0
 *
 * record_template.c
 *	  Makes templates: records that are made once and written to rings many
 *	  times.
 */
#include "record/template.h"

/* The offset of the names in a record whose ids are UUIDs; copying in steps begins
 * there. */
#define NAMES_AT (sizeof(osp_record_head) + 2 * sizeof(osp_uuid))

bool
osp_template_make(osp_template *t, void *space, size_t size,
				  osp_record_kind kind, osp_str name, osp_str project,
				  osp_str service, osp_str attributes)
{
	osp_point_ids ids;
	osp_id none;
	osp_writer w;
	size_t made;
	size_t room;

	memset(t, 0, sizeof(*t));
	if (space == NULL)
		return false;
	memset(&ids.trace_id, 0, sizeof(ids.trace_id));
	osp_id_set_uuid(&none, &ids.trace_id);
	ids.base_id = &none;
	ids.parent_id = &none;
	osp_record_begin(&w, space, size, kind, &ids, name, project, service, 0, 0);
	osp_put_encoded(&w, attributes);
	made = osp_record_end(&w);
	if (made == 0)
		return false;
	room = NAMES_AT + (made - NAMES_AT + OSP_TEMPLATE_STEP - 1) /
						  OSP_TEMPLATE_STEP * OSP_TEMPLATE_STEP;
	if (room > size)
		return false;
	memset(w.start + made, 0, room - made);
	t->record = w.start;
	t->size = (uint32_t) made;
	t->len = (uint32_t) (w.pos - w.start);
	t->room = (uint32_t) room;
	return true;
}
