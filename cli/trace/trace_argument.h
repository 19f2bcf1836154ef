/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_argument.h
 *	  Finds the trace that is the argument of a command.
 */
#ifndef OSPROFILER_CLI_TRACE_H
#define OSPROFILER_CLI_TRACE_H

#include <sys/stat.h>

#include "collector_options.h"
#include "delivery.h"
#include "osprofiler/report.h"
#include "server/other_sources.h"

/* The sources of traces, and how long to wait for points that are on their way. */
typedef struct cli_source
{
	cli_collector collector;
	cli_others others;
	double wait_s;
	cli_run_dirs dirs; /* found when the collector is opened */
	const char *more_dirs[CLI_OTHERS_MAX]; /* named by options, borrowed */
	size_t more_dir_count;
	osp_error missing; /* the result of reading; OSP_ENOENT: no store yet */
	bool failing;      /* a message has reported a failure */
	char whole_id[OSP_ID_MAX + 1]; /* the id, if it was named otherwise */
	osp_buf show_command;          /* see show_command.h */
	bool has_file;                 /* the trace was read from file */
	struct stat file;
} cli_source;

enum
{
	CLI_OPT_WAIT = CLI_OPT_FIRST_FREE,
	CLI_OPT_NO_WAIT,
	CLI_OPT_IDLE_TIMEOUT,
	CLI_OPT_SERVER,
	CLI_OPT_RUN_DIRECTORY,
	CLI_OPT_SOURCE_FREE
};

#define CLI_SOURCE_OPTIONS                                                  \
	CLI_COLLECTOR_OPTIONS, {"wait", required_argument, NULL, CLI_OPT_WAIT}, \
		{"no-wait", no_argument, NULL, CLI_OPT_NO_WAIT},                    \
		{"server", required_argument, NULL, CLI_OPT_SERVER},                \
		{"run-directory", required_argument, NULL, CLI_OPT_RUN_DIRECTORY},  \
	{                                                                       \
		"idle-timeout", required_argument, NULL, CLI_OPT_IDLE_TIMEOUT       \
	}

#define CLI_SOURCE_HELP                                                         \
	CLI_CONNECTION_HELP                                                         \
	"                            given more than once: the trace is read "      \
	"from all\n" CLI_TRANSPORT_HELP                                             \
	"  --server CONNINFO         read also what this PostgreSQL server has "    \
	"of the\n"                                                                  \
	"                            trace, as psql takes it; may be given "        \
	"more than\n"                                                               \
	"                            once\n"                                        \
	"  --run-directory D         ask also the processes of this run directory " \
	"what\n"                                                                    \
	"                            still runs, and wait for its points; may be "  \
	"given\n"                                                                   \
	"                            more than once\n"                              \
	"  --wait TIME               how long to wait for operations that are "     \
	"on their\n"                                                                \
	"                            way to the collector (5s)\n"                   \
	"  --no-wait                 show what is there\n"                          \
	"  --idle-timeout TIME       messaging: read on until nothing has come "    \
	"for so\n"                                                                  \
	"                            long; default: what is in the queue now\n"

void cli_source_init(cli_source *source);
void cli_source_term(cli_source *source);

/* Stores the value of one of the options above, as cli_collector_option does. */
bool cli_source_option(cli_source *source, int code,
					   const char *value) OSP_MUST_CHECK;

/*
 * Limits all reading: each collector and server of the source ends a call when
 * interrupted() returns true, or after deadline_ms (0: no limit), as in
 * osp_driver_options. Must be called after the options were read, and before
 * anything is opened.
 */
void cli_source_bound(cli_source *source, bool (*interrupted)(void *ctx),
					  unsigned deadline_ms);

/* Makes an empty report that can ask about processes; NULL after a message. */
osp_report *cli_source_report(cli_source *source);

/*
 * Opens the collector. If *name is "last" or the beginning of an id, it becomes
 * the id, borrowed from the source. CLI_FAILED after a message.
 */
int cli_source_open(cli_source *source, const char **name) OSP_MUST_CHECK;

/*
 * Reads the points of the trace into the report, which leaves out those that it
 * has already. A failure is reported once, until reading succeeds again.
 * CLI_FAILED after a failure; but CLI_OK if there are points from other
 * sources, or some that could be read before damaged ones.
 */
int cli_source_read(cli_source *source, const char *name,
					osp_report *report) OSP_MUST_CHECK;

/* Is the name a UUID: 32 hexadecimal digits, with or without dashes? */
bool cli_is_uuid_like(osp_str name);

/*
 * Reads a trace into a fresh *report, returned owned. name is a base id in any
 * form of osp_trace_name_form(); or, if it does not look like a UUID, the name
 * of a file that holds notifications or a report (osprofiler/saved.h). The
 * collector is opened only if it is needed. A trace without a single point is a
 * failure. CLI_FAILED, and NULL, after a message.
 */
int cli_load_trace(cli_source *source, const char *name,
				   osp_report **report) OSP_MUST_CHECK;

/*
 * Writes "2 points make no sense (the first: not JSON)"; with left_out it adds
 * that they were left out.
 */
#define CLI_MALFORMED_MAX 400
void cli_malformed_text(const osp_report *report, bool left_out,
						char text[CLI_MALFORMED_MAX]);

/*
 * Reports how many points of the trace make no sense, or have the id of another
 * point, if there are any.
 */
void cli_say_left_out(const osp_report *report);

/*
 * Reads a trace as cli_load_trace does, but name is never that of a file. Opens
 * the collector.
 */
int cli_load_stored_trace(cli_source *source, const char *name,
						  osp_report **report) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TRACE_H */
