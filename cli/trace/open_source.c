/* SPDX-License-Identifier: Apache-2.0
 *
 * open_source.c
 *	  Opens the sources of a trace, and finds the id that a name stands for.
 *
 * The beginning of an id, and "last", are looked up in lists of traces, also in
 * those of servers. For that a server is opened as a collector (server_list.h).
 */
#include "cli.h"
#include "server/server_list.h"
#include "trace/last_trace.h"
#include "trace/trace_argument.h"
#include "trace/trace_prefix.h"

/* Finds the run directories of this user, and those that options name. */
static void
find_run_dirs(cli_source *source)
{
	size_t i;

	if (source->dirs.count > 0)
		return;
	cli_run_dirs_find(&source->dirs, &source->collector.config);
	for (i = 0; i < source->more_dir_count; i++)
		if (!cli_run_dirs_add(&source->dirs, source->more_dirs[i]))
			(void) cli_error("there is no run directory %s, or it cannot be "
							 "read",
							 source->more_dirs[i]);
}

/*
 * Looks up the beginning of an id in the lists of the servers, if the collector
 * does not have it.
 */
static int
find_in_servers(cli_source *source, const char *name)
{
	int result = CLI_OK;
	size_t i;

	for (i = 0; i < source->others.server_count && result == CLI_OK &&
				source->whole_id[0] == '\0';
		 i++)
	{
		cli_collector server;

		cli_collector_init(&server);
		result =
			cli_server_collector(&server, source->others.servers[i].conninfo);
		if (result == CLI_OK)
			result = cli_trace_prefix_find(
				&server, name, source->whole_id, &source->missing.code);
		cli_collector_close(&server);
	}
	return result;
}

/*
 * Adds the other collectors, and the servers, in which "last" is looked up. One
 * that cannot be opened is reported here, and not again when the trace is read.
 */
static void
add_other_places(cli_source *source, cli_collector servers[CLI_OTHERS_MAX],
				 cli_places *where)
{
	cli_others *others = &source->others;
	size_t i;

	for (i = 0; i < others->collector_count; i++)
	{
		if (cli_collector_open(&others->collectors[i]) == CLI_OK)
			where->places[where->count++] = &others->collectors[i];
		else
			others->failing[i] = true;
	}
	for (i = 0; i < others->server_count; i++)
	{
		if (cli_server_collector(&servers[i], others->servers[i].conninfo) ==
			CLI_OK)
			where->places[where->count++] = &servers[i];
		else
			others->servers[i].failing = true;
	}
}

static int
find_last(cli_source *source, const char *name)
{
	cli_places where = {.places = {&source->collector},
						.count = 1,
						.others = source->dirs.others &&
								  cli_is_own_store(&source->collector)};
	cli_collector servers[CLI_OTHERS_MAX];
	int result;
	size_t i;

	for (i = 0; i < CLI_OTHERS_MAX; i++)
		cli_collector_init(&servers[i]);
	add_other_places(source, servers, &where);
	result =
		cli_last_find(&where, name, source->whole_id, &source->missing.code);
	for (i = 0; i < CLI_OTHERS_MAX; i++)
		cli_collector_close(&servers[i]);
	return result;
}

static int
find_id(cli_source *source, const char *name)
{
	if (cli_is_last(name))
		return find_last(source, name);
	if (cli_trace_prefix_find(&source->collector,
							  name,
							  source->whole_id,
							  &source->missing.code) != CLI_OK)
		return CLI_FAILED;
	return cli_is_trace_prefix(name) ? find_in_servers(source, name) : CLI_OK;
}

int
cli_source_open(cli_source *source, const char **name)
{
	if (cli_collector_open(&source->collector) != CLI_OK)
		return CLI_FAILED;
	find_run_dirs(source);
	if (find_id(source, *name) != CLI_OK)
		return CLI_FAILED;
	if (source->whole_id[0] != '\0')
		*name = source->whole_id;
	return CLI_OK;
}
