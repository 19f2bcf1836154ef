/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_advice.c
 *	  What to do where points wait in a run directory without a shipper.
 */
#include "shipper_advice.h"
#include "shell_text.h"

/* The extension names its directories so. */
bool
cli_is_server_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	return strncmp(name, "pg-", 3) == 0 && name[3] >= '0' && name[3] <= '9';
}

void
cli_add_shipper_advice(osp_buf *out, const char *path)
{
	if (cli_is_server_directory(path))
	{
		osp_buf_add_str(out,
						OSP_STR("the PostgreSQL server starts one, and its log "
								"says why there is none"));
		return;
	}
	osp_buf_add_str(out, OSP_STR("'osprofiler agent --once --run-directory "));
	cli_add_quoted(out, osp_str_of(path));
	osp_buf_add_str(out, OSP_STR("' delivers them"));
}
