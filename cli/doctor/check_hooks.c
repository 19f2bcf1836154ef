/* SPDX-License-Identifier: Apache-2.0
 *
 * check_hooks.c
 *	  Do the libraries exist that `osprofiler run` puts into programs?
 */
#include "doctor/doctor.h"

#include <limits.h>

#include "run/hook_path.h"

void
check_hooks(doctor *d, doctor_result *r)
{
	char libpq[PATH_MAX];
	char sqlite[PATH_MAX];
	bool has_libpq = run_hook_find(RUN_SHADOW_FILE, libpq);
	bool has_sqlite = run_hook_find(RUN_SQLITE_FILE, sqlite);

	(void) d;
	if (!has_libpq && !has_sqlite)
	{
		doctor_wrong(
			r,
			"the hooks of libpq and SQLite are not installed (" RUN_SHADOW_FILE
			", " RUN_SQLITE_FILE ")");
		doctor_advise(r,
					  "install the whole project, or name their directories "
					  "in OSPROFILER_HOOK_PATH");
	}
	else if (run_hook_has_space(has_libpq ? libpq : sqlite))
	{
		doctor_wrong(r,
					 "the dynamic loader cannot find hooks in a path with a "
					 "space, a colon or a semicolon: %s",
					 has_libpq ? libpq : sqlite);
		doctor_advise(r, "install the project in another directory");
	}
	else if (has_libpq && has_sqlite)
		doctor_good(r, "%s, %s", libpq, sqlite);
	else
		doctor_good(r,
					"%s; there is none of %s, which is not traced by "
					"'osprofiler run'",
					has_libpq ? libpq : sqlite,
					has_libpq ? "SQLite" : "libpq");
}
