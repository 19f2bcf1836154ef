/* SPDX-License-Identifier: Apache-2.0
 *
 * session_templates.c
 *	  Templates of a session's records.
 *
 * All templates are next to each other in memory of their own: in a large
 * server, translating the address of a page costs more than reading from it.
 */
#include "pgosp_known.h"

/* A longer record gains nothing from a template, which only takes memory. */
#define RECORD_MAX 4096

void
pgosp_template_free(pgospTemplate *t)
{
	pgosp_stage_write_start(&t->of);
	if (t->of.record != NULL)
		pfree(unconstify(char *, t->of.record));
	memset(t, 0, sizeof(*t));
}

bool
pgosp_template_make(pgospTemplate *t, osp_record_kind kind, osp_str name,
					osp_str attributes)
{
	size_t size = OSP_TEMPLATE_SIZE(name.len + pgosp_project.len +
									pgosp_service.len + attributes.len);
	char *space;
	bool made;

	pgosp_stage_write_start(&t->of);
	t->epoch = 0;
	if (size > RECORD_MAX)
		return false;
	if (size > t->size)
	{
		pgosp_template_free(t);
		t->of.record = pgosp_record_space(size);
		if (t->of.record == NULL)
			return false;
		t->size = (uint32) size;
	}
	space = unconstify(char *, t->of.record);
	made = osp_template_make(&t->of,
							 space,
							 t->size,
							 kind,
							 name,
							 pgosp_project,
							 pgosp_service,
							 attributes);
	t->of.record = space;
	if (made)
		t->epoch = pgosp_text_epoch;
	return made;
}
