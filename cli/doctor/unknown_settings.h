/* SPDX-License-Identifier: Apache-2.0
 *
 * unknown_settings.h
 *	  Names in the configuration that mean nothing: most likely typing errors.
 */
#ifndef OSPROFILER_CLI_UNKNOWN_SETTINGS_H
#define OSPROFILER_CLI_UNKNOWN_SETTINGS_H

#include "osprofiler/buf.h"

/* Borrowed during the call. */
typedef struct cli_unknown
{
	const char *file; /* NULL: a variable of the environment */
	unsigned line;
	osp_str name;
	const char *similar; /* the known name that it resembles, or NULL */
} cli_unknown;

typedef void (*cli_unknown_fn)(void *ctx, const cli_unknown *unknown);

/*
 * Calls fn for each name of the section [profiler] of the file (NULL: that of
 * OSPROFILER_CONF, if it is set), and for each variable that begins with
 * OSPROFILER_, that neither this project nor OSProfiler knows. A file that cannot
 * be read has none: osp_config_load() reports it.
 */
void cli_unknown_settings(const char *file, cli_unknown_fn fn, void *ctx);

/* A line on stderr for each. */
void cli_report_unknown_settings(const char *file);

#endif /* OSPROFILER_CLI_UNKNOWN_SETTINGS_H */
