/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_options.c
 *	  The collector that a command reads from: its options, its connection.
 */
#include "collector_options.h"
#include "cli.h"

/* A collector that is silent for so long is given up. */
#define READ_TIMEOUT_MS 10000

void
cli_collector_init(cli_collector *collector)
{
	memset(collector, 0, sizeof(*collector));
}

bool
cli_collector_option(cli_collector *collector, int code, const char *value)
{
	if (code != CLI_OPT_CONNECTION_STRING)
		return false;
	collector->connection_string = value;
	return true;
}

/* An option that is given empty counts as not given, as upstream has it. */
static const char *
first_set(const char *option, const char *configured)
{
	return option != NULL && option[0] != '\0' ? option : configured;
}

int
cli_collector_open(cli_collector *collector)
{
	osp_driver_options options;
	osp_error err = {OSP_OK, ""};
	const char *uri;

	if (collector->conn != NULL)
		return CLI_OK;
	if (osp_config_load(
			&collector->config, &osp_allocator_default, NULL, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	if (first_set(collector->connection_string, "")[0] == '\0' &&
		osp_config_need_connection(&collector->config, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	uri = first_set(collector->connection_string,
					collector->config.connection_string);
	osp_connection_string_redact(
		osp_str_of(uri), collector->shown, sizeof(collector->shown));

	if (osp_driver_find(osp_str_of(uri), &collector->driver, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(uri);
	options.read_only = !collector->writes;
	options.timeout_ms = READ_TIMEOUT_MS;
	if (collector->driver->open(&options, &collector->conn, &err) != OSP_OK)
	{
		collector->conn = NULL;
		return cli_error("%s: %s", collector->shown, err.msg);
	}
	return CLI_OK;
}

void
cli_collector_close(cli_collector *collector)
{
	if (collector->driver != NULL && collector->conn != NULL)
		collector->driver->close(collector->conn);
	if (collector->config.alc != NULL)
		osp_config_term(&collector->config);
	cli_collector_init(collector);
}
