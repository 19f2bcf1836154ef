/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_advice.c
 *	  What to do where points wait in a run directory without a shipper.
 */
#include "shipper_advice.h"
#include "as_user.h"
#include "control_text.h"
#include "server/stopped_server.h"
#include "shell_text.h"

#include <stdio.h>
#include <unistd.h>

/*
 * Appends the command that starts the server, to be executed as the user who runs
 * it. For a cluster of Debian that is pg_ctlcluster, which root may execute. If root
 * acts as the server's user here, what is to be typed before that comes first.
 */
static void
add_start(osp_buf *out, const char *data_directory)
{
	char version[16];
	char cluster[64];
	char path[128];
	char as_user[CLI_AS_USER_MAX] = "";
	int end = 0;

	if (sscanf(data_directory,
			   "/var/lib/postgresql/%15[0-9.]/%63[A-Za-z0-9_.-]%n",
			   version,
			   cluster,
			   &end) == 2 &&
		data_directory[end] == '\0' &&
		snprintf(
			path, sizeof(path), "/etc/postgresql/%s/%s", version, cluster) >
			0 &&
		access(path, F_OK) == 0)
	{
		if (cli_may_act_as_others())
			cli_as_user_words(cli_typist(), 0, as_user);
		osp_buf_addf(
			out, "%spg_ctlcluster %s %s start", as_user, version, cluster);
		return;
	}
	if (cli_may_act_as_others())
		cli_as_user_words(cli_typist(), geteuid(), as_user);
	osp_buf_addf(out, "%spg_ctl start -D ", as_user);
	cli_add_quoted(out, osp_str_of(data_directory));
}

/* Appends how to make the server deliver the points in its run directory. */
static void
add_server_advice(osp_buf *out, const char *path)
{
	char data_directory[PATH_MAX];

	switch (cli_server_life_of(path, data_directory))
	{
		case CLI_SERVER_STOPPED:
			osp_buf_add_str(
				out,
				OSP_STR(
					"the PostgreSQL server has stopped; once it is started, "
					"the first session that loads the library has them "
					"delivered: '"));
			add_start(out, data_directory);
			osp_buf_add_char(out, '\'');
			break;
		case CLI_SERVER_GONE:
			osp_buf_add_str(out,
							OSP_STR("the PostgreSQL server's data directory "));
			cli_add_visible(out, osp_str_of(data_directory));
			osp_buf_add_str(out,
							OSP_STR(" is not there, so nothing delivers them; "
									"if it is gone for good, remove them: 'rm "
									"-r "));
			cli_add_quoted(out, osp_str_of(path));
			osp_buf_add_char(out, '\'');
			break;
		default:
			osp_buf_add_str(out,
							OSP_STR("the PostgreSQL server starts one, and its "
									"log says why there is none"));
	}
}

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
		add_server_advice(out, path);
		return;
	}
	osp_buf_add_str(out, OSP_STR("'osprofiler agent --once --run-directory "));
	cli_add_quoted(out, osp_str_of(path));
	osp_buf_add_str(out, OSP_STR("' delivers them"));
}
