/* SPDX-License-Identifier: Apache-2.0
 *
 * show_command.c
 *	  The command that shows another trace of the same source.
 *
 * The environment and files are the same for the next command, so only options
 * of the command line are repeated, without their secrets.
 */
#include "trace/show_command.h"
#include "shell_text.h"

#define COMMAND_MAX   ((size_t) 64 * 1024)
#define COLLECTOR_MAX 512

static void
add_collector(osp_buf *command, const char *option, const char *value)
{
	char shown[COLLECTOR_MAX];

	if (value == NULL)
		return;
	osp_connection_string_redact(osp_str_of(value), shown, sizeof(shown));
	osp_buf_addf(command, "%s ", option);
	cli_add_quoted(command, osp_str_of(shown));
	osp_buf_add_char(command, ' ');
}

static void
add_server(osp_buf *command, const char *conninfo)
{
	char shown[CLI_SERVER_NAME_MAX] = "";

	if (conninfo[0] != '\0')
		cli_server_name(conninfo, shown, sizeof(shown));
	osp_buf_addf(command, "--server ");
	cli_add_quoted(command, osp_str_of(shown));
	osp_buf_add_char(command, ' ');
}

void
cli_source_note_command(cli_source *source, osp_report *report)
{
	osp_buf *command = &source->show_command;
	size_t i;

	osp_buf_term(command);
	osp_buf_init(command, &osp_allocator_default, COMMAND_MAX);
	osp_buf_add_str(command, OSP_STR("osprofiler trace show "));
	add_collector(
		command, "--connection-string", source->collector.connection_string);
	for (i = 0; i < source->others.collector_count; i++)
		add_collector(command,
					  "--connection-string",
					  source->others.collectors[i].connection_string);
	add_collector(command, "--transport-url", source->collector.transport_url);
	for (i = 0; i < source->others.server_count; i++)
		add_server(command, source->others.servers[i].conninfo);
	if (osp_buf_status(command) == OSP_OK)
		osp_report_set_show_command(report, command->ptr, "");
}
