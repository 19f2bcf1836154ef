/* SPDX-License-Identifier: Apache-2.0
 *
 * check_names.c
 *	  Are there settings with unknown names? Most likely they are typing errors.
 */
#include "doctor/doctor.h"
#include "doctor/unknown_settings.h"

/*
 * Reports an unknown setting. Only for the first one a command line is proposed
 * that corrects it. When doctor is called again, the next unknown setting is
 * the first.
 */
static void
add_unknown(void *ctx, const cli_unknown *unknown)
{
	doctor_result *r = ctx;
	int len = (int) unknown->name.len;

	if (r->verdict == DOCTOR_WRONG)
	{
		doctor_wrong(r, ", %.*s", len, unknown->name.ptr);
		return;
	}
	if (unknown->file == NULL)
		doctor_wrong(r, "no such variable: %.*s", len, unknown->name.ptr);
	else
		doctor_wrong(r,
					 "no such setting (%s, line %u): %.*s",
					 unknown->file,
					 unknown->line,
					 len,
					 unknown->name.ptr);
	if (unknown->similar == NULL)
		doctor_advise(r, "remove it");
	else if (unknown->file == NULL)
		doctor_mend(r,
					"export %s=\"$%.*s\"; unset %.*s",
					unknown->similar,
					len,
					unknown->name.ptr,
					len,
					unknown->name.ptr);
	else
	{
		doctor_mend(r,
					"sed -i '%us/%.*s/%s/' ",
					unknown->line,
					len,
					unknown->name.ptr,
					unknown->similar);
		doctor_mend_path(r, unknown->file);
	}
}

void
check_names(doctor *d, doctor_result *r)
{
	(void) d;
	cli_unknown_settings(NULL, add_unknown, r);
	if (r->verdict != DOCTOR_WRONG)
		doctor_good(r, "all are known");
}
