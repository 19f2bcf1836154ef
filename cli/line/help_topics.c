/* SPDX-License-Identifier: Apache-2.0
 *
 * help_topics.c
 *	  The topics of `osprofiler help` that are not commands.
 */
#include "line/help_topics.h"
#include "cli.h"

#include "profiler/config.h"

static int
print_settings(void)
{
	osp_config_name setting;
	osp_buf text;
	int result;
	size_t i;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	osp_buf_add_str(
		&text,
		OSP_STR("Settings of programs and of this command: in the section "
				"[profiler] of the file\nthat OSPROFILER_CONF names, or in the "
				"environment, which comes first.\n\n"));
	for (i = 0; osp_config_name_get(i, &setting); i++)
		osp_buf_addf(&text,
					 "  %-20s %s\n",
					 setting.key != NULL ? setting.key : "",
					 setting.variable);
	osp_buf_add_str(&text,
					OSP_STR("\nWhat they mean, and those of PostgreSQL: "
							"osprofiler-settings(5).\n"));
	result = cli_help(text.ptr != NULL ? text.ptr : "");
	osp_buf_term(&text);
	return result;
}

static int
print_collectors(void)
{
	return cli_help(
		"Collectors, as --connection-string, OSPROFILER_CONNECTION_STRING and\n"
		"osprofiler.connection_string name them:\n"
		"\n"
		"  sqlite:////PATH                        a database; the default, in your\n"
		"                                         home directory\n"
		"  file:////PATH                          a notification a line\n"
		"  redis://[:PASSWORD@]HOST[:PORT][/DB]   rediss:// with TLS, redissentinel://\n"
		"  redis+unix:///run/redis/redis.sock     the same by a socket\n"
		"  postgresql://[USER@]HOST[:PORT]/DATABASE\n"
		"  messaging://USER:PASSWORD@HOST/        RabbitMQ\n"
		"  mysql://USER@HOST/DATABASE\n"
		"  elasticsearch://HOST[:PORT]            opensearch:// too\n"
		"  mongodb://HOST[:PORT]\n"
		"  otlp://HOST[:PORT]                     OpenTelemetry; only sends\n"
		"\n"
		"Their options: docs/drivers.md. Does one work? osprofiler doctor\n");
}

bool
cli_help_topic(const char *topic, int *result)
{
	if (strcmp(topic, "settings") == 0)
		*result = print_settings();
	else if (strcmp(topic, "collectors") == 0)
		*result = print_collectors();
	else
		return false;
	return true;
}
