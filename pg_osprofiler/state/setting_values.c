/* SPDX-License-Identifier: Apache-2.0
 *
 * setting_values.c
 *	  The variables of the settings; worker/guc.c defines the settings and sets
 *	  the variables.
 */
#include "pgosp_setting.h"

#include "miscadmin.h"

/* Numbers and labels are read for every operation, so they are next to the other hot
 * variables. */
#define SETTING_BOOL(name, variable, ...) bool variable = false;
#define SETTING_INT(name, variable, ...)  pgosp_hot_data int variable = 0;
#define SETTING_REAL(name, variable, ...) double variable = 0;
#define SETTING_ENUM(name, variable, ...) int variable = 0;
#define SETTING_TEXT(name, variable, ...) const char *variable = "";
#define SETTING_LABEL(name, variable, ...) \
	pgosp_hot_data osp_str variable = {"", 0};
#define SETTING_POINTS(name, variable, ...) pgosp_hot_data int variable = 0;
#include "settings.def"

void
pgosp_file_of_setting(const char *setting, char path[MAXPGPATH])
{
	if (is_absolute_path(setting))
		strlcpy(path, setting, MAXPGPATH);
	else
		snprintf(path, MAXPGPATH, "%s/%s", DataDir, setting);
}
