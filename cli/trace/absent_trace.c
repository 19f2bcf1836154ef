/* SPDX-License-Identifier: Apache-2.0
 *
 * absent_trace.c
 *	  The message about a trace that was not found.
 */
#include "trace/absent_trace.h"
#include "cli.h"
#include "collector_advice.h"
#include "noted/run_history.h"
#include "other_users.h"
#include "shell_text.h"
#include "trace/trace_prefix.h"

#define PLACES_MAX 1024

bool
cli_resembles_id(const char *name)
{
	return cli_is_uuid_like(osp_str_of(name)) || cli_is_trace_prefix(name);
}

/*
 * Appends the collector to which a run of this user delivered the trace, if it
 * is not the one that was read.
 */
static void
add_collector_of_run(const cli_source *source, const char *name, osp_buf *text)
{
	char here[CLI_RUN_COLLECTOR_MAX];
	cli_run_history history;
	size_t i;

	cli_run_collector_name(source->collector.config.connection_string, here);
	cli_run_history_read(&source->collector.config, &history);
	for (i = 0; i < history.count; i++)
	{
		const cli_noted_run *run = &history.runs[i];

		if (!osp_str_eq(run->base_id, osp_str_of(name)) ||
			osp_str_eq(run->collector, osp_str_of(here)))
			continue;
		osp_buf_addf(text,
					 "; your 'osprofiler run' delivered it to %.*s, which "
					 "--connection-string names",
					 (int) run->collector.len,
					 run->collector.ptr);
		break;
	}
	cli_run_history_term(&history);
}

/*
 * Why a trace may have been there and is gone, if other consumers can take
 * messages from the collector.
 */
static const char *
why_gone(const char *connection_string)
{
	if (cli_forgets_at_restart(connection_string))
		return "it was deleted, another consumer took it, RabbitMQ restarted "
			   "(without durable=1), or it never arrived; ";
	return strncmp(connection_string, "messaging", 9) == 0
			   ? "it was deleted, another consumer took it, or it never "
				 "arrived; "
			   : "";
}

/*
 * Why a service may not have traced a request: it reports nothing about a
 * context that it does not trust. This applies to a collector that was named,
 * which services may use, too.
 */
static const char *
why_never(const cli_source *source, const char *name)
{
	return cli_is_uuid_like(osp_str_of(name)) &&
				   !cli_is_own_store(&source->collector)
			   ? "a service whose keys lack the one that signed the context "
				 "traces nothing ('osprofiler context show', with the "
				 "service's keys, says whether they do), nor does one that was "
				 "not restarted; "
			   : "";
}

#define NO_SHORT "nothing shorter than osprofiler.min_duration"

/*
 * Names other places where the trace may be. If the user has named a collector,
 * --connection-string is not explained again.
 */
static const char *
other_places(const cli_source *source)
{
	if (source->others.server_count > 0)
		return " (a server records " NO_SHORT ")";
	return cli_is_own_store(&source->collector)
			   ? "; --connection-string names another collector, --server "
				 "CONNINFO asks a PostgreSQL server, which records " NO_SHORT
			   : "; --server CONNINFO asks a PostgreSQL server, which "
				 "records " NO_SHORT;
}

/*
 * Reports that the trace is not in the collector, while a server failed or refused to say
 * whether it has it. A message before has said why.
 */
static int
report_silence(const cli_source *source, const char *name,
			   const cli_other_server *server)
{
	const osp_error *missing = &source->missing;
	const osp_buf *command = &server->as_superuser;
	bool is_known = osp_buf_status(command) == OSP_OK && command->len > 0;
	osp_buf word;
	int result;

	result = cli_error(
		"no trace '%s' in %s%s%s; the server has not reported whether "
		"it has it%s%.*s%s%s",
		name,
		source->collector.shown,
		missing->code == OSP_ENOENT ? ": " : "",
		missing->code == OSP_ENOENT ? missing->msg : "",
		is_known ? "; ask it as a superuser: " : "",
		is_known ? (int) command->len : 0,
		is_known ? command->ptr : "",
		is_known ? " " : "",
		is_known ? cli_quoted(&word, name) : "");
	if (is_known)
		osp_buf_term(&word);
	return result;
}

static int
report_unknown_id(const cli_source *source, const char *name,
				  const char *elsewhere)
{
	const char *shown = source->collector.shown;
	const char *also = source->others.server_count > 0 ? " and the server" : "";
	const cli_other_server *silent = cli_others_silent(&source->others);

	if (silent != NULL)
		return report_silence(source, name, silent);
	if (source->missing.code == OSP_ENOENT)
		return cli_error("no trace '%s' in %s%s: %s" CLI_NOTHING_YET "%s",
						 name,
						 shown,
						 also,
						 source->missing.msg,
						 elsewhere);
	if (!cli_resembles_id(name))
		return cli_error(
			"no trace '%s' in %s (an id looks like "
			"1f0c3a52-7d41-4e0b-9a53-5c0f2f7b6d11, and 'osprofiler trace list' "
			"shows those that there are: give the whole id, its first 8 "
			"characters, or 'last' for your last run, 'newest' for the newest)",
			name,
			shown);
	return cli_error(
		"no trace '%s' in %s%s: %s%s'osprofiler trace list' shows "
		"those that there are%s%s%s",
		name,
		shown,
		also,
		why_gone(source->collector.config.connection_string),
		elsewhere[0] == '\0' ? why_never(source, name) : "",
		cli_is_uuid_like(osp_str_of(name)) ? "" : ", so give the whole id",
		elsewhere[0] == '\0' || source->others.server_count > 0
			? other_places(source)
			: "",
		elsewhere);
}

int
cli_report_absence(const cli_source *source, const char *name,
				   const osp_report *report, const char *why)
{
	const char *shown = source->collector.shown;
	osp_buf elsewhere;
	int result;

	if (osp_report_malformed(report) > 0)
	{
		char text[CLI_MALFORMED_MAX];

		cli_malformed_text(report, false, text);
		return cli_error(
			"nothing of trace '%s' in %s can be shown: %s", name, shown, text);
	}
	if (why[0] != '\0' && cli_resembles_id(name))
		return cli_error("no trace '%s' in %s yet: %s", name, shown, why);
	osp_buf_init(&elsewhere, &osp_allocator_default, PLACES_MAX);
	add_collector_of_run(source, name, &elsewhere);
	if (elsewhere.len == 0 && source->dirs.others &&
		cli_is_own_store(&source->collector))
		cli_other_users_describe(&elsewhere, name);
	result = report_unknown_id(source,
							   name,
							   osp_buf_status(&elsewhere) == OSP_OK &&
									   elsewhere.len > 0
								   ? elsewhere.ptr
								   : "");
	osp_buf_term(&elsewhere);
	return result;
}
