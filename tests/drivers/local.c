/* SPDX-License-Identifier: Apache-2.0
 *
 * local.c
 *	  Shared by the tests of the drivers that store in a file.
 */
#include "local.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tempdir.h"

#define NOBODY 65534

char local_path[256];
char local_uri[300];
const osp_str local_trace = {"trace", 5};

void
local_finish(void)
{
	if (local_path[0] != '\0')
		tempdir_remove();
	local_path[0] = '\0';
}

void
local_reset(const char *prefix)
{
	local_finish();
	(void) snprintf(local_path,
					sizeof(local_path),
					"%s/new dir/%%41/traces",
					tempdir_make());
	(void) snprintf(local_uri, sizeof(local_uri), "%s%s", prefix, local_path);
}

const char *
local_connection_string(void)
{
	return local_uri;
}

osp_driver_conn *
local_stored(points *all, size_t count)
{
	osp_driver_conn *conn = contract_open();

	points_init(all);
	points_fill(all, local_trace, 0, count);
	contract_store(conn, all);
	return conn;
}

void
local_read_only(unsigned directory_mode)
{
	char *slash = strchr(local_path + 1, '/');

	assert_int_equal(chmod(local_path, 0444), 0);
	while ((slash = strchr(slash + 1, '/')) != NULL)
	{
		*slash = '\0';
		assert_int_equal(chmod(local_path, directory_mode), 0);
		*slash = '/';
	}
	if (getuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
}

void
local_read_write(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}
