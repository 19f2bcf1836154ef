/* SPDX-License-Identifier: Apache-2.0
 *
 * run_check.c
 *	  Can a collector take the trace? This is checked before the command starts.
 */
#include "run/run.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "as_user.h"
#include "cli.h"
#include "collector_advice.h"
#include "collector_options.h"
#include "home_directory.h"
#include "osprofiler/driver.h"
#include "writable_path.h"

/* How long the command is delayed for a collector that does not answer. */
#define CHECK_TIMEOUT_MS 1000

/* Ignores a point; an osp_point_fn. */
static osp_status
ignore_point(void *ctx, osp_str json)
{
	(void) ctx;
	(void) json;
	return OSP_OK;
}

/*
 * Is the collector a service that answers quickly that it has no such trace? A
 * file or database is on this host, and the queues of a broker would have to be
 * read as a whole.
 */
static bool
can_be_asked(const osp_driver *driver)
{
	static const char *const others[] = {"file", "sqlite", "messaging"};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(driver->name, others[i]) == 0)
			return false;
	return (driver->flags & OSP_DRIVER_CAN_READ) != 0;
}

/*
 * Reports a collector that cannot be reached. It may come back while the
 * command runs; until then the points wait for it.
 */
static void
report_silence(const osp_driver *driver, osp_driver_conn *conn,
			   const char *shown)
{
	osp_error err = {OSP_OK, ""};

	/* A user with the right to write need not have the right to read. */
	if (can_be_asked(driver) &&
		driver->get_points(
			conn, OSP_STR("osprofiler run"), ignore_point, NULL, &err) ==
			OSP_EUNAVAIL &&
		cli_collector_failure(err.msg) != CLI_FAILURE_RIGHTS)
		(void) cli_error("the collector %s cannot be reached now (%s); the "
						 "trace waits for it in the run directory",
						 shown,
						 cli_collector_reason(shown, err.msg));
}

/*
 * Reports that the home directory is missing, and so the place for the default
 * collector. The user of a service may have none.
 */
static void
report_missing_home(const char *shown, const char *home)
{
	const char *sudo = geteuid() != 0 && cli_has_sudo() ? "sudo " : "";
	cli_user user;
	osp_buf make;

	osp_buf_init(&make, &osp_allocator_default, 4 * PATH_MAX);
	if (!cli_user_numbered(geteuid(), &user))
		(void) snprintf(user.name, sizeof(user.name), "osprofiler");
	if (!cli_home_add_command(&make, home))
		osp_buf_reset(&make);
	(void) cli_error(
		"the collector %s cannot be written to: %s, the home directory of the "
		"user %s, does not exist. The trace waits for it in the run "
		"directory. %s%s%s%sname a place that this user may write to, in the "
		"environment of the service, such as "
		"OSPROFILER_CONNECTION_STRING=sqlite:////var/lib/%s/traces.db",
		shown,
		home,
		user.name,
		make.len > 0 ? "As root, make the directory: " : "",
		make.len > 0 ? sudo : "",
		make.len > 0 ? make.ptr : "",
		make.len > 0 ? ". Or: " : "",
		user.name);
	osp_buf_term(&make);
}

/*
 * Reports a database or file on this host that cannot be written to. Its path
 * has to be absolute.
 */
static void
report_closed(const osp_driver *driver, const char *connection_string,
			  const char *shown)
{
	const char *path = strstr(connection_string, ":////");
	char plain[PATH_MAX];
	char home[PATH_MAX];
	size_t len;

	if (path == NULL || (strcmp(driver->name, "sqlite") != 0 &&
						 strcmp(driver->name, "file") != 0))
		return;
	path += strlen(":///");
	len = strcspn(path, "?%");
	if (path[len] == '%' || len >= sizeof(plain))
		return;
	memcpy(plain, path, len);
	plain[len] = '\0';

	/* Whoever may make a missing directory has it made by the driver. */
	if (cli_writable_path(plain))
		return;
	if (cli_home_is_missing(plain, home))
		report_missing_home(shown, home);
	else
		(void) cli_error("the collector %s cannot be written to; the trace "
						 "waits for it in the run directory",
						 shown);
}

int
run_collector_check(const char *connection_string, const char *shown)
{
	osp_driver_options options;
	osp_driver_conn *conn = NULL;
	const osp_driver *driver;
	char advice[CLI_ADVICE_MAX];
	osp_status status;
	osp_error err;

	if (osp_driver_find(osp_str_of(connection_string), &driver, &err) != OSP_OK)
	{
		(void) cli_error(
			"%s%s", err.msg, cli_scheme_advice(connection_string, advice));
		return CLI_USAGE;
	}
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(connection_string);
	options.timeout_ms = CHECK_TIMEOUT_MS;
	options.deadline_ms = CHECK_TIMEOUT_MS;
	status = driver->open(&options, &conn, &err);
	if (status == OSP_OK)
	{
		report_silence(driver, conn, shown);
		report_closed(driver, connection_string, shown);
		driver->close(conn);
	}
	if (status != OSP_EINVAL)
		return CLI_OK;
	(void) cli_error("%s", err.msg);
	return CLI_USAGE;
}
