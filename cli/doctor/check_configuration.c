/* SPDX-License-Identifier: Apache-2.0
 *
 * check_configuration.c
 *	  Can the settings be read, and do their values make sense?
 */
#include "doctor/doctor.h"

#include <stdlib.h>
#include <unistd.h>

static bool
has_variables(void)
{
	char **variable = environ;

	while (*variable != NULL && strncmp(*variable, "OSPROFILER_", 11) != 0)
		variable++;
	return *variable != NULL;
}

void
check_configuration(doctor *d, doctor_result *r)
{
	const char *file = getenv("OSPROFILER_CONF");
	osp_error err;

	if (osp_config_load(&d->config, &osp_allocator_default, NULL, &err) !=
		OSP_OK)
	{
		/* The configuration holds nothing that has to be released. */
		d->config.alc = NULL;
		doctor_wrong(r, "%s", err.msg);
		doctor_advise(r, "correct that line, or unset that variable");
		return;
	}
	if (file != NULL && file[0] != '\0')
		doctor_good(r, "from %s and the environment", file);
	else if (has_variables())
		doctor_good(r, "from the environment");
	else
		doctor_good(r, "the defaults: no variable OSPROFILER_... is set");
}
